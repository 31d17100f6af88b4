"""Transactions on the chain, their receipts, and what waits for a block."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from eth_utils.address import to_checksum_address

from evm_dex.blocks.blob_sidecar import decode_sent
from evm_dex.blocks.body import StoredTransaction
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.block_store import IncludedTransaction
from evm_dex.errors import UnknownTransaction
from evm_dex.node.methods.eth_blocks import find_header
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import RpcError
from evm_dex.node.rpc_json import Json, receipt_object, transaction_object
from evm_dex.node.rpc_types import (
    DATA,
    Block,
    BlockHash,
    BlockId,
    Data,
    Hash,
    HexAddress,
    Quantity,
    data,
    or_null,
    quantity,
    shaped,
)
from precompiles.types import Address

TransactionObject = Annotated[
    Json | None, or_null(shaped("TransactionObject", "a transaction and where it is"))
]
ReceiptObject = Annotated[
    Json | None, or_null(shaped("ReceiptObject", "what became of a transaction"))
]
Raw = Annotated[bytes | None, or_null(DATA)]
_NOT_MINED = 4
"""EIP-7966"""
Pool = Annotated[Json, shaped("Pool", "transactions that wait, by sender and nonce")]


@rpc("eth_sendRawTransaction")
def send_raw_transaction(node: Node, raw: Data) -> Hash:
    """Hand in a signed transaction; its hash. With automine it is in a block by then."""
    return node.submit(decode_sent(raw))


@rpc("eth_sendRawTransactionSync")
def send_raw_transaction_sync(node: Node, raw: Data, timeout: Quantity = 0) -> ReceiptObject:  # noqa: ARG001 - see mined
    """Hand in a signed transaction; its receipt (EIP-7966)."""
    return mined(node, send_raw_transaction(node, raw))


def mined(node: Node, transaction_hash: bytes) -> Json:
    """Return a new transaction's receipt. Raises RpcError where it is not in a block yet.

    Nobody is kept waiting for that: meanwhile nothing else could be done on the chain.
    """
    found = _included(node, transaction_hash)
    if found is None:
        raise RpcError(
            _NOT_MINED,
            "the transaction waits for a block: ask for its receipt with eth_getTransactionReceipt",
            data(transaction_hash),
        )
    return receipt_object(found)


@rpc("eth_getTransactionByHash")
def transaction_by_hash(node: Node, transaction_hash: Hash) -> TransactionObject:
    """Return a transaction on the chain or waiting; null for an unknown transaction."""
    found = _included(node, transaction_hash)
    if found is not None:
        return transaction_object(found.transaction, found.header, found.index)
    waiting = node.chain.mempool.get(transaction_hash)
    return None if waiting is None else transaction_object(waiting)


@rpc("eth_getTransactionByBlockNumberAndIndex")
def transaction_by_block(node: Node, block: Block, index: Quantity) -> TransactionObject:
    """Return a transaction by its place in a block; null if there is none."""
    found = _placed(node, block, index)
    if found is None:
        return None
    header, stored = found
    written = transaction_object(decode(stored.raw, stored.sender), header, index)
    return {**written, "blockHash": None} if block == "pending" else written


@rpc("eth_getTransactionByBlockHashAndIndex")
def transaction_by_block_hash(node: Node, block_hash: Hash, index: Quantity) -> TransactionObject:
    """Return a transaction by its place in a block; null if there is none."""
    return transaction_by_block(node, BlockHash(block_hash), index)


@rpc("eth_getTransactionBySenderAndNonce")
def transaction_by_sender(node: Node, address: HexAddress, nonce: Quantity) -> TransactionObject:
    """Return a transaction on the chain or waiting, by sender and nonce; null if unknown."""
    if nonce >= node.chain.state.get_nonce(address):
        waiting = node.chain.mempool.at_nonce(address, nonce)
        return None if waiting is None else transaction_object(waiting)
    header = node.header(_height_of(node, address, nonce))
    for index, stored in enumerate(node.chain.blocks.body(header.hash).transactions):
        transaction = decode(stored.raw, stored.sender)
        if (transaction.sender, transaction.nonce) == (address, nonce):
            return transaction_object(transaction, header, index)
    return None  # it was a contract's, or set by hand


@rpc("eth_getRawTransactionByBlockNumberAndIndex")
def raw_transaction_by_block(node: Node, block: Block, index: Quantity) -> Raw:
    """Return a transaction's bytes by its place in a block; null if there is none."""
    found = _placed(node, block, index)
    return None if found is None else found[1].raw


