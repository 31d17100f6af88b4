"""The directory of one validator: its settings and keys, the engine's data, and its chain."""

from __future__ import annotations

import json
import secrets
import shutil
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.errors import NotAValidator
from evm_dex.validator.engine import EngineSettings
from evm_dex.validator.genesis_document import GenesisDocument, read_document
from evm_dex.validator.serving_options import ServingOptions

_LOOPBACK = "127.0.0.1"
_EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - compared with, not bound to
_KEY_BYTES = 32
MOST_IDLE_SECONDS = 30
"""A block has the time of the votes before it, and a clock that is off by a minute is refused."""


class StateSync(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The block that a validator which joins trusts, and who is asked about it."""

    height: int
    hash: str
    """64 hex digits: the engine's block hash, as `evm-dex validator status` tells it."""
    servers: tuple[str, ...]
    """RPCs of engines, each as http://host:port; two at least, of which each checks the others."""


class ValidatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings in validator.toml. None changes what comes of a block."""

    name: str
    host: str = _LOOPBACK
    """Address at which JSON-RPC listens."""
    port: int
    """Port of JSON-RPC; of the engine's RPC and of its peers in the next two."""
    engine_port: int
    peer_port: int
    peer_host: str = _LOOPBACK
    """Address at which the engine listens, to peers and to those who join."""
    external_address: str = ""
    peers: tuple[str, ...] = ()
    checkpoint_interval: int = 1_000
    """Blocks between checkpoints, of which the last are offered to those who join."""
    idle_seconds: Annotated[int, msgspec.Meta(ge=0, le=MOST_IDLE_SECONDS)] = 0
    """Seconds that a proposer waits for a transaction before it makes an empty block; the same on
    all, since the others wait as much longer for it."""
    state_sync: StateSync | None = None


class Home:
    """Places in a validator's directory, and what is kept there."""

    def __init__(self, path: Path) -> None:
        """`path` is made absolute: the engine runs in it."""
        self.path = path.absolute()
        self.config = self.path / "config"
        self.settings_file = self.config / "validator.toml"
        self.genesis_file = self.config / "genesis.json"
        self._account_file = self.config / "account_key"
        self.chain = self.path / "chain"
        self.snapshots = self.path / "snapshots"
        self._joining = self.path / "joining"
        self._mark = self.path / "data" / "chain-id"
        self.socket = self.path / "abci.sock"
        self.engine_log = self.path / "engine.log"
        self.application_log = self.path / "application.log"

    @property
    def is_there(self) -> bool:
        """True for the directory of a validator."""
        return self.settings_file.is_file()

    @property
    def has_chain(self) -> bool:
        """True once there is a chain."""
        return (self.chain / "db").is_dir()

    def settings(self) -> ValidatorSettings:
        """Read the settings. Raises NotAValidator."""
        try:
            content = tomllib.loads(self.settings_file.read_text())
            return msgspec.convert(content, ValidatorSettings)
        except FileNotFoundError:
            raise NotAValidator(
                f"{self.path} is no validator's directory: `evm-dex validator init` makes new "
                "ones, `evm-dex validator join` one more"
            ) from None
        except (OSError, ValueError, msgspec.ValidationError) as error:
            raise NotAValidator(f"{self.settings_file}: {error}") from error

    def genesis(self) -> GenesisDocument:
        """Read and check the genesis. Raises GenesisError."""
        return read_document(self.genesis_file)

    def make_account(self) -> KeyPair:
        """Make the key of the account that votes on who is a validator."""
        self._account_file.touch(mode=0o600)
        self._account_file.write_text(f"{secrets.token_bytes(_KEY_BYTES).hex()}\n")
        return self.account()

    def account(self) -> KeyPair:
        """Read the key of that account. Raises NotAValidator."""
        try:
            return KeyPair(bytes.fromhex(self._account_file.read_text()))
        except (OSError, ValueError) as error:
            raise NotAValidator(
                f"{self._account_file} has no key of an account that votes: {error}"
            ) from error

    def url(self) -> str:
        """Return where its JSON-RPC is reached from this machine. Raises NotAValidator."""
        settings = self.settings()
        return f"http://{reached(settings.host)}:{settings.port}"

    def engine_url(self) -> str:
        """Return where its engine's RPC is, as `url`."""
        settings = self.settings()
        return f"http://{reached(settings.peer_host)}:{settings.engine_port}"

    def check_engine_data(self, chain_id: str) -> None:
        """Refuse data of an engine that `mark_engine_data` says is of another chain.

        Raises NotAValidator.
        """
        if not self._mark.exists():
            return
        found = self._mark.read_text().strip()
        if found != chain_id:
            raise NotAValidator(
                f"{self._mark.parent} is of chain {found}, {self.genesis_file} of {chain_id}: put "
                "back the genesis, or the data, that belongs there"
            )

    def mark_engine_data(self, chain_id: str) -> None:
        """Note of which chain the engine's data is, before the engine writes any."""
        self._mark.parent.mkdir(exist_ok=True)
        self._mark.write_text(f"{chain_id}\n")

    def served(self) -> ServingOptions:
        """Return where the chain is kept and served."""
        settings = self.settings()
        return ServingOptions(
            path=self.chain,
            host=settings.host,
            port=settings.port,
            checkpoint_interval=settings.checkpoint_interval,
        )

    def engine_settings(self) -> EngineSettings:
        """Return what the engine is told: it syncs by state for as long as it joins."""
        settings = self.settings()
        return EngineSettings(
            name=settings.name,
            application=self.socket,
            rpc_host=settings.peer_host,
            rpc_port=settings.engine_port,
            peer_host=settings.peer_host,
            peer_port=settings.peer_port,
            external_address=settings.external_address,
            peers=settings.peers,
            idle_seconds=settings.idle_seconds,
            state_sync=settings.state_sync if self._joining.exists() else None,
        )

    def begin_to_join(self) -> None:
        """Let it begin from nothing at each start, until a block follows the state it fetched."""
        self._joining.touch()

    def joined(self) -> None:
        """Note that it has joined, from where it goes on by itself."""
        self._joining.unlink(missing_ok=True)

    def forget_half_joined(self) -> None:
        """Remove what a start left that was ended before the validator had joined.

        The engine's keys and what it signed stay.
        """
        if not self._joining.exists():
            return
        shutil.rmtree(self.chain, ignore_errors=True)
        for directory in (self.path / "data").glob("*"):
            if directory.is_dir():
                shutil.rmtree(directory)

    def write(self, settings: ValidatorSettings, genesis: dict[str, Any]) -> None:
        """Write settings and genesis of a new validator, whose keys are there."""
        self.settings_file.write_text(_toml(settings))
        self.genesis_file.write_text(json.dumps(genesis, indent=1) + "\n")


def reached(host: str) -> str:
    """Return the host at which this machine reaches what listens at one."""
    return _LOOPBACK if host == _EVERY_INTERFACE else host


def homes_in(paths: list[Path]) -> list[Home]:
    """Return the validators at some paths, each one's directory or one that holds several.

    Raises NotAValidator for a path without any.
    """
    found = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() and not Home(path).is_there else []
        several = [home for home in map(Home, inside) if home.is_there]
        if not several:
            Home(path).settings()
        found += several or [Home(path)]
    return found


def _toml(settings: ValidatorSettings) -> str:
    lines = [
        "# Settings of one validator, read when it starts; none changes what comes of a block.",
        "# port: JSON-RPC. engine_port: the engine's RPC. peer_port: where its peers connect.",
    ]
    content = msgspec.to_builtins(settings)
    sync = content.pop("state_sync")
    lines += [f"{name} = {json.dumps(value)}" for name, value in content.items()]
    if sync is not None:
        lines += ["", "[state_sync]", *(f"{n} = {json.dumps(v)}" for n, v in sync.items())]
    return "\n".join(lines) + "\n"
