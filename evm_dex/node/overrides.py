"""State and block that a call pretends to run in (state and block overrides)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.calls import Prepare
from evm_dex.evm.machine import State
from evm_dex.node.rpc_errors import failed, invalid_params
from evm_dex.node.rpc_types import (
    ADDRESS,
    DATA,
    HASH,
    QUANTITY,
    ParamType,
    read_address,
    read_fields,
    read_quantity,
    read_slot,
)
from precompiles.types import EXCHANGES, Address

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

    An account that is overridden is no precompile any more, but for an exchange. Raises RpcError
    for one that is moved and is none, and for a place that is overridden too.
    """
    named = dict(overrides or ())
    moved = {address: it.moved_to for address, it in named.items() if it.moved_to is not None}
    if not moved and not any(address in precompiles for address in named):
        return None
    gone = moved.keys() | (named.keys() - set(EXCHANGES))
    found = {address: it for address, it in precompiles.items() if address not in gone}
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


_NONCE = ParamType("Nonce", "an integer in hex below 2**64", {"type": "string"}, _read_nonce)
_STORAGE = ParamType("Storage", "an object of words by slot", {"type": "object"}, _read_storage)
_ACCOUNT_FIELDS = {
    "balance": ("balance", QUANTITY),
    "nonce": ("nonce", _NONCE),
    "code": ("code", DATA),
    "state": ("state", _STORAGE),
    "stateDiff": ("state_diff", _STORAGE),
    "movePrecompileToAddress": ("moved_to", ADDRESS),
}


def read_overrides(value: Any) -> Overrides:
    """Read from JSON. Raises ValueError, or RpcError that names the field."""
    if not isinstance(value, Mapping) or len(value) > _MOST_ACCOUNTS:
        raise ValueError
    found = tuple((read_address(address), _read_override(it)) for address, it in value.items())
    for address, override in found:
        if address in EXCHANGES and override != Override(
            balance=override.balance, moved_to=override.moved_to
        ):
            raise failed(
                f"0x{address.hex()} is an exchange, whose account follows from its books: its "
                "code, nonce and storage can't be overridden"
            )
    return found


def _read_override(value: Any) -> Override:
    fields = read_fields(value, _ACCOUNT_FIELDS, "override")
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


_BOUNDED = ParamType("Bounded", "an integer in hex below 2**63", {"type": "string"}, _read_bounded)
_BLOCK_FIELDS = {
    "number": ("block_number", _BOUNDED),
    "time": ("timestamp", _BOUNDED),
    "gasLimit": ("gas_limit", _BOUNDED),
    "feeRecipient": ("coinbase", ADDRESS),
    "prevRandao": ("mix_hash", HASH),
    "baseFeePerGas": ("base_fee_per_gas", QUANTITY),
    "blobBaseFee": ("blob_base_fee", QUANTITY),
}
_FOUNDRY_NAMES = {
    "coinbase": _BLOCK_FIELDS["feeRecipient"],
    "random": _BLOCK_FIELDS["prevRandao"],
    "baseFee": _BLOCK_FIELDS["baseFeePerGas"],
}


def read_block_overrides(value: Any) -> BlockOverride:
    """Read from JSON. Raises ValueError, or RpcError that names the field."""
    return BlockOverride(**read_fields(value, _BLOCK_FIELDS | _FOUNDRY_NAMES, "block override"))


BLOCK_OVERRIDES = ParamType(
    "BlockOverrides",
    f"an object of {{{', '.join(_BLOCK_FIELDS)}}}",
    {"type": "object", "properties": {name: {} for name in _BLOCK_FIELDS}},
    read_block_overrides,
)
BlockOverrides = Annotated[BlockOverride, BLOCK_OVERRIDES]
