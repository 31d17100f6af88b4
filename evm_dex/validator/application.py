"""The application: what the engine asks, answered by the chain.

An engine asks over several connections at once. What makes blocks comes in order over one of
them; transactions are checked meanwhile, and never wait for a decision.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from evm_dex.chain.replicated_chain import ExecutedBlock, ReplicatedChain
from evm_dex.errors import ChainError, TransactionRejected, WrongHeight
from evm_dex.node.turns import Use
from evm_dex.validator.abci.abci_pb2 import (
    Answer,
    Begun,
    CheckTx,
    Committed,
    Finalized,
    Info,
    InitChain,
    Prepare,
    Proposal,
    Request,
    Response,
    TxResult,
    Txs,
    ValidatorUpdate,
    Verdict,
)
from evm_dex.validator.genesis_document import APP_VERSION
from evm_dex.validator.replica import Replica
from evm_dex.validator.snapshot_answers import SnapshotAnswers
from evm_dex.validator.state_archives import Shelf

_logger = logging.getLogger(__name__)
INCLUDED, NOT_ADMITTED = 0, 1
"""Codes of transactions."""
SNAPSHOTS = "snapshots"
"""The path of a query for the heights of the snapshots that are offered, as a JSON array."""
_ACCEPT, _REJECT = 1, 2
_RECHECK = 1
_Result = TypeVar("_Result")


class Application:
    """Answers an engine, for one chain."""

    def __init__(
        self, replica: Replica, shelf: Shelf, directory: Path, idle_seconds: int = 0
    ) -> None:
        """`shelf` is what it offers; a state that comes in is put together in `directory`.

        A proposer waits `idle_seconds` for transactions where there are none.
        """
        self._replica = replica
        self._shelf = shelf
        self._idle_seconds = idle_seconds
        self._came = asyncio.Event()
        """Set when a transaction comes to those that wait."""
        self._proposed_at: float | None = None
        """The monotonic time at which the next block was first proposed."""
        self._handlers: Mapping[str, Callable[[Request], Awaitable[Response]]] = {
            "echo": self._echo,
            "info": self._info,
            "init_chain": self._init_chain,
            "query": self._query,
            "check_tx": self._check_tx,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "finalize_block": self._finalize_block,
            "commit": self._commit,
            "extend_vote": self._extend_vote,
            "verify_vote_extension": self._verify_vote_extension,
            **SnapshotAnswers(replica, shelf, directory).handlers,
        }

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request. Raises ChainError for one that is none."""
        handler = self._handlers.get(request.WhichOneof("value") or "")
        if handler is None:
            raise ChainError("the engine must speak ABCI 2.0: it asked for what that does not have")
        return await handler(request)

    @property
    def chain(self) -> ReplicatedChain:
        """The chain. Raises ChainError before there is one."""
        return self._replica.chain

    async def _echo(self, request: Request) -> Response:
        return Response(echo=request.echo)

    async def _info(self, _: Request) -> Response:
        info = Info(data="evm-dex", app_version=APP_VERSION)
        if self._replica.is_open and self.chain.head.block_number:
            info.last_block_height = self.chain.head.block_number
            info.last_block_app_hash = self.chain.head.hash
        return Response(info=info)

    async def _init_chain(self, request: Request) -> Response:
        begun: InitChain = request.init_chain
        await self._replica.begin(begun.chain_id)
        return Response(init_chain=Begun(app_hash=self.chain.first.hash))

    async def _query(self, request: Request) -> Response:
        """Answer which snapshots there are, for those who join; all else is asked by JSON-RPC."""
        if request.query.path == SNAPSHOTS:
            heights = msgspec.json.encode([each.height for each in self._shelf.offered()])
            return Response(query=Answer(value=heights))
        said = "nothing is asked here: ask the JSON-RPC of this validator"
        return Response(query=Answer(code=NOT_ADMITTED, log=said))

    # Transactions

    async def _check_tx(self, request: Request) -> Response:
        asked: CheckTx = request.check_tx
        check = self.chain.look_again if asked.type == _RECHECK else self.chain.take_in

        def result() -> TxResult:
            try:
                check(asked.tx)
            except TransactionRejected as error:
                return TxResult(code=NOT_ADMITTED, log=str(error))
            return TxResult(code=INCLUDED)

        found = await self._replica.shortly(result)
        if found.code == INCLUDED:
            self._came.set()
        return Response(check_tx=found)

    # Blocks

    async def _prepare_proposal(self, request: Request) -> Response:
        asked: Prepare = request.prepare_proposal
        raws, seconds = tuple(asked.txs), asked.time.seconds
        if not raws and self._idle_seconds:
            raws = await self._await_transactions()
        self._begin(asked.height)
        chosen = await self._alone(
            lambda: self.chain.propose(raws, seconds, asked.max_tx_bytes).given
        )
        return Response(prepare_proposal=Txs(txs=chosen))

    async def _await_transactions(self) -> tuple[bytes, ...]:
        """Return what can be in the next block, as soon as anything can; nothing after the wait."""

        def pending() -> tuple[bytes, ...]:
            return tuple(each.raw for each in self.chain.mempool.pending())

        with suppress(TimeoutError):
            async with asyncio.timeout(self._idle_seconds):
                while True:
                    self._came.clear()
                    if found := await self._replica.shortly(pending):
                        return found
                    await self._came.wait()
        return ()

    async def _process_proposal(self, request: Request) -> Response:
        """Accept what can be executed: else a block would be decided at which every chain stops."""
        proposal: Proposal = request.process_proposal
        self._begin(proposal.height)
        self._replica.clock.look_at(proposal.time.seconds)
        try:
            await self._execute(proposal)
        except ChainError:
            raise  # of this chain, not of the block
        except Exception:
            _logger.exception("a proposal for block %d is refused", proposal.height)
            return Response(process_proposal=Verdict(result=_REJECT))
        return Response(process_proposal=Verdict(result=_ACCEPT))

    async def _finalize_block(self, request: Request) -> Response:
        decided: Proposal = request.finalize_block
        self._begin(decided.height)
        block = await self._execute(decided)
        results = [
            TxResult(code=INCLUDED, gas_used=outcome.gas_used)
            if outcome.is_included
            else TxResult(code=NOT_ADMITTED, log=outcome.problem)
            for outcome in block.outcomes
        ]
        updates = [
            ValidatorUpdate(pub_key={"ed25519": key}, power=power)
            for key, power in block.power_changes
        ]
        return Response(
            finalize_block=Finalized(
                tx_results=results, validator_updates=updates, app_hash=block.header.hash
            )
        )

    async def _commit(self, _: Request) -> Response:
        header = await self._alone(self.chain.commit_executed)
        assert self._proposed_at is not None, "it was executed"
        seconds, self._proposed_at = time.monotonic() - self._proposed_at, None
        _logger.info(
            "block %d: %d gas, %.3f s from the first proposal",
            header.block_number,
            header.gas_used,
            seconds,
        )
        self._replica.committed()
        return Response(commit=Committed())

    async def _extend_vote(self, _: Request) -> Response:
        return Response(extend_vote={})

    async def _verify_vote_extension(self, _: Request) -> Response:
        return Response(verify_vote_extension=Verdict(result=_ACCEPT))

    async def _execute(self, block: Proposal) -> ExecutedBlock:
        raws, seconds = tuple(block.txs), block.time.seconds
        return await self._alone(lambda: self.chain.execute(raws, seconds))

    async def _alone(self, work: Callable[[], _Result]) -> _Result:
        return await self._replica.server.on_chain(work, Use.ALONE)

    def _begin(self, height: int) -> None:
        """Take note of a proposal. Raises WrongHeight for one that is not for the next block."""
        self._proposed_at = self._proposed_at or time.monotonic()
        following = self.chain.head.block_number + 1
        if height != following:
            raise WrongHeight(
                f"the engine asks for block {height}, the chain's next is {following}: are they "
                "both of this validator's directory?"
            )
