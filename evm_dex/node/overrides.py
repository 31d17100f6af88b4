"""State and block that a call pretends to run in (state and block overrides)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.calls import Prepare
from evm_dex.evm.machine import State
from evm_dex.node.rpc_errors import failed, invalid_params
from evm_dex.node.rpc_types import (
    ParamType,
    read_address,
    read_data,
    read_hash,
    read_quantity,
    read_slot,
)
from precompiles.types import Address

_MOST_ACCOUNTS = 1_000
_MOST_SLOTS = 10_000
_MOST_HEIGHT = 2**63 - 1


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One account's changes; None for what stays."""

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    state: tuple[tuple[int, int], ...] | None = None
    """The whole of its storage."""
    state_diff: tuple[tuple[int, int], ...] | None = None
    """Changes of some storage words."""
    moved_to: Address | None = None
    """New address of the precompile that is at the account's."""


Overrides = tuple[tuple[Address, Override], ...]


def prepared(overrides: Overrides | None, *more: Prepare) -> Prepare:
    """Return what prepares the state of a call before it runs."""

    def prepare(state: State) -> None:
        for address, override in overrides or ():
            _apply(state, address, override)
        for change in more:
            change(state)

    return prepare


def moved_precompiles(
    overrides: Overrides | None, precompiles: Mapping[bytes, Any]
) -> dict[bytes, Any] | None:
    """Return the precompiles that a call finds; None where no override is of one.

    An account that is overridden is no precompile any more. Raises RpcError for one that is moved
    and is none, and for a place that is overridden too.
    """
    named = dict(overrides or ())
    moved = {address: it.moved_to for address, it in named.items() if it.moved_to is not None}
    if not moved and not any(address in precompiles for address in named):
        return None
    found = {address: it for address, it in precompiles.items() if address not in named}
    for address, target in moved.items():
        if address not in precompiles:
            raise failed(f"account 0x{address.hex()} is not a precompile")
        if target in named:
            raise failed(f"account 0x{target.hex()} is already overridden")
        found[target] = precompiles[address]
    return found


def _apply(state: State, address: Address, override: Override) -> None:
    if override.balance is not None:
        state.set_balance(address, override.balance)
    if override.nonce is not None:
        state.set_nonce(address, override.nonce)
    if override.code is not None:
        state.set_code(address, override.code)
    if override.state is not None:
        state.delete_storage(address)
    for slot, value in (*(override.state or ()), *(override.state_diff or ())):
        state.set_storage(address, slot, value)


def _read_storage(value: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, Mapping) or len(value) > _MOST_SLOTS:
        raise ValueError
    return tuple((read_slot(slot), read_slot(word)) for slot, word in value.items())


def _read_nonce(value: Any) -> int:
    nonce = read_quantity(value)
    if nonce >= 2**64:
        raise ValueError
    return nonce


_ACCOUNT_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "balance": ("balance", read_quantity),
    "nonce": ("nonce", _read_nonce),
    "code": ("code", read_data),
    "state": ("state", _read_storage),
    "stateDiff": ("state_diff", _read_storage),
    "movePrecompileToAddress": ("moved_to", read_address),
}


def read_overrides(value: Any) -> Overrides:
    """Read from JSON. Raises ValueError, or RpcError that names the field."""
    if not isinstance(value, Mapping) or len(value) > _MOST_ACCOUNTS:
        raise ValueError
    return tuple((read_address(address), _read_override(it)) for address, it in value.items())


def _read_override(value: Any) -> Override:
    if not isinstance(value, Mapping):
        raise ValueError
    fields = {}
    for name, given in value.items():
        if given is None:
            continue
        if name not in _ACCOUNT_READERS:
            raise invalid_params(
                f"unknown override {name!r}; known are {', '.join(_ACCOUNT_READERS)}"
            )
        field, read = _ACCOUNT_READERS[name]
        try:
            fields[field] = read(given)
        except (ValueError, TypeError):
            raise invalid_params(f"override {name!r} is not what it should be") from None
    if "state" in fields and "state_diff" in fields:
        raise invalid_params("give state or stateDiff, not both")
    return Override(**fields)


OVERRIDES = ParamType(
    "Overrides",
    "an object by address of {balance, nonce, code, state, stateDiff}",
    {"type": "object"},
    read_overrides,
)
StateOverrides = Annotated[Overrides, OVERRIDES]


def _read_bounded(value: Any) -> int:
    """Read a height, a time in seconds or an amount of gas."""
    number = read_quantity(value)
    if number > _MOST_HEIGHT:
        raise ValueError
    return number


_BLOCK_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "number": ("block_number", _read_bounded),
    "time": ("timestamp", _read_bounded),
    "gasLimit": ("gas_limit", _read_bounded),
    "feeRecipient": ("coinbase", read_address),
    "prevRandao": ("mix_hash", read_hash),
    "baseFeePerGas": ("base_fee_per_gas", read_quantity),
    "blobBaseFee": ("blob_base_fee", read_quantity),
}
_FOUNDRY_NAMES = {"coinbase": "feeRecipient", "random": "prevRandao", "baseFee": "baseFeePerGas"}
"""Names that foundry's clients use."""


def read_block_overrides(value: Any) -> BlockOverride:
    """Read from JSON. Raises ValueError, or RpcError that names the field."""
    if not isinstance(value, Mapping):
        raise ValueError
    fields: dict[str, Any] = {}
    for given, content in value.items():
        if content is None:
            continue
        name = _FOUNDRY_NAMES.get(given, given)
        if name not in _BLOCK_READERS:
            raise invalid_params(
                f"unknown block override {given!r}; known are {', '.join(_BLOCK_READERS)}"
            )
        field, read = _BLOCK_READERS[name]
        try:
            fields[field] = read(content)
        except ValueError:
            raise invalid_params(f"block override {given!r} is not what it should be") from None
    return BlockOverride(**fields)


BLOCK_OVERRIDES = ParamType(
    "BlockOverrides",
    f"an object of {{{', '.join(_BLOCK_READERS)}}}",
    {"type": "object", "properties": {name: {} for name in _BLOCK_READERS}},
    read_block_overrides,
)
BlockOverrides = Annotated[BlockOverride, BLOCK_OVERRIDES]
