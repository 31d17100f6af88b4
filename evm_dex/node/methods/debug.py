"""Traces of transactions, calls and blocks by go-ethereum's tracers; blocks as they are hashed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

from evm_dex.blocks.receipt import consensus_encoding, logs_bloom
from evm_dex.blocks.transaction import decode
from evm_dex.chain.block_import import encode_block
from evm_dex.chain.traces import trace_transaction
from evm_dex.errors import TraceTooLong
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.methods.eth_transactions import Raw, raw_transaction_by_hash
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_calls import bounded, call_of, trace
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import DATA, Block, BlockHash, Data, Hash, data, listed, shaped
from evm_dex.node.tracers.kinds import Traced, place_of
from evm_dex.node.tracers.struct_logger import StructLogger
from evm_dex.node.tracers.trace_options import Options, TraceOptions
from evm_dex.node.tracers.traced_blocks import traced_block

TraceResult = Annotated[Json, shaped("Trace", "what the tracer tells of an execution")]
BlockTraces = Annotated[list[Json], shaped("BlockTraces", "transactions and their traces", "array")]


@rpc("debug_traceTransaction")
def debug_trace_transaction(
    node: Node,
    transaction_hash: Hash,
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> TraceResult:
    """Trace a mined transaction."""
    watch = options.watch()
    with _told(options), bounded(node) as config:
        found = trace_transaction(node.chain, transaction_hash, watch.tracer, config)
        place = place_of(node.chain.blocks.included(transaction_hash))
        return options.tracer.write(node, Traced(found, watch, place))


@rpc("debug_traceCall")
def debug_trace_call(
    node: Node,
    request: TransactionRequest,
    block: Block = "latest",
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> TraceResult:
    """Trace a call after a block, with stateOverrides and blockOverrides if given."""
    watch, call = options.watch(), call_of(node, request, options.block)
    with _told(options):
        found = trace(node, call, block, watch.tracer, options.state)
        return options.tracer.write(node, Traced(found, watch))


@rpc("debug_traceBlockByNumber")
def debug_trace_block(
    node: Node,
    block: Block,
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> BlockTraces:
    """Trace each transaction of a block."""
    if node.header(block).block_number == node.chain.blocks.first_height:
        raise failed("genesis is not traceable")
    with (
        _told(options),
        bounded(node) as config,
        closing(traced_block(node, block, options, config)) as executions,
    ):
        return [
            {"txHash": data(it.hash), "result": options.tracer.write(node, traced)}
            for it, traced in executions
        ]


@rpc("debug_traceBlockByHash")
def debug_trace_block_by_hash(
    node: Node,
    block_hash: Hash,
    options: TraceOptions = Options(),  # noqa: B008 - frozen, so one serves all
) -> BlockTraces:
    """Trace each transaction of a block."""
    return debug_trace_block(node, BlockHash(block_hash), options)


@contextmanager
def _told(options: Options) -> Iterator[None]:
    """Say how to ask for less where a trace is too long."""
    try:
        yield
    except TraceTooLong as error:
        less = "use callTracer, or a limit" if isinstance(options.tracer, StructLogger) else ""
        raise failed(f"{error}: {less or 'trace what it calls by itself'}") from error


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
