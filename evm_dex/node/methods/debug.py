"""Traces (every step of an execution, or its calls), and blocks in the bytes that are hashed.

The shapes of traces are geth's: `structLog` by default, `callTracer` by name. Calls of the
exchanges are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any

import msgspec

from evm_dex.abi.abi_values import undecodable
from evm_dex.abi.contract_interface import decode_outputs
from evm_dex.blocks.receipt import consensus_encoding, logs_bloom
from evm_dex.blocks.transaction import decode
from evm_dex.chain.block_import import encode_block
from evm_dex.chain.traces import Trace, trace_block, trace_transaction
from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.tracer import Frame, TracedStep, Tracer, TraceTooLong
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.methods.eth_transactions import Raw, raw_transaction_by_hash
from evm_dex.node.node import Node
from evm_dex.node.overrides import Overrides, read_block_overrides, read_overrides
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_calls import bounded, call_of, trace
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json, to_json
from evm_dex.node.rpc_types import (
    DATA,
    Block,
    BlockHash,
    Data,
    Hash,
    ParamType,
    data,
    listed,
    plain_block,
    quantity,
    shaped,
)

MOST_STEPS = 200_000
_CALL_TRACER = "callTracer"
_WORD = 32
_STORAGE_WORDS = {"SLOAD": 1, "SSTORE": 2}
"""Words on the stack that opcodes take which show storage."""
_encode = msgspec.json.Encoder().encode


_CREATIONS = ("CREATE", "CREATE2")


class Options(msgspec.Struct, frozen=True):
    """The contents that a trace is asked to have."""

    call_tracer: bool = False
    with_logs: bool = False
    only_top_call: bool = False
    stack: bool = True
    memory: bool = False
    storage: bool = True
    return_data: bool = False
    state: Overrides | None = None
    block: BlockOverride | None = None

    def tracer(self, before: Sequence[Tracer] = ()) -> Tracer:
        """Return a tracer that keeps what is asked for, within what those before it leave."""
        if self.call_tracer:
            return Tracer()
        return Tracer(
            most_steps=MOST_STEPS,
            before=before,
            keep_stack=self.stack or self.storage,  # where the slots are that are read and written
            keep_memory=self.memory,
            keep_return_data=self.return_data,
        )


def _read_options(value: Any) -> Options:
    if not isinstance(value, Mapping):
        raise ValueError
    name = value.get("tracer")
    if name not in (None, "", _CALL_TRACER, "structLog"):
        raise ValueError
    config = value.get("tracerConfig") or {}
    if not isinstance(config, Mapping):
        raise ValueError
    state, block = value.get("stateOverrides"), value.get("blockOverrides")
    return Options(
        call_tracer=name == _CALL_TRACER,
        with_logs=bool(config.get("withLog")),
        only_top_call=bool(config.get("onlyTopCall")),
        stack=not value.get("disableStack"),
        memory=bool(value.get("enableMemory")),
        storage=not value.get("disableStorage"),
        return_data=bool(value.get("enableReturnData")),
        state=None if state is None else read_overrides(state),
        block=None if block is None else read_block_overrides(block),
    )


_OPTIONS = ParamType(
    "TraceOptions",
    f"an object: tracer ({_CALL_TRACER} or none), tracerConfig, disableStack, enableMemory, "
    "stateOverrides, blockOverrides, …",
    {"type": "object"},
    _read_options,
)
TraceOptions = Annotated[Options, _OPTIONS]
TraceResult = Annotated[Json, shaped("Trace", "steps, or calls, of an execution")]


@rpc("debug_traceTransaction")
def debug_trace_transaction(
    node: Node,
    transaction_hash: Hash,
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> TraceResult:
    """Trace a mined transaction."""
    tracer = options.tracer()
    try:
        with bounded(node) as config:
            found = trace_transaction(node.chain, transaction_hash, tracer, config)
    except TraceTooLong as error:
        raise failed(f"{error}: use {_CALL_TRACER}") from error
    return _written(node, found, tracer, options)


@rpc("debug_traceCall")
def debug_trace_call(
    node: Node,
    request: TransactionRequest,
    block: Block = "latest",
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> TraceResult:
    """Trace a call after a block, with stateOverrides and blockOverrides if given."""
    tracer = options.tracer()
    try:
        found = trace(node, call_of(node, request, options.block), block, tracer, options.state)
    except TraceTooLong as error:
        raise failed(f"{error}: use {_CALL_TRACER}") from error
    return _written(node, found, tracer, options)


@rpc("debug_traceBlockByNumber")
def debug_trace_block(
    node: Node,
    block: Block,
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> Annotated[list[Json], shaped("BlockTraces", "transactions and their traces", "array")]:
    """Trace each transaction of a block."""
    tracers: list[Tracer] = []

    def new_tracer() -> Tracer:
        tracers.append(options.tracer(tracers))
        return tracers[-1]

    try:
        header = node.header(block)
        if header.block_number == node.chain.blocks.first_height:
            raise failed("genesis is not traceable")
        with (
            bounded(node) as config,
            closing(trace_block(node.chain, plain_block(block), new_tracer, config)) as traces,
        ):
            return [
                {"txHash": data(transaction.hash), "result": _written(node, found, tracer, options)}
                for transaction, found, tracer in traces
            ]
    except TraceTooLong as error:
        raise failed(f"{error}: use {_CALL_TRACER}") from error


@rpc("debug_traceBlockByHash")
def debug_trace_block_by_hash(
    node: Node,
    block_hash: Hash,
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> Annotated[list[Json], shaped("BlockTraces", "transactions and their traces", "array")]:
    """Trace each transaction of a block."""
    return debug_trace_block(node, BlockHash(block_hash), options)


def _written(node: Node, trace: Trace, tracer: Tracer, options: Options) -> Json:
    if options.call_tracer:
        written = _frame(node, trace.frame, options)
        return {**written, "gas": quantity(trace.gas_limit), "gasUsed": quantity(trace.gas_used)}
    storage: dict[bytes, dict[str, str]] = {}
    return {
        "gas": trace.gas_used,
        "failed": bool(trace.frame.error),
        "returnValue": data(trace.frame.output),
        "structLogs": _listed(_step(step, options, storage) for step in tracer.steps),
    }


def _listed(items: Iterable[Json]) -> msgspec.Raw:
    """Write a JSON array as its items come: as objects they take several times as much."""
    written = bytearray(b"[")
    for item in items:
        written += _encode(item) + b","
    if len(written) > 1:
        del written[-1]
    return msgspec.Raw(bytes(written + b"]"))


def _step(step: TracedStep, options: Options, storage: dict[bytes, dict[str, str]]) -> Json:
    written: Json = {
        "pc": step.program_counter,
        "op": step.opcode,
        "gas": step.gas,
        "gasCost": step.gas_cost,
        "depth": step.depth,
    }
    if step.error:
        written["error"] = step.error
    if options.stack:
        written["stack"] = [hex(word) for word in step.stack]
    if options.memory and step.memory:
        words = range(0, len(step.memory), _WORD)
        written["memory"] = [data(step.memory[at : at + _WORD]) for at in words]
    if options.return_data and step.return_data:
        written["returnData"] = data(step.return_data)
    if options.storage and 0 < _STORAGE_WORDS.get(step.opcode, 0) <= len(step.stack):
        slots = storage.setdefault(step.address, {})
        word = step.loaded if step.opcode == "SLOAD" else step.stack[-2]
        slots[f"{step.stack[-1]:#066x}"] = f"{word:#066x}"
        written["storage"] = dict(slots)
    return written


def _frame(node: Node, frame: Frame, options: Options) -> Json:
    written: Json = {
        "type": frame.kind,
        "from": data(frame.sender),
        "to": data(frame.to),
        "gas": quantity(frame.gas),
        "gasUsed": quantity(frame.gas_used),
        "input": data(frame.input),
    }
    if frame.kind not in ("STATICCALL", "DELEGATECALL"):
        written["value"] = quantity(frame.value)
    if frame.output:
        written["output"] = data(frame.output)
    if frame.error:
        written["error"] = frame.error
        reason = node.contracts.reason(frame.output)
        if reason:
            written["revertReason"] = reason
    if options.with_logs and not frame.error:
        written["logs"] = [
            {
                "address": data(address),
                "topics": [f"{topic:#066x}" for topic in topics],
                "data": data(content),
            }
            for address, topics, content in frame.logs
        ]
    decoded = _decoded(node, frame)
    if decoded:
        written["decoded"] = decoded
    if frame.calls and not options.only_top_call:
        written["calls"] = [_frame(node, call, options) for call in frame.calls]
    return written


def _decoded(node: Node, frame: Frame) -> Json | None:
    """Return a call by name; None for one of a contract or function that is not known."""
    found = node.contracts.call(frame.to if frame.kind not in _CREATIONS else b"", frame.input)
    if found is None:
        return None
    decoded: Json = {
        "contract": found.contract,
        "function": found.function,
        "arguments": to_json(found.arguments),
    }
    if frame.error:
        decoded["error"] = node.contracts.reason(frame.output) or frame.error
    elif found.entry is not None:
        try:
            decoded["result"] = to_json(decode_outputs(found.entry, frame.output))
        except undecodable():
            pass  # another contract's function, under the same selector
    return decoded


@rpc("debug_getRawHeader")
def raw_header(node: Node, block: Block) -> Data:
    """Return a header in RLP; its Keccak-256 is the block's hash."""
    return node.header(block).encoded


@rpc("debug_getRawBlock")
def raw_block(node: Node, block: Block) -> Data:
    """Return a block in RLP, as another chain with this genesis would import it."""
    header = node.header(block)
    return encode_block(header, node.chain.blocks.body(header.hash))


@rpc("debug_getRawReceipts")
def raw_receipts(node: Node, block: Block) -> Annotated[list[bytes], listed(DATA)]:
    """Return a block's receipts in the encoding that its header commits to (EIP-2718)."""
    header, blocks = node.header(block), node.chain.blocks
    transactions = blocks.body(header.hash).transactions
    return [
        consensus_encoding(receipt, decode(stored.raw, stored.sender).type_id, bloom)
        for stored, receipt in zip(transactions, blocks.receipts(header.hash), strict=True)
        for bloom in (logs_bloom(receipt.logs),)
    ]


@rpc("debug_getRawTransaction")
def raw_transaction(node: Node, transaction_hash: Hash) -> Raw:
    """Return a transaction's bytes; null for an unknown transaction."""
    return raw_transaction_by_hash(node, transaction_hash)