@rpc("eth_getRawTransactionByBlockHashAndIndex")
def raw_transaction_by_block_hash(node: Node, block_hash: Hash, index: Quantity) -> Raw:
    """Return a transaction's bytes by its place in a block; null if there is none."""
    return raw_transaction_by_block(node, BlockHash(block_hash), index)


@rpc("eth_getRawTransactionByHash")
def raw_transaction_by_hash(node: Node, transaction_hash: Hash) -> Raw:
    """Return a transaction's bytes; null for an unknown transaction."""
    found = _included(node, transaction_hash)
    transaction = found.transaction if found else node.chain.mempool.get(transaction_hash)
    return None if transaction is None else transaction.raw


@rpc("eth_getTransactionReceipt")
def receipt(node: Node, transaction_hash: Hash) -> ReceiptObject:
    """Return the receipt of a transaction on the chain; null for an unknown transaction."""
    found = _included(node, transaction_hash)
    return None if found is None else receipt_object(found)


@rpc("eth_pendingTransactions")
def pending_transactions(
    node: Node,
) -> Annotated[list[Json], shaped("Transactions", "transactions that wait", "array")]:
    """Return all transactions that wait, in order of arrival."""
    return [transaction_object(item) for item in node.chain.mempool]


@rpc("txpool_status")
def pool_status(node: Node) -> Annotated[Json, shaped("PoolStatus", "how many wait")]:
    """Count the transactions that wait for a block, and for earlier ones of their sender."""
    return {
        "pending": quantity(sum(1 for _ in node.chain.mempool.pending())),
        "queued": quantity(sum(1 for _ in node.chain.mempool.queued())),
    }


@rpc("txpool_content")
def pool_content(node: Node) -> Pool:
    """Return the transactions that wait, by sender and nonce."""
    return {
        "pending": _by_sender(node.chain.mempool.pending()),
        "queued": _by_sender(node.chain.mempool.queued()),
    }


@rpc("txpool_contentFrom")
def pool_content_from(node: Node, address: HexAddress) -> Pool:
    """Return the transactions of one sender that wait, by nonce."""
    sender = to_checksum_address(address)
    return {
        "pending": _by_sender(node.chain.mempool.pending()).get(sender, {}),
        "queued": _by_sender(node.chain.mempool.queued()).get(sender, {}),
    }


@rpc("txpool_inspect")
def pool_inspect(node: Node) -> Pool:
    """Return the transactions that wait, by sender and nonce, each in a line."""
    return {
        "pending": _by_sender(node.chain.mempool.pending(), _line),
        "queued": _by_sender(node.chain.mempool.queued(), _line),
    }


def _line(item: Transaction) -> str:
    to = to_checksum_address(item.to) if item.to else "contract creation"
    return f"{to}: {item.value} wei + {item.gas} gas × {item.max_fee_per_gas} wei"  # noqa: RUF001 - geth writes it so


def _by_sender(
    waiting: Iterable[Transaction], shown: Callable[[Transaction], Any] = transaction_object
) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for item in waiting:
        by_nonce = found.setdefault(to_checksum_address(item.sender), {})
        by_nonce[str(item.nonce)] = shown(item)
    return found


def _height_of(node: Node, sender: Address, nonce: int) -> int:
    """Find the first block after which a nonce was used. Raises StateMissing if pruned."""
    first = node.chain.blocks.first_height
    heights = range(first, node.chain.head.block_number + 1)
    return first + bisect_right(heights, nonce, key=lambda at: node.state(at).get_nonce(sender))


def _placed(node: Node, block: BlockId, index: int) -> tuple[Header, StoredTransaction] | None:
    """Return a transaction by its place in a block; None for none such."""
    header = find_header(node, block)
    if header is None:
        return None
    stored = node.chain.blocks.body(header.hash).transactions
    return (header, stored[index]) if index < len(stored) else None


def _included(node: Node, transaction_hash: bytes) -> IncludedTransaction | None:
    try:
        return node.chain.blocks.included(transaction_hash)
    except UnknownTransaction:
        return None
