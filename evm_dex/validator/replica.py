"""The chain of a validator with its JSON-RPC beside it, from when there is a chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from checkpoint.layout import write_file
from evm_dex.chain.replicated_chain import ReplicatedChain
from evm_dex.client.dex import Dex
from evm_dex.client.open_dex import open_replicated
from evm_dex.errors import AlreadyInUse, ChainError, GenesisMismatch
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.node.server import Server
from evm_dex.node.turns import Use
from evm_dex.validator.clock import Clock
from evm_dex.validator.genesis_document import GenesisDocument
from evm_dex.validator.relay import Gossip
from evm_dex.validator.serving_options import ServingOptions
from evm_dex.validator.validator_node import ValidatorNode

_Result = TypeVar("_Result")


class Replica:
    """Holds the chain, its store and its server."""

    def __init__(
        self, genesis: GenesisDocument, served: ServingOptions, gossip: Gossip, clock: Clock
    ) -> None:
        self.genesis = genesis
        self.clock = clock
        self.on_commit: list[Callable[[], object]] = []
        """Called after each block."""
        self._served = served
        self._gossip = gossip
        self._dex: Dex | None = None
        self._server: Server | None = None
        self._mark = served.path / "validators-chain-id"

    @property
    def is_open(self) -> bool:
        """True once there is a chain."""
        return self._dex is not None

    @property
    def chain(self) -> ReplicatedChain:
        """The chain. Raises ChainError before there is one."""
        if self._dex is None:
            raise ChainError("there is no chain yet: the engine has not begun it")
        chain = self._dex.chain
        assert isinstance(chain, ReplicatedChain), "it was opened as one"
        return chain

    @property
    def server(self) -> Server:
        """The server of its JSON-RPC."""
        assert self._server is not None, "it is there from when the chain is"
        return self._server

    @property
    def path(self) -> Path:
        """The directory of the chain."""
        return self._served.path

    async def open_kept(self) -> None:
        """Open the chain if there is one already. Raises what opening a chain raises."""
        if (self.path / "db").is_dir():
            await self.open()

    async def begin(self, chain_id: str) -> None:
        """Begin the chain, or take the one begun. Raises ChainError where it is another."""
        if chain_id != self.genesis.chain_id:
            raise GenesisMismatch(
                f"the engine is of chain {chain_id}, this validator of {self.genesis.chain_id}: "
                "both must have the same genesis"
            )
        if not self.is_open:
            await self.open()
        if self.chain.head.block_number:
            raise GenesisMismatch(
                f"the engine begins the chain anew, and {self.path} is at block "
                f"{self.chain.head.block_number}: move that directory away, to fetch the chain "
                "from the other validators, or put the engine's data back"
            )

    async def open(self) -> None:
        """Open the chain, begun with the genesis where there is none, and serve it.

        Raises GenesisMismatch for that of other validators, and what opening a chain raises.
        """
        self._check_mark()
        dex = open_replicated(
            self.path,
            genesis=self.genesis.chain,
            checkpoint_interval=self._served.checkpoint_interval,
        )
        try:
            write_file(self._mark, f"{self.genesis.chain_id}\n".encode())
            server = await self._serve(dex)
        except BaseException:
            dex.close()
            raise
        self._dex, self._server = dex, server

    async def _serve(self, dex: Dex) -> Server:
        served = self._served
        server = Server(
            ValidatorNode(dex, self._gossip), OriginPolicy(served.host, names=served.names)
        )
        try:
            await server.start(served.host, served.port)
        except OSError as error:
            raise AlreadyInUse(
                f"can't listen at {served.host}:{served.port}: {error.strerror}; change `port` in "
                "config/validator.toml"
            ) from error
        return server

    def _check_mark(self) -> None:
        """Tell chains apart that begin alike: networks made in one second have the same block 0."""
        if not self._mark.exists():
            return
        found = self._mark.read_text(errors="replace").strip()
        if found != self.genesis.chain_id:
            raise GenesisMismatch(
                f"{self.path} was begun with another genesis, that of {found}, and this validator "
                f"is of {self.genesis.chain_id}: put back the genesis, or the chain, that belongs "
                "there"
            )

    async def shortly(self, work: Callable[[], _Result]) -> _Result:
        """Do what takes next to no time and looks at no exchange; at once where nobody is at work.

        It goes before a block in work ends.
        """
        turns = self.server.node.turns
        if turns.try_take():
            try:
                return work()
            finally:
                turns.give()
        return await self.server.on_chain(work, Use.READING)

    def committed(self) -> None:
        """Tell whoever waits for it of a block."""
        for tell in self.on_commit:
            tell()

    async def close(self) -> None:
        """Stop the server, and close the chain and its store."""
        if self._server is not None:
            await self._server.stop()
        if self._dex is not None:
            self._dex.close()
        self._dex = self._server = None
