"""Records and tables of the spot exchange, and the indexes over them."""

from __future__ import annotations

from typing import Any

from precompiles.engine.book import OrderBook
from precompiles.engine.journal import Journal
from precompiles.ledger.hyper.records import MarketBase
from precompiles.ledger.live_orders import LiveOrders
from precompiles.ledger.record import Amount, OrderRecord, Record
from precompiles.ledger.table import BytesKey, IdKey, Table, TableNumber
from precompiles.types import Address, SelfTradePrevention


class TokenTotal(Record, frozen=True):
    """Sum of all accounts' balances of a token; the precompile holds at least as much."""

    total: Amount


class Balance(Record, frozen=True):
    """Balance of one account in one token, in the token's smallest units."""

    total: Amount
    hold: Amount
    """The part locked by live orders."""

    @property
    def available(self) -> int:
        """The part that may be spent or withdrawn."""
        return self.total - self.hold


class Market(Record, frozen=True):
    """Trading rules of one asset."""

    asset: Address
    """Its key: its base, or where a base has several markets, see `MarketBase`."""
    number: int
    """Place in the order of listing, from 0."""
    quote: Address
    base_unit: Amount
    """Smallest units of the asset that a price is quoted for."""
    tick: Amount
    """Prices are multiples of this."""
    lot: Amount
    """Amounts are multiples of this."""
    maker_fee: int
    """In hundred-thousandths of what the maker receives."""
    taker_fee: int
    self_trade_prevention: SelfTradePrevention
    fee_recipient: Address


class Order(OrderRecord, frozen=True):
    """One order on the spot exchange."""

    client_order_id: Amount
    """0 where the owner gave none."""
    block_number: int
    """Block in which the order was placed."""


_EMPTY_BALANCE = Balance(0, 0)


class SpotTables:
    """The spot part of a ledger: rows, balances, and books."""

    def __init__(self, journal: Journal) -> None:
        self.tokens = Table(TableNumber.TOKENS, BytesKey(20), TokenTotal, journal)
        self.markets = Table(TableNumber.MARKETS, BytesKey(20), Market, journal)
        self.bases = Table(TableNumber.MARKET_BASES, BytesKey(20), MarketBase, journal)
        self.balances = Table(TableNumber.BALANCES, BytesKey(40), Balance, journal)
        """By token, then account."""
        self.orders = Table(
            TableNumber.ORDERS, IdKey(), Order, journal, lambda order: order.is_active
        )
        self.tables: tuple[Table[Any, Any], ...] = (
            self.tokens,
            self.markets,
            self.balances,
            self.bases,
            self.orders,
        )
        self.live: LiveOrders[Order] = LiveOrders(journal, lambda _order_id: False)
        self.orders.index = self.live.changed

    def base_of(self, market: Market) -> Address:
        """Return the token that a market trades."""
        base = self.bases.get(market.asset)
        return base.token if base else market.asset

    def balance(self, user: Address, token: Address) -> Balance:
        """Return the balance of `user` in `token`; zeros where there is no row."""
        return self.balances.get(token + user) or _EMPTY_BALANCE

    def change_balance(
        self, user: Address, token: Address, *, total: int = 0, hold: int = 0
    ) -> None:
        """Add to an account's total and hold; either may be negative.

        The caller has made sure that 0 <= hold <= total afterwards.
        """
        if total == hold == 0:
            return
        before = self.balance(user, token)
        after = Balance(before.total + total, before.hold + hold)
        assert 0 <= after.hold <= after.total, "a balance may not be overspent"
        self.balances.put(token + user, after if after.total else None)

    def token_total(self, token: Address) -> int:
        """Return the sum of all accounts' balances of `token`."""
        row = self.tokens.get(token)
        return row.total if row else 0

    def change_token_total(self, token: Address, change: int) -> None:
        """Add tokens that came in (positive) or went out."""
        total = self.token_total(token) + change
        assert total >= 0, "more went out than there was"
        self.tokens.put(token, TokenTotal(total) if total else None)

    def book(self, asset: bytes) -> OrderBook[Order]:
        """Return the book of a market."""
        return self.live.book(asset)

    def index_loaded(self) -> None:
        """Build every index from the loaded rows, by ascending id."""
        self.live.load(self.orders.rows.values())
