"""Admission of transactions to the mempool, with the reason where one is refused.

A reason begins with geth's words, by which client libraries know it.
"""

from __future__ import annotations

from eth.vm.forks.cancun.constants import VERSIONED_HASH_VERSION_KZG

from evm_dex.blocks.gas import GAS_PER_BLOB, MAX_BLOB_GAS_PER_BLOCK, blob_base_fee
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.errors import TransactionRejected
from evm_dex.evm.transaction_executor import is_contract

MAX_INITCODE_BYTES = 49_152
"""EIP-3860"""
_BLOB_TYPE = 3
_MAX_BLOBS = MAX_BLOB_GAS_PER_BLOCK // GAS_PER_BLOB


def check_admission(
    transaction: Transaction,
    *,
    chain_id: int,
    next_header: Header,
    balance: int,
    nonce: int,
    most_ahead: int = 0,
    code: bytes = b"",
) -> None:
    """Hold a transaction against the chain; `balance`, `nonce` and `code` are its sender's.

    Its nonce may be `most_ahead` higher: then it waits for those before it.

    Raises TransactionRejected, saying what was found and what was expected.
    """
    problem = (
        _chain_problem(transaction, chain_id)
        or _type_problem(transaction, next_header)
        or _gas_problem(transaction, next_header)
        or _blob_problem(transaction, next_header)
        or _sender_problem(transaction, code)
        or _nonce_problem(transaction, nonce, most_ahead)
        or _funds_problem(transaction, balance)
    )
    if problem:
        raise TransactionRejected(problem)


def _chain_problem(transaction: Transaction, chain_id: int) -> str | None:
    if transaction.chain_id not in (None, chain_id):
        return f"signed for chain {transaction.chain_id}, this is chain {chain_id}"
    return None


def _type_problem(transaction: Transaction, header: Header) -> str | None:
    types = header.rules.transaction_types
    if transaction.type_id in types:
        return None
    return (
        f"transaction type not supported: it is {transaction.type_id}, the chain takes types "
        f"{min(types)} to {max(types)}"
    )


def _gas_problem(transaction: Transaction, header: Header) -> str | None:
    gas, fee = transaction.gas, transaction.max_fee_per_gas
    if gas > header.gas_limit:
        big = header.rules.big_block_gas
        hint = f"; one of {big} takes it, for those who use big blocks" if gas <= (big or 0) else ""
        limit = header.gas_limit
        return f"exceeds block gas limit: gas limit {gas} is above the block's {limit}{hint}"
    needed = header.rules.least_gas(
        transaction.intrinsic_gas, transaction.data, creates=not transaction.to
    )
    if gas < needed:
        return f"intrinsic gas too low: gas limit {gas} is below the {needed} it takes at least"
    if fee < header.base_fee_per_gas:
        return (
            f"max fee per gas less than block base fee: max fee per gas {fee} is below the next "
            f"base fee {header.base_fee_per_gas}"
        )
    if transaction.max_priority_fee_per_gas > fee:
        return (
            "max priority fee per gas higher than max fee per gas: priority fee "
            f"{transaction.max_priority_fee_per_gas} is above the max fee {fee}"
        )
    if not transaction.to and len(transaction.data) > MAX_INITCODE_BYTES:
        size = len(transaction.data)
        return f"init code of {size} bytes; at most {MAX_INITCODE_BYTES} are allowed"
    return None


def _blob_problem(transaction: Transaction, header: Header) -> str | None:
    if transaction.type_id != _BLOB_TYPE:
        return None
    hashes, fee = transaction.blob_versioned_hashes, transaction.max_fee_per_blob_gas
    if not hashes:
        return "blobless blob transaction: a blob transaction must have at least one blob"
    if len(hashes) > _MAX_BLOBS:
        return (
            f"too many blobs: a block has room for {_MAX_BLOBS}, the transaction has {len(hashes)}"
        )
    if any(blob[:1] != VERSIONED_HASH_VERSION_KZG for blob in hashes):
        return "blob hash version mismatch: a versioned hash must begin with 0x01"
    price = blob_base_fee(header.excess_blob_gas)
    if fee < price:
        return (
            f"max fee per blob gas less than block blob gas fee: {fee} is below the next blob base "
            f"fee {price}"
        )
    return None


def _sender_problem(transaction: Transaction, code: bytes) -> str | None:
    if is_contract(code) and transaction.is_signed:
        return f"sender not an eoa: 0x{transaction.sender.hex()} has {len(code)} bytes of code"
    return None


def _nonce_problem(transaction: Transaction, nonce: int, most_ahead: int) -> str | None:
    if nonce <= transaction.nonce <= nonce + most_ahead:
        return None
    found = "too low" if transaction.nonce < nonce else "too high"
    return f"nonce {found}: it is {transaction.nonce}, the sender's next is {nonce}"


def _funds_problem(transaction: Transaction, balance: int) -> str | None:
    blobs = transaction.blob_gas * transaction.max_fee_per_blob_gas
    most = transaction.gas * transaction.max_fee_per_gas + blobs + transaction.value
    if balance >= most:
        return None
    return (
        f"insufficient funds for gas * price + value: sender 0x{transaction.sender.hex()} has "
        f"{balance} wei, gas at the max fee and value come to {most}" + " with blobs" * bool(blobs)
    )
