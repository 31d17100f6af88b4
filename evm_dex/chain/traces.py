"""Executing again what was mined, or trying out a call, with everything that happens in it seen."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import msgspec

from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.block_store import BlockId
from evm_dex.errors import StateMissing
from evm_dex.evm.machine import missing_state_as
from evm_dex.evm.simulator import Call, Prepare
from evm_dex.evm.tracer import Frame, Tracer, frame_of

if TYPE_CHECKING:
    from evm_dex.chain.chain import Chain


class Trace(msgspec.Struct, frozen=True):
    """What was seen of one execution; its steps are with the tracer."""

    frame: Frame
    gas_limit: int
    gas_used: int
    """Paid for, by a transaction; used, by a call."""


def trace_transaction(chain: Chain, transaction_hash: bytes, tracer: Tracer) -> Trace:
    """A mined transaction again, after those before it in its block.

    Raises UnknownTransaction, UndoExpired for a block too far back, StateMissing, TraceTooLong.
    """
    included = chain.history.included(transaction_hash)
    header = included.header
    parent = chain.header(header.block_number - 1)
    stored = chain.history.body(header.hash).transactions[: included.index + 1]
    transactions = [decode(transaction.raw, transaction.sender) for transaction in stored]
    with missing_state_as(StateMissing), chain.ledger_at(parent.block_number):
        computation, gas_used = chain.simulator.replay(parent, header, transactions, tracer)
        return Trace(frame_of(computation), included.transaction.gas, gas_used)


def trace_call(
    chain: Chain, call: Call, block: BlockId, tracer: Tracer, prepare: Prepare | None = None
) -> Trace:
    """What a call would do after a block. Raises like `Chain.call`, but a failure is a trace."""
    header = chain.header(block)
    with missing_state_as(StateMissing), chain.ledger_at(header.block_number):
        computation = chain.simulator.watched_call(call, header, tracer, prepare)
        frame = frame_of(computation)
    return Trace(frame, frame.gas, frame.gas_used)


def trace_block(
    chain: Chain, block: BlockId, new_tracer: Callable[[], Tracer]
) -> Generator[tuple[Transaction, Trace, Tracer]]:
    """All transactions of a block again, each with a tracer of its own.

    Raises like `trace_transaction`. Until it is closed the ledger is that of then.
    """
    header = chain.header(block)
    if header.block_number == 0:
        return
    parent, machine = chain.header(header.block_number - 1), chain.simulator.machine
    with missing_state_as(StateMissing), chain.ledger_at(parent.block_number):
        state: Any = chain.simulator.state_at(parent, base_fee=parent.base_fee_per_gas)
        machine.enter(state, header)
        plain_class = state.computation_class
        for stored in chain.history.body(header.hash).transactions:
            transaction, tracer = decode(stored.raw, stored.sender), new_tracer()
            state.computation_class = plain_class
            tracer.watch(state)
            computation, gas_used = machine.apply(state, transaction)
            yield transaction, Trace(frame_of(computation), transaction.gas, gas_used), tracer
