"""Calls, estimates and access lists, within bounds on gas and time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from evm_dex.blocks.transaction import AccessList, created_address
from evm_dex.chain.traces import Trace, trace_call
from evm_dex.errors import CallFailed
from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.calls import Call, CallResult
from evm_dex.evm.config import Deadline, ExecutionConfig, TookTooLong
from evm_dex.evm.tracer import Accesses, Tracer
from evm_dex.node.call_objects import CallRequest
from evm_dex.node.node import Node
from evm_dex.node.overrides import Overrides, moved_precompiles, prepared
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_types import BlockId, plain_block
from precompiles.types import ZERO_ADDRESS, Address

_MOST_ROUNDS = 8


def call_of(node: Node, request: CallRequest, pretended: BlockOverride | None = None) -> Call:
    """Return a request as a call, its gas bounded. Raises RpcError for a fee."""
    price = request.gas_price
    fee = request.max_fee_per_gas if price is None else price
    tip = request.max_priority_fee_per_gas if price is None else price
    if fee is not None and tip is not None and tip > fee:
        raise failed(f"maxPriorityFeePerGas {tip} is higher than maxFeePerGas {fee}")
    gas = node.limits.call_gas if request.gas is None else min(request.gas, node.limits.call_gas)
    keeps_limit = pretended is None or pretended.gas_limit is None
    whole = request.gas is None and keeps_limit and gas >= node.chain.head.gas_limit
    return Call(
        sender=request.sender or ZERO_ADDRESS,
        to=request.to or b"",
        data=request.data,
        value=request.value,
        gas=None if whole else gas,
        access_list=request.access_list or (),
        authorization_list=request.authorization_list or (),
        blob_versioned_hashes=request.blob_versioned_hashes or (),
        max_fee_per_gas=fee or 0,
        max_priority_fee_per_gas=tip or 0,
        block=pretended,
    )


def attempt(
    node: Node,
    call: Call,
    block: BlockId,
    overrides: Overrides | None = None,
    accesses: Accesses | None = None,
) -> CallResult:
    """Execute a call. Raises CallFailed, UnknownBlock, RpcError when its time is up."""
    with bounded(node, overrides, accesses=accesses) as config:
        return node.chain.attempt(
            replace(call, config=config), plain_block(block), prepared(overrides)
        )


def trace(
    node: Node, call: Call, block: BlockId, tracer: Tracer, overrides: Overrides | None = None
) -> Trace:
    """Trace a call. Raises like `attempt`, and TraceTooLong."""
    with bounded(node, overrides) as config:
        return trace_call(
            node.chain,
            replace(call, config=config),
            plain_block(block),
            tracer,
            prepared(overrides),
        )


def estimate(node: Node, call: Call, block: BlockId, overrides: Overrides | None = None) -> int:
    """Return a gas limit with which a call succeeds. Raises like `attempt`."""
    with bounded(node, overrides) as config:
        try:
            return node.chain.estimate_gas(
                replace(call, config=config), plain_block(block), prepared(overrides)
            )
        except CallFailed as error:
            if node.activity.is_watched:  # once more, for what it prints
                attempt(node, call, block, overrides)
                node.activity.call_failed("eth_estimateGas", error)
            raise


def list_accesses(
    node: Node, call: Call, block: BlockId, overrides: Overrides | None = None
) -> tuple[CallResult, AccessList]:
    """Return a call with the access list that covers all it touches, and that list.

    An account is left out when it is warm anyway, and none of its storage is touched. A list may
    change what is touched, by its gas, so it is tried until it stays the same.
    """
    listed = call.access_list
    for _ in range(_MOST_ROUNDS):
        accesses = Accesses()
        with_list = replace(call, access_list=listed)
        tried = attempt(node, with_list, block, overrides, accesses)
        warm = _warm_anyway(node, call, block)
        found = tuple(
            (Address(address), slots)
            for address, slots in accesses.touched().items()
            if slots or address not in warm
        )
        if found == listed:
            break
        listed = found
    return tried, listed


def _warm_anyway(node: Node, call: Call, block: BlockId) -> set[bytes]:
    precompiles = node.chain.call_runner.machine.precompiles
    nonce = node.state(block).get_nonce(call.sender)
    target = call.to or created_address(call.sender, nonce)
    return {
        call.sender,
        target,
        node.chain.context_after(plain_block(block)).coinbase,
        *precompiles,
    }


@contextmanager
def bounded(
    node: Node,
    overrides: Overrides | None = None,
    *,
    accesses: Accesses | None = None,
    logs_transfers: bool = False,
    validates: bool = True,
) -> Iterator[ExecutionConfig]:
    """Provide a configuration with the time of one request; its end is the caller's error."""
    seconds = node.limits.call_seconds
    try:
        yield ExecutionConfig(
            deadline=Deadline(seconds, node.turns.during_call),
            accesses=accesses,
            logs_transfers=logs_transfers,
            validates=validates,
            precompiles=moved_precompiles(overrides, node.chain.call_runner.machine.precompiles),
        )
    except TookTooLong as error:
        reason = str(error) or f"it took longer than {seconds:g} s"
        raise failed(
            f"execution aborted: {reason}; give it less gas, or send it as a transaction"
        ) from None
