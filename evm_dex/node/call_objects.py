"""Calls and transactions as callers describe them: one object of optional fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.blocks.transaction import AccessList, authorization
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_types import (
    ADDRESS,
    DATA,
    HASH,
    QUANTITY,
    ParamType,
    Schema,
    listed,
    read_address,
    read_fields,
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


_ACCESS_LIST = ParamType(
    "AccessList", "a list of {address, storageKeys}", {"type": "array"}, _read_access_list
)
_AUTHORIZATIONS = ParamType(
    "Authorizations",
    "a list of {chainId, address, nonce, yParity, r, s}",
    {"type": "array"},
    _read_authorizations,
)
_FIELDS = {
    "from": ("sender", ADDRESS),
    "to": ("to", ADDRESS),
    "data": ("data", DATA),
    "input": ("data", DATA),
    "value": ("value", QUANTITY),
    "gas": ("gas", QUANTITY),
    "gasLimit": ("gas", QUANTITY),
    "gasPrice": ("gas_price", QUANTITY),
    "maxFeePerGas": ("max_fee_per_gas", QUANTITY),
    "maxPriorityFeePerGas": ("max_priority_fee_per_gas", QUANTITY),
    "nonce": ("nonce", QUANTITY),
    "accessList": ("access_list", _ACCESS_LIST),
    "chainId": ("chain_id", QUANTITY),
    "type": ("type_id", QUANTITY),
    "maxFeePerBlobGas": ("max_fee_per_blob_gas", QUANTITY),
    "blobVersionedHashes": ("blob_versioned_hashes", listed(HASH, most=_MOST_LISTED)),
    "authorizationList": ("authorization_list", _AUTHORIZATIONS),
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
    creates = value.get("to") in ("", "0x")
    left_out = (*_IGNORED, "to") if creates else _IGNORED
    fields = read_fields(
        {name: given for name, given in value.items() if name not in left_out}, _FIELDS
    )
    if "gas_price" in fields and fields.keys() & {"max_fee_per_gas", "max_priority_fee_per_gas"}:
        raise invalid_params("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    return CallRequest(**fields)


_SCHEMA: Schema = {
    "type": "object",
    "title": "Request",
    "properties": {name: {"description": kind.expected} for name, (_, kind) in _FIELDS.items()},
    "additionalProperties": False,
}
REQUEST = ParamType("Request", "an object that describes a transaction", _SCHEMA, read_request)
TransactionRequest = Annotated[CallRequest, REQUEST]
