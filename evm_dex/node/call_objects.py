"""Calls and transactions as callers describe them: one object of optional fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.blocks.transaction import AccessList, authorization
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_types import (
    ParamType,
    Schema,
    read_address,
    read_data,
    read_hash,
    read_quantity,
    read_slot,
)
from precompiles.types import Address

_MOST_LISTED = 10_000


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call or transaction as requested; None for what was left open."""

    sender: Address | None = None
    to: Address | None = None
    """None creates a contract."""
    data: bytes = b""
    value: int = 0
    gas: int | None = None
    gas_price: int | None = None
    max_fee_per_gas: int | None = None
    max_priority_fee_per_gas: int | None = None
    nonce: int | None = None
    access_list: AccessList | None = None
    chain_id: int | None = None
    type_id: int | None = None
    max_fee_per_blob_gas: int | None = None
    blob_versioned_hashes: tuple[bytes, ...] | None = None
    authorization_list: tuple[Any, ...] | None = None


def _read_access_list(value: Any) -> AccessList:
    if not isinstance(value, list) or len(value) > _MOST_LISTED:
        raise ValueError
    found = []
    for item in value:
        keys = item.get("storageKeys") or []
        if not isinstance(keys, list) or len(keys) > _MOST_LISTED:
            raise ValueError
        found.append((read_address(item["address"]), tuple(read_slot(key) for key in keys)))
    return tuple(found)


def _read_hashes(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > _MOST_LISTED:
        raise ValueError
    return tuple(read_hash(item) for item in value)


def _read_authorizations(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > _MOST_LISTED:
        raise ValueError
    return tuple(
        authorization(
            read_quantity(item["chainId"]),
            read_address(item["address"]),
            read_quantity(item["nonce"]),
            read_quantity(item.get("yParity", item.get("v", 0))),
            read_quantity(item["r"]),
            read_quantity(item["s"]),
        )
        for item in value
    )


_READERS: dict[str, tuple[str, Any, str]] = {
    "from": ("sender", read_address, "an address"),
    "to": ("to", read_address, "an address"),
    "data": ("data", read_data, "bytes in hex"),
    "input": ("data", read_data, "bytes in hex"),
    "value": ("value", read_quantity, "an integer in hex"),
    "gas": ("gas", read_quantity, "an integer in hex"),
    "gasLimit": ("gas", read_quantity, "an integer in hex"),
    "gasPrice": ("gas_price", read_quantity, "an integer in hex"),
    "maxFeePerGas": ("max_fee_per_gas", read_quantity, "an integer in hex"),
    "maxPriorityFeePerGas": ("max_priority_fee_per_gas", read_quantity, "an integer in hex"),
    "nonce": ("nonce", read_quantity, "an integer in hex"),
    "accessList": ("access_list", _read_access_list, "a list of {address, storageKeys}"),
    "chainId": ("chain_id", read_quantity, "an integer in hex"),
    "type": ("type_id", read_quantity, "an integer in hex"),
    "maxFeePerBlobGas": ("max_fee_per_blob_gas", read_quantity, "an integer in hex"),
    "blobVersionedHashes": ("blob_versioned_hashes", _read_hashes, "a list of hashes"),
    "authorizationList": (
        "authorization_list",
        _read_authorizations,
        "a list of {chainId, address, nonce, yParity, r, s}",
    ),
}
_IGNORED = (
    "blobs",
    "kzg",
    "commitments",
    "proofs",
    "cellProofs",
    "sidecar",
    "sidecars",
    "feeCurrency",
    "gateway",
)


def read_request(value: Any) -> CallRequest:
    """Read an object from JSON. Raises ValueError, or RpcError that names a wrong field."""
    if not isinstance(value, Mapping):
        raise ValueError
    fields: dict[str, Any] = {}
    for name, given in value.items():
        if given is None or name in _IGNORED:
            continue
        if name not in _READERS:
            raise invalid_params(f"unknown field {name!r}; known are {', '.join(_READERS)}")
        field, read, expected = _READERS[name]
        if name == "to" and given in ("", "0x"):
            continue
        try:
            found = read(given)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise invalid_params(f"field {name!r} must be {expected}") from None
        if fields.setdefault(field, found) != found:
            raise invalid_params(f"both spellings of {field!r} are given and differ: give one")
    if "gas_price" in fields and fields.keys() & {"max_fee_per_gas", "max_priority_fee_per_gas"}:
        raise invalid_params("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    return CallRequest(**fields)


_SCHEMA: Schema = {
    "type": "object",
    "title": "Request",
    "properties": {name: {"description": expected} for name, (_, _, expected) in _READERS.items()},
    "additionalProperties": False,
}
REQUEST = ParamType("Request", "an object that describes a transaction", _SCHEMA, read_request)
TransactionRequest = Annotated[CallRequest, REQUEST]
