"""The consensus engine: where its program is, its keys, and what it is told."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from evm_dex.errors import EngineMissing
from evm_dex.validator.genesis_document import ValidatorKey

VERSION = "0.38.26"
"""The release that the tests run with; any of `_SERIES` speaks the same protocol."""
MOST_REQUESTS = 100
"""Requests that its RPC takes at once."""
_SERIES = "0.38."
_CHECKOUT = Path(__file__).parents[2] / ".cometbft" / "cometbft"
_INSTALL = f"`go install github.com/cometbft/cometbft/cmd/cometbft@v{VERSION}`"
_KEY_BYTES = 32
_ID_BYTES = 20
_SECONDS_TO_ANSWER = 60
_SECONDS_TO_PROPOSE = 3
"""After which the turn is the next validator's; the engine's default."""


def find_engine() -> Path:
    """Return the engine's program. Raises EngineMissing, saying how to get it."""
    named = os.environ.get("EVM_DEX_COMETBFT")
    places = [named] if named else [shutil.which("cometbft"), Path.home() / "go/bin/cometbft"]
    for place in (*places, *([] if named else [_CHECKOUT])):
        if place is not None and os.access(place, os.X_OK):
            _check_version(Path(place))
            return Path(place)
    where = f"is not at {named} (EVM_DEX_COMETBFT)" if named else "is missing"
    raise EngineMissing(f"the consensus engine {where}: with Go installed, {_INSTALL} makes it")


def _check_version(program: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the engine's program
            [program, "version"],
            capture_output=True,
            text=True,
            timeout=_SECONDS_TO_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineMissing(f"{program} does not run: {error}") from error
    told = done.stdout.strip().removeprefix("v")
    if not told.startswith(_SERIES):
        raise EngineMissing(
            f"{program} must be CometBFT {_SERIES}x, got {told or done.stderr.strip()!r}: "
            f"{_INSTALL} makes it"
        )


class EngineKeys(msgspec.Struct, frozen=True):
    """The identity of an engine."""

    peer_id: str
    """The name by which peers know it: 40 hex digits, of the hash of its key."""
    validator: ValidatorKey


def make_keys(program: Path, home: Path, name: str) -> EngineKeys:
    """Let the engine make keys in a new home. Raises EngineMissing."""
    try:
        subprocess.run(  # noqa: S603 - the engine's program
            [program, "init", "--home", home],
            capture_output=True,
            text=True,
            timeout=_SECONDS_TO_ANSWER,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineMissing(f"{program} could not make keys: {error}") from error
    return read_keys(home, name)


def read_keys(home: Path, name: str) -> EngineKeys:
    """Read the identity of an engine. Raises EngineMissing where the keys are not there."""
    try:
        validator = json.loads((home / "config" / "priv_validator_key.json").read_bytes())
        node = json.loads((home / "config" / "node_key.json").read_bytes())
        public = base64.b64decode(node["priv_key"]["value"])[-_KEY_BYTES:]
        key = ValidatorKey(name, validator["address"], validator["pub_key"]["value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineMissing(f"{home} has no keys of a validator: {error!r}") from error
    return EngineKeys(hashlib.sha256(public).digest()[:_ID_BYTES].hex(), key)


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that differ between engines. Hosts are addresses that an engine listens at."""

    name: str
    application: Path
    """The socket of the application."""
    rpc_host: str
    rpc_port: int
    peer_host: str
    peer_port: int
    external_address: str
    """Host and port at which peers reach it; empty for where it listens."""
    peers: tuple[str, ...]
    """Peers it keeps a connection to, each as id@host:port."""
    idle_seconds: int = 0
    """Seconds that a proposer may wait for transactions."""
    state_sync: Any = None
    """Table of the state sync by which it begins, see `StateSync`; None for none."""


def engine_config(settings: EngineSettings) -> str:
    """Return the engine's config.toml; what is not in it is as the engine has it by default."""
    text = json.dumps  # a string in TOML's double quotes
    ids = [peer.partition("@")[0] for peer in settings.peers]
    sections = [
        f"proxy_app = {text(f'unix://{settings.application}')}",
        f"moniker = {text(settings.name)}",
        'log_level = "error"',
        "\n[rpc]",
        f"laddr = {text(f'tcp://{settings.rpc_host}:{settings.rpc_port}')}",
        f"max_request_batch_size = {MOST_REQUESTS}",
        "\n[p2p]",
        f"laddr = {text(f'tcp://{settings.peer_host}:{settings.peer_port}')}",
        f"external_address = {text(settings.external_address)}",
        f"persistent_peers = {text(','.join(settings.peers))}",
        "# strangers that take all places keep none of these out",
        f"unconditional_peer_ids = {text(','.join(ids))}",
        "# by default a message waits a tenth of a second for others; each block takes several",
        'flush_throttle_timeout = "10ms"',
        "# addresses of private networks and of this machine are fine, and several of one host",
        "addr_book_strict = false",
        "allow_duplicate_ip = true",
        "\n[mempool]",
        "# as many as the chain's own",
        "size = 20000",
        "max_txs_bytes = 67108864",
        "\n[consensus]",
        "# the chain's clock goes on by a second a block at least",
        'timeout_commit = "1s"',
        f'timeout_propose = "{_SECONDS_TO_PROPOSE + settings.idle_seconds}s"',
        "# how long a peer that had nothing to pass on sleeps before it looks again",
        'peer_gossip_sleep_duration = "20ms"',
        "\n[tx_index]",
        "# the chain has its own",
        'indexer = "null"',
    ]
    if settings.state_sync is not None:
        sync = settings.state_sync
        sections += [
            "\n[statesync]",
            "enable = true",
            f"rpc_servers = {text(','.join(sync.servers))}",
            f"trust_height = {sync.height}",
            f"trust_hash = {text(sync.hash)}",
            'trust_period = "168h0m0s"',
            'discovery_time = "5s"',
        ]
    return "\n".join(sections) + "\n"
