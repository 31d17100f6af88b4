"""A block that a call pretends to be in, as callers describe it (block overrides)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from evm_dex.evm.block_override import BlockOverride
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_types import ParamType, read_address, read_hash, read_quantity

_MOST_HEIGHT = 2**63 - 1


def _read_bounded(value: Any) -> int:
    """Read a height, a time in seconds or an amount of gas."""
    number = read_quantity(value)
    if number > _MOST_HEIGHT:
        raise ValueError
    return number


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "number": ("block_number", _read_bounded),
    "time": ("timestamp", _read_bounded),
    "gasLimit": ("gas_limit", _read_bounded),
    "feeRecipient": ("coinbase", read_address),
    "prevRandao": ("mix_hash", read_hash),
    "baseFeePerGas": ("base_fee_per_gas", read_quantity),
    "blobBaseFee": ("blob_base_fee", read_quantity),
}
_OTHER_NAMES = {"coinbase": "feeRecipient", "random": "prevRandao", "baseFee": "baseFeePerGas"}
"""As foundry's clients write them."""


def read_block_overrides(value: Any) -> BlockOverride:
    """Read from JSON. Raises ValueError, or RpcError that names the field."""
    if not isinstance(value, Mapping):
        raise ValueError
    fields: dict[str, Any] = {}
    for given, content in value.items():
        if content is None:
            continue
        name = _OTHER_NAMES.get(given, given)
        if name not in _READERS:
            raise invalid_params(
                f"unknown block override {given!r}; known are {', '.join(_READERS)}"
            )
        field, read = _READERS[name]
        try:
            fields[field] = read(content)
        except ValueError:
            raise invalid_params(f"block override {given!r} is not what it should be") from None
    return BlockOverride(**fields)


BLOCK_OVERRIDES = ParamType(
    "BlockOverrides",
    f"an object of {{{', '.join(_READERS)}}}",
    {"type": "object", "properties": {name: {} for name in _READERS}},
    read_block_overrides,
)
BlockOverrides = Annotated[BlockOverride, BLOCK_OVERRIDES]
