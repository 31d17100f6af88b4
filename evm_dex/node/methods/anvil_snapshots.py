"""Going back to a snapshot or a block, and on to another future."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from eth_hash.auto import keccak

from evm_dex.blocks.blob_sidecar import decode_sent
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.errors import ChainError, SnapshotLost, UnknownSnapshot
from evm_dex.node.call_objects import CallRequest, read_request
from evm_dex.node.methods.anvil import check_blocks
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import RpcError, failed, invalid_params
from evm_dex.node.rpc_types import (
    Block,
    Flag,
    ParamType,
    Quantity,
    plain_block,
    quantity,
    read_data,
    read_quantity,
    read_text,
    unchanged,
)
from evm_dex.node.tx_defaults import build_transaction

_logger = logging.getLogger(__name__)
_MOST_TRANSACTIONS = 10_000
_INSTEAD_OF_STATE = (
    "states travel as archives here, each proven by its block hash: run "
    "`evm-dex checkpoint export` and `evm-dex checkpoint import` on the chain's directory"
)
_Placed = tuple[tuple[bytes | CallRequest, int], ...]


def _read_snapshot(value: Any) -> int | str:
    if isinstance(value, str) and value[:2] not in ("0x", "0X"):
        return value
    return read_quantity(value)


def _read_placed(value: Any) -> _Placed:
    if not isinstance(value, list) or len(value) > _MOST_TRANSACTIONS:
        raise ValueError
    return tuple(
        (read_data(sent) if isinstance(sent, str) else read_request(sent), read_quantity(place))
        for sent, place in value
    )


SnapshotId = Annotated[
    int | str,
    ParamType(
        "Snapshot",
        "a snapshot's number in hex, or its name",
        {"type": "string"},
        _read_snapshot,
        lambda found: found if isinstance(found, str) else quantity(found),
    ),
]
Name = Annotated[str | None, ParamType("Name", "a string", {"type": "string"}, read_text)]
Anything = Annotated[Any, ParamType("Anything", "anything", {}, unchanged)]
Placed = Annotated[
    _Placed,
    ParamType(
        "PlacedTransactions",
        "a list of [transaction, place of its block], each transaction raw bytes or an object",
        {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}},
        _read_placed,
    ),
]


@rpc("evm_snapshot", "anvil_snapshot", cheat=True)
def snapshot(node: Node, name: Name = None) -> SnapshotId:
    """Remember the chain as it is; a number, or the name given. Any can be gone back to often."""
    return node.chain.snapshot(name)


@rpc("evm_revert", "anvil_revert", cheat=True)
def revert(node: Node, snapshot: SnapshotId) -> Flag:
    """Go back to a snapshot; false where there is none, or one whose block has gone since."""
    try:
        node.chain.revert(snapshot)
    except (UnknownSnapshot, SnapshotLost) as error:
        _logger.info("%s", error)
        return False
    return True


@rpc("dex_rollback", cheat=True)
def rollback(node: Node, block: Block) -> Quantity:
    """Make an earlier block the head again, books and balances with it; its height."""
    return node.chain.rollback(plain_block(block)).block_number


@rpc("anvil_rollback", cheat=True)
def rollback_blocks(node: Node, depth: Quantity = 1) -> None:
    """Take the newest blocks back."""
    node.chain.rollback(_fork(node, depth).hash)


@rpc("anvil_reorg", cheat=True)
def reorganise(node: Node, depth: Quantity, transactions: Placed = ()) -> None:
    """Put other blocks in the place of the newest, with these transactions and no others.

    Those of a block are in the order of every block, the best paid first.
    Each block differs from the one before it in its prevrandao at least. What waits is gone. A
    transaction that can't be mined ends it there: the chain is shorter then.
    """
    fork = _fork(node, depth)
    check_blocks(depth)
    if any(place >= depth for _, place in transactions):
        raise invalid_params(f"places of {depth} new blocks must be from 0 to {depth - 1}")
    old = [node.chain.header(fork.block_number + 1 + place) for place in range(depth)]
    node.chain.rollback(fork.hash)
    try:
        with node.chain.settings.automining(on=False):
            for place, header in enumerate(old):
                _make_again(node, header, [sent for sent, at in transactions if at == place])
    except (ChainError, RpcError) as error:
        head = node.chain.rollback("latest")  # of what waits nothing stays
        raise failed(f"the chain ends at block {head.block_number} now: {error}") from None


@rpc(
    "anvil_dumpState",
    "hardhat_dumpState",
    "ganache_dumpState",
    "anvil_loadState",
    "hardhat_loadState",
    "ganache_loadState",
    cheat=True,
)
def carry_state(node: Node, state: Anything = None) -> Flag:  # noqa: ARG001 - refused whatever it is
    """Refuse: a state is carried in an archive."""
    raise failed(_INSTEAD_OF_STATE)


def _fork(node: Node, depth: int) -> Header:
    """Return the block that many before the head. Raises RpcError."""
    height = node.chain.head.block_number
    most = height - node.chain.blocks.first_height
    if depth > most:
        raise invalid_params(f"depth must be at most {most}, the blocks made here, got {depth}")
    return node.chain.header(height - depth)


def _make_again(node: Node, old: Header, sent: list[bytes | CallRequest]) -> None:
    """Make a block that is not `old`, with these transactions. Raises ChainError, RpcError."""
    node.cheats.set_prevrandao(keccak(old.hash + old.mix_hash))
    wanted = [_sent(node, transaction) for transaction in sent]
    block = node.chain.mine()
    if block.dropped:
        raise ChainError(block.dropped[0].reason)
    if left := set(wanted) - set(block.transaction_hashes):
        raise ChainError(f"exceeds block gas limit: there is no room for 0x{left.pop().hex()}")


def _sent(node: Node, sent: bytes | CallRequest) -> bytes:
    """Let a transaction wait for the next block; its hash. Raises ChainError, RpcError."""
    transaction = _ready(node, sent)
    following = node.chain.next_nonce(transaction.sender)
    if transaction.nonce > following:
        raise ChainError(
            f"nonce too high: it is {transaction.nonce}, the sender's next is {following}"
        )
    node.activity.sent(transaction.hash)
    return node.chain.send(transaction).hash


def _ready(node: Node, sent: bytes | CallRequest) -> Transaction:
    return decode_sent(sent) if isinstance(sent, bytes) else build_transaction(node, sent)
