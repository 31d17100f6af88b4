"""Transactions as eth-tester hands them to a backend, made whole and signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkpoint.trie import rlp
from evm_dex.blocks.authorization import authorization
from evm_dex.blocks.signing import Signer
from evm_dex.blocks.transaction import Transaction, sign, signed

_GWEI = 10**9
_BLOBS = 3
_AUTHORIZATION = ("chain_id", "address", "nonce", "y_parity", "r", "s")
_DEFAULT_FEES = {"max_fee_per_gas": _GWEI, "max_priority_fee_per_gas": _GWEI}

Request = Mapping[str, Any]
"""Fields by eth-tester's names, normalised by it: addresses and data as bytes, numbers as ints."""


def complete(request: Request, *, chain_id: int, nonce: int, base_fee: int) -> dict[str, Any]:
    """The fields of a transaction's RLP layout, with defaults where the request has none.

    Without any fee it is of type 2 at a gwei, or what the base fee needs beyond. A legacy one is
    for every chain unless it says for which, as eth-tester's are.
    """
    fields: dict[str, Any] = {
        "chain_id": chain_id,
        "nonce": nonce,
        "to": b"",
        "value": 0,
        "data": b"",
        **{name: value for name, value in request.items() if name not in ("from", "type")},
    }
    if "gas_price" not in fields:
        if "max_priority_fee_per_gas" not in fields and "max_fee_per_gas" not in fields:
            fields |= _DEFAULT_FEES
            fields["max_fee_per_gas"] = max(_GWEI, base_fee)
        fields.setdefault("max_priority_fee_per_gas", min(_GWEI, fields.get("max_fee_per_gas", 0)))
        fields.setdefault("max_fee_per_gas", fields["max_priority_fee_per_gas"] + 2 * base_fee)
    if type_of(fields):
        fields.setdefault("access_list", ())
    else:
        fields["chain_id"] = request.get("chain_id")
    if "authorization_list" in fields:
        fields["authorization_list"] = tuple(
            authorization(**{name: item[name] for name in _AUTHORIZATION})
            for item in fields["authorization_list"]
        )
    return fields


def type_of(fields: Request) -> int:
    """The transaction type (EIP-2718) that some fields make."""
    if "authorization_list" in fields:
        return 4
    if "blob_versioned_hashes" in fields:
        return _BLOBS
    if "gas_price" not in fields:
        return 2
    return int("access_list" in fields)


def signed_by(signer: Signer, fields: dict[str, Any]) -> Transaction:
    """A transaction from complete fields."""
    return sign(signer, type_of(fields), fields)


def with_signature(fields: dict[str, Any]) -> Transaction:
    """A transaction from complete fields that have a signature in `v`, `r` and `s`."""
    v, r, s = (fields.pop(name) for name in "vrs")
    fields.pop("y_parity", None)
    return signed(type_of(fields), fields, (v, r, s))


def without_sidecar(raw: bytes) -> bytes:
    """A blob transaction as it is in a block: its blobs travel beside it (EIP-4844)."""
    if raw[:1] != bytes((_BLOBS,)):
        return raw
    parts = rlp.decode(raw[1:])
    return raw[:1] + rlp.encode(parts[0]) if isinstance(parts[0], list) else raw
