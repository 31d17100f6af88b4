"""Blob transactions as wallets send them: with the blobs beside, which a chain does not keep."""

from __future__ import annotations

import hashlib
from typing import Any

from checkpoint.trie import rlp
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.errors import TransactionRejected

_BLOB_TYPE = 3
_KZG_VERSION = b"\x01"
_HASHES_FIELD = 10
_WRAPPERS = (4, 5)
"""Number of fields: transaction, blobs, commitments, proofs; by EIP-7594 also a version."""


def decode_sent(raw: bytes) -> Transaction:
    """Read a transaction as it comes over the wire: a blob transaction with its blobs or without.

    Raise TransactionRejected.
    """
    return decode(without_sidecar(raw))


def without_sidecar(raw: bytes) -> bytes:
    """Return a raw transaction as it is hashed and mined; others than blob transactions unchanged.

    The commitments must be those that the transaction names (EIP-4844). The blobs are not held
    against them: nobody here is given blobs. Raise TransactionRejected.
    """
    if raw[:1] != bytes((_BLOB_TYPE,)):
        return raw
    try:
        items = rlp.decode(raw[1:])
    except rlp.RLPError:
        return raw  # to be refused with the others that do not decode
    if len(items) not in _WRAPPERS or not isinstance(items[0], list):
        return raw
    _check_commitments(items)
    return raw[:1] + rlp.encode(items[0])


def _check_commitments(items: list[Any]) -> None:
    transaction, commitments = items[0], items[-2]
    hashes = transaction[_HASHES_FIELD] if len(transaction) > _HASHES_FIELD else []
    named = [bytes(item) for item in hashes]
    found = [_KZG_VERSION + hashlib.sha256(item).digest()[1:] for item in commitments]
    if named != found:
        raise TransactionRejected(
            "blob commitments are not those of the transaction's versioned hashes"
        )
