"""Methods of a test chain, under the names of anvil, Hardhat and Ganache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from evm_dex.blocks.header import Header
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import failed, invalid_params, revert_reason
from evm_dex.node.rpc_json import Json, block_object
from evm_dex.node.rpc_types import (
    Flag,
    HexAddress,
    ParamType,
    Quantity,
    data,
    read_quantity,
    shaped,
)

_MOST_BLOCKS = 10_000


def _read_mining(value: Any) -> tuple[int | None, int]:
    if not isinstance(value, Mapping):
        return read_quantity(value), 1
    if set(value) - {"timestamp", "blocks"}:
        raise ValueError
    timestamp, blocks = value.get("timestamp"), value.get("blocks")
    return (
        None if timestamp is None else read_quantity(timestamp),
        1 if blocks is None else read_quantity(blocks),
    )


Mining = Annotated[
    tuple[int | None, int],
    ParamType("Mining", "a time in seconds, or {timestamp, blocks}", {}, _read_mining),
]


@rpc(
    "anvil_setLoggingEnabled", "hardhat_setLoggingEnabled", "ganache_setLoggingEnabled", cheat=True
)
def set_logging(node: Node, on: Flag) -> Flag:
    """Choose whether the node tells what comes of transactions and calls, where it is not quiet."""
    node.activity.enable(on=on)
    return True


# Blocks and time


@rpc("evm_mine", cheat=True)
def mine(node: Node, options: Mining = (None, 1)) -> Quantity:
    """Make a block, at a time if given, or several; 0."""
    timestamp, blocks = options
    if timestamp is not None:
        node.cheats.set_next_timestamp(timestamp)
    return mine_several(node, blocks)


@rpc("evm_mine_detailed", "anvil_mine_detailed", cheat=True)
def mine_detailed(
    node: Node, options: Mining = (None, 1)
) -> Annotated[list[Json], shaped("MinedBlocks", "blocks with whole transactions", "array")]:
    """Make a block, at a time if given, or several; all of them, with how transactions failed."""
    first = node.chain.head.block_number + 1
    mine(node, options)
    last = node.chain.head.block_number
    return [_detailed(node, node.chain.header(height)) for height in range(first, last + 1)]


def _detailed(node: Node, header: Header) -> Json:
    blocks = node.chain.blocks
    block = block_object(header, blocks.body(header.hash), full=True)
    for transaction, receipt in zip(
        block["transactions"], blocks.receipts(header.hash), strict=True
    ):
        if not receipt.succeeded:
            transaction["output"] = data(receipt.output)
            transaction["revertReason"] = revert_reason(receipt.output) or receipt.error
    return block


def check_blocks(count: int) -> None:
    """Raise RpcError for more blocks than may be made at a time."""
    if count > _MOST_BLOCKS:
        raise failed(
            f"blocks must be at most {_MOST_BLOCKS} at a time, got {count}: ask several times"
        )


@rpc("anvil_mine", "hardhat_mine", cheat=True)
def mine_several(node: Node, blocks: Quantity = 1, interval: Quantity = 1) -> Quantity:
    """Make blocks, each so many seconds after the one before; 0."""
    check_blocks(blocks)
    for index in range(blocks):
        node.chain.mine(node.chain.head.timestamp + interval if index and interval else None)
    return 0


@rpc("evm_setAutomine", "anvil_setAutomine", cheat=True)
def set_automine(node: Node, on: Flag) -> Flag:
    """Give each transaction a block at once, or let them wait."""
    node.cheats.automine(on=on)
    return True


@rpc("anvil_getAutomine", "hardhat_getAutomine", cheat=True)
def get_automine(node: Node) -> Flag:
    """Return whether each transaction gets a block at once."""
    return node.chain.automine


@rpc("miner_start", cheat=True)
def start_mining(node: Node, threads: Quantity = 1) -> Flag:  # noqa: ARG001 - Ganache's parameter
    """Give each transaction a block at once, as Ganache names it."""
    return set_automine(node, on=True)


@rpc("miner_stop", cheat=True)
def stop_mining(node: Node) -> Flag:
    """Let transactions wait, as Ganache names it."""
    return set_automine(node, on=False)


@rpc("eth_mining", cheat=True)
def is_mining(node: Node) -> Flag:
    """Return whether blocks are made without being asked for."""
    return node.chain.automine or node.block_seconds is not None


@rpc("evm_setIntervalMining", cheat=True)
def set_interval_mining(node: Node, interval: Quantity) -> Flag:
    """Make a block every so many seconds of the clock; 0 for no longer.

    Milliseconds with `--client-name hardhat`, whose tools send those.
    """
    seconds = interval / 1000 if node.client_name == "hardhat" else interval
    node.set_block_seconds(seconds or None)
    return True


@rpc("anvil_setIntervalMining", cheat=True)
def set_interval_mining_in_seconds(node: Node, seconds: Quantity) -> Flag:
    """Make a block every so many seconds of the clock; 0 for no longer."""
    node.set_block_seconds(seconds or None)
    return True


@rpc("anvil_getIntervalMining", cheat=True)
def get_interval_mining(node: Node) -> Quantity:
    """Return seconds from one block made by the clock to the next; 0 for none."""
    return int(node.block_seconds or 0)


@rpc("evm_increaseTime", "anvil_increaseTime", cheat=True)
def increase_time(node: Node, seconds: Quantity) -> Quantity:
    """Let the next block come so much later; how far it is from the head then."""
    if seconds == 0:
        return 0
    return node.cheats.increase_time(seconds) - node.chain.head.timestamp


@rpc(
    "evm_setNextBlockTimestamp",
    "anvil_setNextBlockTimestamp",
    "evm_setTime",
    "anvil_setTime",
    cheat=True,
)
def set_next_timestamp(node: Node, timestamp: Quantity) -> Quantity:
    """Choose the next block's time in seconds; block time goes on from there."""
    return node.cheats.set_next_timestamp(timestamp)


