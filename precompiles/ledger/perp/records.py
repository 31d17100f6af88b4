"""The records of the perpetuals exchange.

Cash, notional and margin are in smallest units of the collateral token; a size is in smallest
units of what is traded, of which `base_unit` are what a price is quoted for; times are block times
in seconds; fees and shares are in hundred-thousandths.
"""

from __future__ import annotations

from precompiles.ledger.record import Amount, DeclaredRecord, Signed, declared
from precompiles.types import (
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    PositionKind,
    PositionStatus,
    SelfTradePrevention,
    TimeInForce,
)

_LAST_ACTIVE = OrderStatus.PARTIALLY_FILLED


@declared
class PerpSettings(DeclaredRecord, frozen=True, gc=False):
    """Facts about the exchange as a whole."""

    collateral: Address
    """The token that every margin is in."""
    backstop: Address
    """The account that takes over what the book does not; the zero address for none."""


@declared
class PerpFund(DeclaredRecord, frozen=True, gc=False):
    """What belongs to no single account."""

    collateral_total: Amount
    """Deposits less withdrawals: what the precompile holds of the token."""
    insurance: Amount
    """Pays for bankruptcies before profitable positions do."""
    deficit: Amount
    """Losses that nobody could be found to bear; what comes into the insurance pays them first."""


@declared
class PerpMarket(DeclaredRecord, frozen=True, gc=False):
    """The rules of one perpetual market; they change by its owner's word alone."""

    asset: Address
    number: int
    """Its place in the order of listing, from 0."""
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
    """The one account whose prices count."""
    max_price_age: int
    """Seconds."""
    max_slippage: int
    """How far from mark an order without a price may trade."""
    partial_notional: Amount
    """Positions above it are liquidated in part first; 0 for none."""
    cooldown: int
    """Seconds after a partial liquidation."""
    max_open_interest: Amount
    """0 for no limit."""
    minimum_notional: Amount
    price_band: int
    """How far from mark an order may be priced; 0 for no limit."""
    impact_notional: Amount
    """What is filled on the book to sample the premium; 0 samples none."""
    vault: Address
    """The account that fills at mark what the book cannot; the zero address for none."""
    vault_limit: Amount
    """Largest notional of the vault's position."""
    tiers: tuple[tuple[bytes, int], ...]
    """(lower bound of the notional as minimal bytes, maximum leverage)."""

    @property
    def max_leverage(self) -> int:
        """That of the first tier."""
        return self.tiers[0][1]


@declared
class PerpPrices(DeclaredRecord, frozen=True, gc=False):
    """What moves with time and trading in one market."""

    time: int
    """Up to when funding and averages are worked out."""
    oracle: Amount
    """0 before the first price."""
    oracle_time: int
    external: Amount
    """The price elsewhere, as the feeder gave it with the oracle's; 0 for none."""
    mark: Amount
    last_trade: Amount
    basis_numerator: Signed
    """Average of mid - oracle; see `engine.mark.Average`."""
    basis_denominator: Amount
    book_numerator: Signed
    """Average of the book's median price."""
    book_denominator: Amount
    premium_sum: Signed
    """Of the samples since the last hour."""
    premium_count: int
    funding_index: Signed
    last_rate: Signed
    open_interest: Amount
    """Sum of the long sizes."""
    funding_pool: Signed
    """What settled positions paid and have not received yet."""


@declared
class PerpAccount(DeclaredRecord, frozen=True, gc=False):
    """The collateral that is not set apart for a single position.

    Buying takes the notional from it and selling adds it, so it may be negative while positions
    are worth more.
    """

    cash: Signed


@declared
class Leverage(DeclaredRecord, frozen=True, gc=False):
    """How an account wants to trade one market."""

    leverage: int
    is_cross: bool


@declared
class Position(DeclaredRecord, frozen=True, gc=False):
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
    """What its present size was bought or sold for."""
    leverage: int
    cash: Signed
    """Its own collateral, less what it bought, plus what it sold; 0 for a cross position."""
    funding_index: Signed
    """The market's, when funding was last settled."""
    cooldown_until: int
    """0 unless it was liquidated in part."""
    realized_pnl: Signed
    """Price gains of what was closed, without fees and funding."""
    block_number: int
    """The block in which it was opened."""

    @property
    def is_open(self) -> bool:
        """Whether it still has its size."""
        return self.status == PositionStatus.OPEN

    @property
    def is_long(self) -> bool:
        return self.size > 0

    @property
    def has_own_cash(self) -> bool:
        """Whether its collateral is set apart from the account's."""
        return self.kind != PositionKind.CROSS

    @property
    def margin(self) -> int:
        """Collateral put in and not lost to closed parts, funding or fees."""
        return self.cash + self.entry_notional if self.is_long else self.cash - self.entry_notional


@declared
class PerpOrder(DeclaredRecord, frozen=True, gc=False):
    """One order on the perpetuals exchange."""

    id: int
    owner: Address
    asset: Address
    is_buy: bool
    price: Amount
    amount: Amount
    filled: Amount
    filled_notional: Amount
    status: OrderStatus
    reason: CloseReason
    time_in_force: TimeInForce
    kind: OrderKind
    reduce_only: bool
    client_order_id: Amount
    block_number: int

    @property
    def remaining(self) -> int:
        """What is not filled; stays what it was when the order ended unfilled."""
        return self.amount - self.filled

    @property
    def is_active(self) -> bool:
        """Whether it rests in the book."""
        return self.status <= _LAST_ACTIVE


@declared
class Trigger(DeclaredRecord, frozen=True, gc=False):
    """An order that waits for the mark price; once fired or cancelled it is a `PerpOrder`."""

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
    def fires_above(self) -> bool:
        """Whether it waits for the mark to rise: a stop that buys, a take-profit that sells."""
        return self.is_buy != self.is_take_profit

    def is_due(self, mark: int) -> bool:
        """Whether it fires at a mark price."""
        return mark >= self.trigger_price if self.fires_above else mark <= self.trigger_price
