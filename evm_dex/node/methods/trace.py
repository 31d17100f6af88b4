"""Calls of transactions and blocks in OpenEthereum's form, as block explorers and ape ask."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Any

import msgspec

from evm_dex.chain.traces import trace_transaction
from evm_dex.errors import UnknownTransaction
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_calls import bounded, call_of, trace
from evm_dex.node.rpc_errors import invalid_params, limit_exceeded
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import (
    ADDRESS,
    BLOCK,
    QUANTITY,
    Block,
    BlockId,
    Hash,
    ParamType,
    data,
    listed,
    or_null,
    plain_block,
    quantity,
    read_fields,
    shaped,
)
from evm_dex.node.tracers.flat_call_tracer import FlatCallTracer, parity_calls
from evm_dex.node.tracers.kinds import Traced, place_of
from evm_dex.node.tracers.prestate_tracer import PrestateTracer
from evm_dex.node.tracers.state_diff import state_diff
from evm_dex.node.tracers.trace_options import Options
from evm_dex.node.tracers.traced_blocks import traced_block
from evm_dex.origin.origin import Origin

_PARTS = ("trace", "stateDiff", "vmTrace")
_CALLS = Options(tracer=FlatCallTracer())
_STATE = Options(tracer=PrestateTracer())


def _read_parts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(part in _PARTS for part in value):
        raise ValueError
    if "vmTrace" in value:
        raise invalid_params("vmTrace is not served: debug_traceTransaction tells each step")
    return tuple(value)


Parts = Annotated[
    tuple[str, ...],
    ParamType(
        "TraceParts",
        "a list of trace and stateDiff",
        {"type": "array", "items": {"enum": list(_PARTS)}},
        _read_parts,
    ),
]


class WantedCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that are asked for."""

    first: BlockId | None = None
    """None for the first block of the chain, in a forked one the first that was made here."""
    last: BlockId = "latest"
    senders: frozenset[bytes] = frozenset()
    receivers: frozenset[bytes] = frozenset()
    needs_both: bool = False
    """True to ask for sender and receiver alike, false for either."""
    after: int = 0
    count: int | None = None

    def matches(self, call: Json) -> bool:
        """Return whether a call is of these senders and receivers."""
        if not self.senders and not self.receivers:
            return True
        action, result = call["action"], call.get("result") or {}
        sender = action.get("from", action.get("address"))
        receiver = action.get("to", action.get("refundAddress", result.get("address")))
        found = (
            bytes.fromhex((sender or "0x")[2:]) in self.senders,
            bytes.fromhex((receiver or "0x")[2:]) in self.receivers,
        )
        if self.needs_both and self.senders and self.receivers:
            return all(found)
        return any(found)


_MODE = ParamType("Mode", "union or intersection", {"enum": ["union", "intersection"]})
_FIELDS = {
    "fromBlock": ("first", BLOCK),
    "toBlock": ("last", BLOCK),
    "fromAddress": ("senders", or_null(listed(ADDRESS))),
    "toAddress": ("receivers", or_null(listed(ADDRESS))),
    "mode": ("mode", _MODE),
    "after": ("after", QUANTITY),
    "count": ("count", QUANTITY),
}


def _read_filter(value: Any) -> WantedCalls:
    found = read_fields(value, _FIELDS)
    mode = found.pop("mode", "union")
    if mode not in ("union", "intersection"):
        raise invalid_params(f"field 'mode' must be {_MODE.expected}")
    for name in ("senders", "receivers"):
        found[name] = frozenset(found.get(name, ()))
    return WantedCalls(needs_both=mode == "intersection", **found)


TraceFilter = Annotated[
    WantedCalls,
    ParamType("TraceFilter", f"an object: {', '.join(_FIELDS)}", {"type": "object"}, _read_filter),
]
Calls = Annotated[list[Json], shaped("Calls", "calls, one after another", "array")]
Replay = Annotated[Json, shaped("Replay", "output, trace and stateDiff of an execution")]
Replays = Annotated[list[Json], shaped("Replays", "what came of each transaction", "array")]


@rpc("trace_transaction")
def trace_mined(node: Node, transaction_hash: Hash) -> Calls:
    """Return the calls of a mined transaction; none for an unknown one."""
    try:
        return parity_calls(node, _again(node, transaction_hash, _CALLS))
    except UnknownTransaction:
        return []


@rpc("trace_get")
def trace_one(
    node: Node, transaction_hash: Hash, address: Annotated[list[int], listed(QUANTITY)]
) -> Annotated[Json | None, or_null(shaped("Call", "one call"))]:
    """Return one call of a transaction by its place in the tree; null where there is none."""
    found = (it for it in trace_mined(node, transaction_hash) if it["traceAddress"] == address)
    return next(found, None)


