"""Executing again what was mined, or trying out a call, with everything that happens in it seen."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from eth.abc import ComputationAPI

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.block_store import BlockId
from evm_dex.errors import StateMissing
from evm_dex.evm.calls import Call, Prepare
from evm_dex.evm.config import MINING, ExecutionConfig
from evm_dex.evm.console_calls import ConsoleCalls
from evm_dex.evm.machine import missing_state_as
from evm_dex.evm.tracer import Frame, Tracer, frame_of

if TYPE_CHECKING:
    from evm_dex.chain.chain import Chain


class Trace(msgspec.Struct, frozen=True):
    """The outcome of one traced execution; its steps are with the tracer."""

    frame: Frame
    gas_limit: int
    gas_used: int
    """Gas that is paid for."""
    gone: tuple[bytes, ...] = ()
    """Accounts that are destroyed at its end."""

    @property
    def whole(self) -> Frame:
        """The outermost call with the gas of the transaction, which is paid before and after it."""
        return msgspec.structs.replace(self.frame, gas=self.gas_limit, gas_used=self.gas_used)


def trace_transaction(
    chain: Chain, transaction_hash: bytes, tracer: Tracer, config: ExecutionConfig = MINING
) -> Trace:
    """Execute a mined transaction again, after those before it in its block.

    Raises UnknownTransaction, UndoExpired for a block too far back, StateMissing, TraceTooLong.
    """
    included = chain.blocks.included(transaction_hash)
    configs = [*(config for _ in range(included.index)), tracer.watching(config)]
    with _replayed(chain, included.header, configs) as executions:
        *_, (transaction, computation, gas_used) = executions
        return _trace(computation, transaction.gas, gas_used)


def console_calls(chain: Chain, transaction_hash: bytes) -> tuple[bytes, ...]:
    """Return the inputs of a mined transaction's calls of `console.log`, in order.

    Raises like `trace_transaction`.
    """
    recent = chain.blocks.recent_console(transaction_hash)
    if recent is not None:
        return recent
    included, calls = chain.blocks.included(transaction_hash), ConsoleCalls()
    noting = msgspec.structs.replace(MINING, on_console=calls.note)
    configs = [*(MINING for _ in range(included.index)), noting]
    with _replayed(chain, included.header, configs) as executions:
        for _ in executions:
            pass
    return calls.take()


def trace_call(
    chain: Chain,
    call: Call,
    block: BlockId,
    tracer: Tracer,
    prepare: Prepare | None = None,
) -> Trace:
    """Trace a call after a block. Raises like `Chain.call`, but a failure is a trace."""
    header = chain.context_after(block)
    with missing_state_as(StateMissing), chain.ledger_at(block):
        watched = msgspec.structs.replace(call, config=tracer.watching(call.config))
        return _trace(*chain.call_runner.run(watched, header, prepare))


def trace_block(
    chain: Chain,
    block: BlockId,
    new_tracer: Callable[[], Tracer],
    config: ExecutionConfig = MINING,
) -> Generator[tuple[Transaction, Trace, Tracer]]:
    """Execute all transactions of a block again, each with a tracer of its own.

    Raises like `trace_transaction`. Until it is closed the ledger is that of then.
    """
    header = chain.header(block)
    if header.block_number == chain.blocks.first_height:
        return
    tracers: list[Tracer] = []

    def configs() -> Iterator[ExecutionConfig]:
        while True:
            tracers.append(new_tracer())
            yield tracers[-1].watching(config)

    with _replayed(chain, header, configs()) as executions:
        for transaction, computation, gas_used in executions:
            trace = _trace(computation, transaction.gas, gas_used)
            yield transaction, trace, tracers[-1]


def _trace(computation: ComputationAPI, gas_limit: int, gas_used: int) -> Trace:
    gone = tuple(computation.get_accounts_for_deletion())
    return Trace(frame_of(computation), gas_limit, gas_used, gone)


@contextmanager
def _replayed(
    chain: Chain, header: Header, configs: Iterable[ExecutionConfig]
) -> Iterator[Iterator[tuple[Transaction, ComputationAPI, int]]]:
    """Provide as many transactions of a block as configurations, executed when asked for."""
    parent = chain.header(header.block_number - 1)
    stored = chain.blocks.body(header.hash).transactions
    transactions = [decode(transaction.raw, transaction.sender) for transaction in stored]
    with missing_state_as(StateMissing), chain.ledger_at(parent.block_number):
        replay = chain.call_runner.replay(parent, header, transactions, configs)
        yield (
            (transaction, computation, gas_used)
            for transaction, (computation, gas_used) in zip(transactions, replay, strict=False)
        )
