"""The records that signed actions need beside HyperCore's own."""

from __future__ import annotations

from precompiles.ledger.record import Amount, Record
from precompiles.types import Address


class SignerNonces(Record, frozen=True):
    """The highest nonces that a signer has used."""

    nonces: bytes
    """Ascending, eight bytes each."""


class MultiSigSigners(Record, frozen=True):
    """Those who sign for an account, in place of its own key."""

    users: tuple[Address, ...]
    """Ascending."""
    threshold: int
    """How many of them an action needs."""


class SubAccount(Record, frozen=True):
    """An account that another one acts for."""

    name: str


class ScheduledCancel(Record, frozen=True):
    """When all orders of an account are cancelled."""

    due: int
    """Block time in seconds."""


class OrderBuilder(Record, frozen=True):
    """The builder that each fill of an order or trigger pays; its key is the order's id."""

    account: Address
    """Of the builder, on the exchange that the order is on."""
    rate: int
    """In tenths of a basis point of the quote."""


class BuilderRewards(Record, frozen=True):
    """Fees that a builder was ever paid, on all markets together."""

    usd: Amount
    """In six decimals."""


class Bracket(Record, frozen=True):
    """Triggers that are placed once an order is filled; its key is the order's id."""

    user: Address
    children: bytes
    """As msgpack gives them."""


class TriggerGroup(Record, frozen=True):
    """Triggers of which one cancels the others; its key is the first one's id."""

    triggers: tuple[int, ...]
    user: Address
    position_of: Address
    """The market of the position that they end with; empty for none."""


class Twap(Record, frozen=True):
    """An order over time; its key is its id."""

    user: Address
    asset: int
    is_buy: bool
    reduce_only: bool
    size: Amount
    """Times 10**8."""
    minutes: int
    started: int
    """Block time in seconds."""
    placed: Amount
    """Of `size`, in the parts so far."""
    filled: Amount
    filled_quote: Amount
    """Times 10**8, at six decimals of the collateral."""