@rpc("trace_block")
def trace_all(node: Node, block: Block) -> Calls:
    """Return the calls of all transactions of a block."""
    with bounded(node) as config, closing(traced_block(node, block, _CALLS, config)) as executions:
        return [call for _, traced in executions for call in parity_calls(node, traced)]


@rpc("trace_filter")
def trace_filter(node: Node, wanted: TraceFilter) -> Calls:
    """Return the calls in a range of blocks by who makes and who receives them.

    A page of them, where after and count are given. It takes no longer than a call may.
    """
    first, last = _range(node, wanted)
    found: list[Json] = []
    origin = node.chain.origin
    if origin is not None and first <= origin.point.height:
        until = min(last, origin.point.height)
        found = _calls_before(origin, wanted, first, until)
        first = until + 1
    if last - first >= node.limits.log_blocks:
        raise limit_exceeded(f"at most {node.limits.log_blocks} blocks: ask for fewer")
    with bounded(node) as config:
        end = None if wanted.count is None else wanted.after + wanted.count
        for height in range(first, last + 1):
            if end is not None and len(found) >= end:
                break
            with closing(traced_block(node, height, _CALLS, config)) as executions:
                for _, traced in executions:
                    found += filter(wanted.matches, parity_calls(node, traced))
            if len(found) > node.limits.log_results:
                raise limit_exceeded(
                    f"more than {node.limits.log_results} calls: ask for fewer blocks, or for "
                    "addresses"
                )
        return found[wanted.after : end]


def _range(node: Node, wanted: WantedCalls) -> tuple[int, int]:
    """Return the heights that are asked for. Raises RpcError where the last is before the first."""
    chain = node.chain
    last = chain.made_height(plain_block(wanted.last))
    if wanted.first is None:
        return chain.blocks.first_height + (chain.origin is not None), last
    first = chain.made_height(plain_block(wanted.first))
    if first > last:
        raise invalid_params(f"invalid block range: {first:#x} is after {last:#x}")
    return first, last


def _calls_before(origin: Origin, wanted: WantedCalls, first: int, last: int) -> list[Json]:
    """Return calls of blocks up to the fork as the origin's node gives them. Raises OriginError."""
    asked: Json = {"fromBlock": quantity(first), "toBlock": quantity(last)}
    if wanted.senders:
        asked["fromAddress"] = sorted(map(data, wanted.senders))
    if wanted.receivers:
        asked["toAddress"] = sorted(map(data, wanted.receivers))
    if wanted.needs_both:
        asked["mode"] = "intersection"
    found: list[Json] = origin.ask("trace_filter", asked)
    return [call for call in found if call["blockNumber"] <= last and wanted.matches(call)]


@rpc("trace_replayTransaction")
def replay_transaction(node: Node, transaction_hash: Hash, parts: Parts) -> Replay:
    """Execute a mined transaction again, and tell what is asked for."""
    return _replayed(node, _again(node, transaction_hash, _STATE), parts)


@rpc("trace_replayBlockTransactions")
def replay_block(node: Node, block: Block, parts: Parts) -> Replays:
    """Execute all transactions of a block again, and tell what is asked for."""
    with bounded(node) as config, closing(traced_block(node, block, _STATE, config)) as executions:
        return [
            {**_replayed(node, traced, parts), "transactionHash": data(transaction.hash)}
            for transaction, traced in executions
        ]


@rpc("trace_call")
def trace_tried(
    node: Node, request: TransactionRequest, parts: Parts, block: Block = "latest"
) -> Replay:
    """Execute a call after a block, and tell what is asked for."""
    watch = _STATE.watch()
    found = trace(node, call_of(node, request), block, watch.tracer)
    return _replayed(node, Traced(found, watch), parts)


def _again(node: Node, transaction_hash: bytes, options: Options) -> Traced:
    watch = options.watch()
    with bounded(node) as config:
        found = trace_transaction(node.chain, transaction_hash, watch.tracer, config)
    return Traced(found, watch, place_of(node.chain.blocks.included(transaction_hash)))


def _replayed(node: Node, traced: Traced, parts: Sequence[str]) -> Json:
    calls = parity_calls(node, msgspec.structs.replace(traced, place=None))
    return {
        "output": data(traced.trace.frame.output),
        "stateDiff": state_diff(traced) if "stateDiff" in parts else None,
        "trace": calls if "trace" in parts else [],
        "vmTrace": None,
    }
