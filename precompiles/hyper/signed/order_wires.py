"""Parts of signed actions: orders, cancels, and the forms of their fields."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from precompiles.types import Address

AddressText = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}$")]
ClientIdText = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{32}$")]
U32 = Annotated[int, Meta(ge=0, lt=2**32)]
U63 = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=256)]
MOST_ORDERS = 1_000
"""Of one action."""


class Signed(Struct, frozen=True, tag_field="type", rename="camel"):
    """An action hashed by its msgpack encoding."""


class LimitType(Struct, frozen=True, forbid_unknown_fields=True):
    """Time in force of an order."""

    tif: Literal["Alo", "Ioc", "Gtc", "FrontendMarket", "LiquidationMarket"]


class TriggerType(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The price at which an order is placed."""

    is_market: bool
    trigger_px: Text
    tpsl: Literal["tp", "sl"]


class OrderType(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the two."""

    limit: LimitType | UnsetType = UNSET
    trigger: TriggerType | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError unless there is exactly one."""
        if (self.limit is UNSET) == (self.trigger is UNSET):
            raise ValueError("an order's type must be either limit or trigger")


class OrderWire(Struct, frozen=True, forbid_unknown_fields=True):
    """An order."""

    a: U32
    """Asset id."""
    b: bool
    """Whether it buys."""
    p: Text
    """Price."""
    s: Text
    """Size."""
    r: bool
    """Whether it may only reduce."""
    t: OrderType
    c: ClientIdText | UnsetType | None = UNSET
    """Client id."""


class BuilderWire(Struct, frozen=True, forbid_unknown_fields=True):
    """The builder that is paid for an order, and its fee in tenths of a basis point."""

    b: AddressText
    f: U32


class Priority(Struct, frozen=True, forbid_unknown_fields=True):
    """A bid for being early in a block; taken, and without an effect."""

    p: U32


class CancelWire(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to cancel, by its id."""

    a: U32
    o: U63


class CancelByCloidWire(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to cancel, by its client id."""

    asset: U32
    cloid: ClientIdText


class ModifyWire(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to take the place of another."""

    oid: U63 | ClientIdText
    order: OrderWire


class TwapWire(Struct, frozen=True, forbid_unknown_fields=True):
    """An order over time."""

    a: U32
    b: bool
    s: Text
    r: bool
    m: U32
    """Minutes."""
    t: bool
    """Whether the times of its parts are spread at random; here they never are."""


class DustingWire(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Whether an account keeps small spot balances."""

    opt_out: bool


def address_of(text: AddressText) -> Address:
    """Return the account of a text."""
    return Address(bytes.fromhex(text[2:]))


def client_id_of(text: ClientIdText | UnsetType | None) -> int:
    """Return a client id as a number; 0 for none."""
    return int(text, 16) if isinstance(text, str) else 0
