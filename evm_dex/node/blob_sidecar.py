"""Blob transactions as wallets send them: with the blobs beside, which a chain does not keep."""

from __future__ import annotations

import hashlib
from typing import Any

from checkpoint.trie import rlp
from evm_dex.node.rpc_errors import failed

_BLOB_TYPE = 3
_KZG_VERSION = b"\x01"
_HASHES_FIELD = 10
_WRAPPERS = (4, 5)
"""How many fields: transaction, blobs, commitments, proofs; by EIP-7594 also a version."""


def without_blobs(raw: bytes) -> bytes:
    """A raw transaction as it is hashed and mined; other than blob transactions unchanged.

    The commitments must be those the transaction names; that the blobs are theirs is not checked,
    since no one here is given them. Raises RpcError.
    """
    if raw[:1] != bytes((_BLOB_TYPE,)):
        return raw
    try:
        items = rlp.decode(raw[1:])
    except ValueError:
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
        raise failed("blob commitments are not those of the transaction's versioned hashes")
