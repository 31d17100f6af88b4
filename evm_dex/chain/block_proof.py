"""Holding a block that came from elsewhere against its header: body, receipts, genesis.

A store keeps bodies and receipts as they are; only the chain can tell whether they are those
that a header commits to.
"""

from __future__ import annotations

from eth_hash.auto import keccak

from checkpoint.block_record import BlockRecord
from checkpoint.trie.trie import ordered_trie_root
from evm_dex.blocks.body import Body, decode_body, decode_receipts
from evm_dex.blocks.header import Header, decode_header
from evm_dex.blocks.receipt import consensus_encoding, logs_bloom
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.genesis.resolved import decode_genesis
from evm_dex.errors import TransactionRejected


def inspect_block(chain_id: int, block: BlockRecord) -> tuple[bytes, ...]:
    """Prove a block's parts by its header; the hashes of its transactions, in order.

    Transactions, their senders, receipts and, in block 0, the genesis with its chain id. A
    receipt's error name and output are for the reader and in no header. Raises ValueError,
    saying what differs.
    """
    header = decode_header(block.header)
    body = decode_body(block.body)
    _check_genesis(chain_id, header, body)
    transactions = tuple(_transaction(at, body) for at in range(len(body.transactions)))
    if ordered_trie_root([item.raw for item in transactions]) != header.transaction_root:
        raise ValueError("its transactions are not those of its header")
    _check_receipts(header, transactions, block.receipts)
    return tuple(transaction.hash for transaction in transactions)


def _check_genesis(chain_id: int, header: Header, body: Body) -> None:
    if header.block_number > 0 and header.stands_for is None:
        if body.genesis:
            raise ValueError("it has a genesis definition, which only the first block has")
        return
    if keccak(body.genesis) != header.extra_data:
        raise ValueError("its genesis definition is not that of its header")
    genesis = decode_genesis(body.genesis)
    fork = genesis.fork
    place = (None, 0) if fork is None else (fork.block_hash, fork.height)
    if place != (header.stands_for, header.block_number):
        raise ValueError("it stands for another block than its genesis names")
    defined = genesis.chain_id
    if defined != chain_id:
        raise ValueError(f"its genesis is that of chain {defined}, not of chain {chain_id}")


def _transaction(at: int, body: Body) -> Transaction:
    stored = body.transactions[at]
    try:
        transaction = decode(stored.raw)
    except TransactionRejected as error:
        raise ValueError(f"its transaction {at} does not decode: {error}") from error
    if transaction.sender != stored.sender:
        raise ValueError(f"its transaction {at} was not signed by 0x{stored.sender.hex()}")
    return transaction


def _check_receipts(header: Header, transactions: tuple[Transaction, ...], stored: bytes) -> None:
    receipts = decode_receipts(stored)
    if len(receipts) != len(transactions):
        raise ValueError(f"it has {len(receipts)} receipts for {len(transactions)} transactions")
    encoded = [
        consensus_encoding(receipt, transaction.type_id, logs_bloom(receipt.logs))
        for receipt, transaction in zip(receipts, transactions, strict=True)
    ]
    if ordered_trie_root(encoded) != header.receipt_root:
        raise ValueError("its receipts are not those of its header")