@rpc("anvil_setBlockTimestampInterval", "ganache_setBlockTimestampInterval", cheat=True)
def set_timestamp_interval(node: Node, seconds: Quantity) -> Flag:
    """Choose how many seconds of block time are between blocks."""
    node.cheats.set_interval(seconds)
    return True


@rpc("hardhat_setBlockTimestampInterval", cheat=True)
def set_timestamp_interval_in_milliseconds(node: Node, milliseconds: Quantity) -> Flag:
    """Choose how many milliseconds of block time, in whole seconds, are between blocks."""
    seconds, rest = divmod(milliseconds, 1000)
    if rest:
        raise invalid_params(f"milliseconds must be whole seconds, got {milliseconds}")
    return set_timestamp_interval(node, seconds)


@rpc(
    "anvil_removeBlockTimestampInterval",
    "hardhat_removeBlockTimestampInterval",
    "ganache_removeBlockTimestampInterval",
    cheat=True,
)
def remove_timestamp_interval(node: Node) -> Flag:
    """Put one second between blocks again."""
    node.cheats.set_interval(None)
    return True


# The next header


@rpc("anvil_setCoinbase", "hardhat_setCoinbase", "ganache_setCoinbase", cheat=True)
def set_coinbase(node: Node, address: HexAddress) -> Flag:
    """Choose who is paid the priority fees from the next block on."""
    node.cheats.set_coinbase(address)
    return True


@rpc(
    "anvil_setNextBlockBaseFeePerGas",
    "hardhat_setNextBlockBaseFeePerGas",
    "ganache_setNextBlockBaseFeePerGas",
    cheat=True,
)
def set_next_base_fee(node: Node, wei: Quantity) -> Flag:
    """Choose the next block's base fee."""
    node.cheats.set_next_base_fee(wei)
    return True


@rpc("evm_setBlockGasLimit", "anvil_setBlockGasLimit", cheat=True)
def set_gas_limit(node: Node, gas: Quantity) -> Flag:
    """Choose the gas limit of blocks from the next on."""
    node.cheats.set_gas_limit(gas)
    return True


@rpc("anvil_setPrevRandao", "hardhat_setPrevRandao", cheat=True)
def set_prevrandao(node: Node, value: Quantity) -> Flag:
    """Choose the next block's prevrandao."""
    node.cheats.set_prevrandao(value)
    return True
