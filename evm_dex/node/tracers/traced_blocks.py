"""All transactions of a block again, watched for a tracer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.traces import trace_block
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.tracer import Tracer
from evm_dex.node.node import Node
from evm_dex.node.rpc_types import BlockId, plain_block
from evm_dex.node.tracers.kinds import Location, Traced, Watch
from evm_dex.node.tracers.trace_options import Options


def traced_block(
    node: Node, block: BlockId, options: Options, config: ExecutionConfig
) -> Generator[tuple[Transaction, Traced]]:
    """Yield transactions and what was seen of each, which is to be written before the next.

    Raises like `trace_block`. Until it is closed the ledger is that of then.
    """
    header, watches = node.header(block), list[Watch]()

    def new_tracer() -> Tracer:
        watches.append(options.watch(watches))
        return watches[-1].tracer

    with closing(trace_block(node.chain, plain_block(block), new_tracer, config)) as traces:
        for index, (transaction, trace, _) in enumerate(traces):
            place = Location(header.hash, header.block_number, transaction.hash, index)
            yield transaction, Traced(trace, watches[-1], place)
