"""Fees: base fee, priority fee, blob fee and their history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from evm_dex.blocks.gas import MAX_BLOB_GAS_PER_BLOCK, blob_base_fee
from evm_dex.blocks.header import Header
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Block, ParamType, Quantity, quantity, shaped
from evm_dex.node.tx_defaults import priority_fee

_MOST_PERCENTILES = 100
_FEES = ("baseFeePerGas", "gasUsedRatio", "baseFeePerBlobGas", "blobGasUsedRatio")


def _read_percentiles(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) > _MOST_PERCENTILES:
        raise ValueError
    if not all(type(item) in (int, float) and 0 <= item <= 100 for item in value):
        raise ValueError
    for place, (one, other) in enumerate(pairwise(value)):
        if one >= other:
            raise invalid_params(
                f"invalid reward percentile: #{place}:{one} >= #{place + 1}:{other}"
            )
    return value


Percentiles = Annotated[
    list[float],
    ParamType(
        "Percentiles",
        f"a list of at most {_MOST_PERCENTILES} ascending numbers from 0 to 100",
        {"type": "array", "items": {"type": "number"}},
        _read_percentiles,
    ),
]


@rpc("eth_gasPrice")
def gas_price(node: Node) -> Quantity:
    """Return wei per gas that a legacy transaction should offer for the next block."""
    return node.chain.next_header().base_fee_per_gas + priority_fee(node)


@rpc("eth_maxPriorityFeePerGas")
def max_priority_fee(node: Node) -> Quantity:
    """Return wei per gas that a transaction may offer beside the base fee."""
    return priority_fee(node)


@rpc("eth_baseFee")
def base_fee(node: Node) -> Quantity:
    """Return wei per gas that the next block burns."""
    return node.chain.next_header().base_fee_per_gas


@rpc("eth_blobBaseFee")
def next_blob_base_fee(node: Node) -> Quantity:
    """Return wei per blob gas in the next block."""
    return blob_base_fee(node.chain.next_header().excess_blob_gas)


@rpc("eth_feeHistory")
def fee_history(
    node: Node, block_count: Quantity, newest_block: Block, percentiles: Percentiles | None = None
) -> Annotated[Json, shaped("FeeHistory", "base fees, how full blocks were, and rewards")]:
    """Return fees of some blocks and the one after them.

    Rewards are the priority fees paid at the asked percentiles of each block's gas. No blocks have
    no fees.
    """
    if block_count == 0:
        return {"oldestBlock": "0x0", **{name: [] for name in _FEES}}
    newest = node.header(newest_block)
    most = newest.block_number - node.chain.blocks.first_height + 1
    count = min(block_count, node.limits.fee_blocks, most)
    first = newest.block_number - count + 1
    headers = [node.header(height) for height in range(first, newest.block_number)] + [newest]
    after = _following(node, newest)
    found: Json = {
        "oldestBlock": quantity(first),
        "baseFeePerGas": [quantity(it.base_fee_per_gas) for it in (*headers, after)],
        "gasUsedRatio": [it.gas_used / it.gas_limit for it in headers],
        "baseFeePerBlobGas": [
            quantity(blob_base_fee(it.excess_blob_gas)) for it in (*headers, after)
        ],
        "blobGasUsedRatio": [it.blob_gas_used / MAX_BLOB_GAS_PER_BLOCK for it in headers],
    }
    if percentiles is not None:
        found["reward"] = [_rewards(node, header, percentiles) for header in headers]
    return found


def _following(node: Node, header: Header) -> Header:
    """Return the header after one of the chain, or what follows the head or the pending block."""
    head = node.chain.head
    if header.block_number < head.block_number:
        return node.chain.header(header.block_number + 1)
    return node.chain.next_header() if header.hash == head.hash else header.child()


def _rewards(node: Node, header: Header, percentiles: Sequence[float]) -> list[str]:
    """Return priority fees at percentiles of the block's gas, ordered by what was paid."""
    base_fee = header.base_fee_per_gas
    paid = sorted(
        (item.transaction.effective_gas_price(base_fee) - base_fee, item.gas_used)
        for item in node.chain.blocks.transactions(header)
    )
    if not paid:
        return ["0x0"] * len(percentiles)
    rewards, place, gas = [], 0, paid[0][1]
    for percentile in percentiles:
        threshold = header.gas_used * percentile / 100
        while gas < threshold and place < len(paid) - 1:
            place += 1
            gas += paid[place][1]
        rewards.append(quantity(paid[place][0]))
    return rewards
