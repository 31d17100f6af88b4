"""The records of the perpetuals exchange.

Cash, notional and margin are in smallest units of the collateral token; a size is in smallest
units of what is traded, of which `base_unit` are what a price is quoted for; times are block times
in seconds; fees and shares are in hundred-thousandths.
"""

from __future__ import annotations

from precompiles.ledger.record import Amount, OrderRecord, Record, Signed
from precompiles.types import (
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    PositionKind,
    PositionStatus,
    SelfTradePrevention,
)


class PerpSettings(Record, frozen=True):
    """Facts about the exchange as a whole."""

    collateral: Address
    """Token of all margin."""
    backstop: Address
    """The account that takes over positions the book cannot absorb; the zero address for none."""


class PerpFund(Record, frozen=True):
    """Collateral that belongs to no single account."""

    collateral_total: Amount
    """Deposits less withdrawals: what the precompile holds of the token."""
    insurance: Amount
    """Pays for bankruptcies before profitable positions are deleveraged."""
    deficit: Amount
    """Losses that no account bears; payments into the insurance fund repay them first."""


class PerpMarket(Record, frozen=True):
    """Rules of one perpetual market; only the exchange's owner changes them."""

    asset: Address
    number: int
    """Place in the order of listing, from 0."""
    base_unit: Amount
    tick: Amount
    lot: Amount
    maker_fee: int
    """Of the notional, like the other fees."""
    taker_fee: int
    liquidation_fee: int
    """Goes to the insurance fund."""
    fee_recipient: Address
    self_trade_prevention: SelfTradePrevention
    feeder: Address
    """The account that sets prices."""
    max_price_age: int
    """Seconds."""
    max_slippage: int
    """Largest distance from mark at which a market order may trade."""
    partial_notional: Amount
    """Positions above it are liquidated in part first; 0 for none."""
    cooldown: int
    """Seconds after a partial liquidation."""
    max_open_interest: Amount
    """0 for no limit."""
    minimum_notional: Amount
    price_band: int
    """Largest distance from mark of a limit price; 0 for no limit."""
    impact_notional: Amount
    """Notional of the impact price that samples the premium; 0 takes no samples."""
    vault: Address
    """The account that fills at mark what the book cannot; the zero address for none."""
    vault_limit: Amount
    """Largest notional of the vault's position."""
    tiers: tuple[tuple[bytes, int], ...]
    """(lower bound of the notional as minimal bytes, maximum leverage)."""

    @property
    def max_leverage(self) -> int:
        """Leverage of the first tier."""
        return self.tiers[0][1]


class PerpPrices(Record, frozen=True):
    """State of one market that moves with time and trading."""

    time: int
    """Block time up to which funding and averages are accrued."""
    oracle: Amount
    """0 before the first price."""
    oracle_time: int
    external: Amount
    """Price on other perpetual markets, set together with the oracle price; 0 for none."""
    mark: Amount
    last_trade: Amount
    basis_numerator: Signed
    """Average of mid - oracle; see `engine.mark.Average`."""
    basis_denominator: Amount
    book_numerator: Signed
    """Average of the book's median price."""
    book_denominator: Amount
    premium_sum: Signed
    """Sum of the samples since the last full hour."""
    premium_count: int
    funding_index: Signed
    last_rate: Signed
    open_interest: Amount
    """Sum of the long sizes."""
    funding_pool: Signed
    """Funding paid by settled positions and not yet received by others."""


class PerpAccount(Record, frozen=True):
    """Collateral that is not set apart for a single position.

    Buying takes the notional from it and selling adds it, so it may be negative while positions
    are worth more.
    """

    cash: Signed


class Leverage(Record, frozen=True):
    """Leverage and margin mode that an account chose for one market."""

    leverage: int
    is_cross: bool


class Position(Record, frozen=True):
    """One position, from its first fill to long after its end.

    When it has ended, size and entry are those it had last.
    """

    id: int
    owner: Address
    asset: Address
    kind: PositionKind
    status: PositionStatus
    size: Signed
    """Positive for long, negative for short."""
    entry_notional: Amount
    """Notional for which the present size was bought or sold."""
    leverage: int
    cash: Signed
    """Own collateral, less purchases, plus sales; 0 for a cross position."""
    funding_index: Signed
    """The market's index when funding was last settled."""
    cooldown_until: int
    """After its last liquidation in part; 0 before any."""
    realized_pnl: Signed
    """Price gains of the closed parts, without fees and funding."""
    block_number: int
    """Block in which the position was opened."""

    @property
    def is_open(self) -> bool:
        """Return whether the position still has a size."""
        return self.status == PositionStatus.OPEN

    @property
    def is_long(self) -> bool:
        return self.size > 0

    @property
    def has_own_cash(self) -> bool:
        """Return whether collateral is set apart for the position."""
        return self.kind != PositionKind.CROSS

    @property
    def margin(self) -> int:
        """Collateral put in and not lost to closed parts, funding or fees."""
        return self.cash + self.signed_entry

    @property
    def signed_entry(self) -> int:
        """Signed entry notional: paid for a long, received (negative) for a short."""
        return self.entry_notional if self.is_long else -self.entry_notional


class PerpOrder(OrderRecord, frozen=True):
    """One order on the perpetuals exchange."""

    kind: OrderKind
    reduce_only: bool
    client_order_id: Amount
    block_number: int


class Trigger(Record, frozen=True):
    """An order that waits for its price; once fired or cancelled it is a `PerpOrder`."""

    id: int
    owner: Address
    asset: Address
    is_buy: bool
    amount: Amount
    trigger_price: Amount
    limit_price: Amount
    """0 to trade at market."""
    is_take_profit: bool
    reduce_only: bool
    client_order_id: Amount
    block_number: int

    @property
    def price(self) -> int:
        """Limit price of the order it becomes."""
        return self.limit_price

    @property
    def filled(self) -> int:
        return 0

    @property
    def remaining(self) -> int:
        return self.amount

    @property
    def status(self) -> OrderStatus:
        return OrderStatus.UNTRIGGERED

    @property
    def reason(self) -> CloseReason:
        return CloseReason.NONE

    @property
    def fires_above(self) -> bool:
        """Return whether it waits for a rise: a stop that buys, a take-profit that sells."""
        return self.is_buy != self.is_take_profit

    def is_due(self, price: int) -> bool:
        """Return whether a price has reached it; it fires when both mark and oracle have."""
        return price >= self.trigger_price if self.fires_above else price <= self.trigger_price
