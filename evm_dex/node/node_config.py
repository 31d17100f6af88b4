"""Options of a node, and the served chain that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import evm_dex
from evm_dex.abi.artifact import Artifact, ArtifactError, load_artifact
from evm_dex.blocks.dev_accounts import MNEMONIC, KeyPair, derive_accounts
from evm_dex.chain.genesis.genesis_file import funded_genesis
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.node.node import CLIENT_NAMES, Node
from evm_dex.node.request_limits import Limits
from evm_dex.node.server import Server
from evm_dex.origin.fork import Fork

if TYPE_CHECKING:
    from checkpoint.rocks import SyncPolicy
    from evm_dex.client.dex import Dex


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The options of a node."""

    path: Path | None = None
    genesis: Path | None = None
    accounts: int = 10
    mnemonic: str = ""
    """Empty for the well-known one."""
    balance: int = 10_000 * 10**18
    """Wei of each account of a new chain."""
    chain_id: int | None = None
    gas_limit: int | None = None
    automine: bool = True
    checkpoint_interval: int | None = None
    sync: SyncPolicy = "never"
    accept_loss: bool = False
    balance_log: bool | None = None
    keep_limit: int = 0
    fork: Fork | None = None
    resets: bool = True
    """False where others hold the chain too, so that no other may take its place."""
    cheats: bool = True
    client_name: str = "anvil"
    abis: tuple[Path, ...] = ()
    """Artifacts of contracts, or directories of such, that the page tells by name."""
    host: str = "127.0.0.1"
    origins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Names it goes by beside its host's."""
    block_seconds: float | None = None
    limits: Limits = Limits()

    @contextmanager
    def open(self) -> Iterator[tuple[Dex, Server]]:
        """Open the chain and its server, which does not listen yet.

        Raises what opening a chain raises, ValueError for options that contradict it.
        """
        self._check_mnemonic()
        if self.client_name not in CLIENT_NAMES:
            raise ValueError(
                f"--client-name must be one of {', '.join(CLIENT_NAMES)}, got {self.client_name!r}"
            )
        dex = self._open(self.fork)
        with ExitStack() as opened:
            opened.callback(dex.close)
            self._check_kept(dex)
            node = Node(
                dex.chain,
                self.keyed_accounts(),
                dex=dex,
                cheats=self.cheats,
                limits=self.limits,
                client_name=self.client_name,
                reopen=self._open if self.path is None and self.resets else None,
            )
            opened.pop_all()  # the node closes the chain that it serves by then
            opened.callback(node.close)
            for artifact in _artifacts(self.abis):
                node.contracts.add(artifact)
            yield dex, Server(node, self.origin_policy, block_seconds=self.block_seconds)

    def _open(self, fork: Fork | None) -> Dex:
        """Open the chain, or another like it that is forked or is not."""
        dex = evm_dex.open(
            self.path,
            genesis=self.new_genesis() if self._is_new or self.genesis else None,
            checkpoint_interval=self.checkpoint_interval,
            automine=self.automine,
            keep_limit=self.keep_limit,
            sync=self.sync,
            accept_loss=self.accept_loss,
            balance_log=self.balance_log,
            fork=fork,
        )
        if self.block_seconds is not None:
            dex.chain.settings.set_interval(max(1, round(self.block_seconds)))
        return dex

    @property
    def origin_policy(self) -> OriginPolicy:
        """The hosts and origins that are answered."""
        return OriginPolicy(self.host, self.origins, names=self.names)

    def _check_mnemonic(self) -> None:
        """Refuse a mistyped one, which would have accounts of its own."""
        if self.mnemonic in ("", MNEMONIC):
            return
        from eth_account.hdaccount.mnemonic import Mnemonic  # noqa: PLC0415 - loads its lists of words
        from eth_utils.exceptions import ValidationError  # noqa: PLC0415 - as above

        try:
            language = Mnemonic.detect_language(self.mnemonic)
            is_valid = Mnemonic(language).is_mnemonic_valid(self.mnemonic)
        except ValidationError:
            is_valid = False
        if not is_valid:
            raise ValueError(
                "--mnemonic must be a BIP-39 phrase: 12 to 24 words of its list, of which the last "
                "holds a checksum"
            )

    def _check_kept(self, dex: Dex) -> None:
        """Refuse options for a new chain that contradict one that is there already."""
        kept = {"chain-id": dex.chain.chain_id, "gas-limit": dex.chain.first.gas_limit}
        for name, asked in (("chain-id", self.chain_id), ("gas-limit", self.gas_limit)):
            if asked is not None and asked != kept[name]:
                raise ValueError(
                    f"--{name} {asked} is for a new chain, the one at {self.path} was begun with "
                    f"{kept[name]}: leave it out, or choose another --chain"
                )

    @cached_property
    def _keyed(self) -> tuple[KeyPair, ...]:
        return derive_accounts(self.mnemonic or MNEMONIC, self.accounts)

    def keyed_accounts(self) -> tuple[KeyPair, ...]:
        """Return the accounts whose keys are at hand."""
        return self._keyed

    def new_genesis(self) -> Mapping[str, Any]:
        """Return the genesis of a new chain: the file's or the default, with the options."""
        addresses = (account.address for account in self._keyed)
        return funded_genesis(
            self.genesis, addresses, self.balance, chain_id=self.chain_id, gas_limit=self.gas_limit
        )

    @property
    def _is_new(self) -> bool:
        return self.path is None or not (self.path / "db").is_dir()


def _artifacts(paths: Iterable[Path]) -> Iterator[Artifact]:
    """Yield the artifacts in files and, where there are any, below directories.

    A contract is named by its file where its compiler doesn't say. Raises ArtifactError for a file
    that is none, ValueError for a path that is not there.
    """
    for path in paths:
        if not path.exists():
            raise ValueError(f"--abi {path}: there is no such file or directory")
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            try:
                artifact = load_artifact(file)
            except ArtifactError:
                if path.is_dir():
                    continue  # what else compilers leave there
                raise
            yield {"contractName": file.stem, **artifact}
