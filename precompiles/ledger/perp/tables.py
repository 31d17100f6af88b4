"""Tables of the perpetuals exchange, and the indexes over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from precompiles.engine.book import OrderBook
from precompiles.engine.journal import Journal
from precompiles.ledger.live_orders import LiveOrders
from precompiles.ledger.perp.indexes import PositionIndex, TriggerIndex, Watchlist, margin_group_key
from precompiles.ledger.perp.records import (
    Leverage,
    PerpAccount,
    PerpFund,
    PerpMarket,
    PerpOrder,
    PerpPrices,
    PerpSettings,
    Position,
    Trigger,
)
from precompiles.ledger.table import (
    BytesKey,
    IdKey,
    Table,
    TableNumber,
)
from precompiles.types import ZERO_ADDRESS, Address

_ONLY = b"\x00"
_NO_SETTINGS = PerpSettings(ZERO_ADDRESS, ZERO_ADDRESS)
_NO_FUND = PerpFund(0, 0, 0)


class PerpTables:
    """The perpetuals part of a ledger: rows, cash, and books."""

    def __init__(self, journal: Journal) -> None:
        self._settings = Table(TableNumber.PERP_SETTINGS, BytesKey(1), PerpSettings, journal)
        self._fund = Table(TableNumber.PERP_FUND, BytesKey(1), PerpFund, journal)
        self.markets = Table(TableNumber.PERP_MARKETS, BytesKey(20), PerpMarket, journal)
        self.prices = Table(TableNumber.PERP_PRICES, BytesKey(20), PerpPrices, journal)
        self.accounts = Table(TableNumber.PERP_ACCOUNTS, BytesKey(20), PerpAccount, journal)
        self.leverages = Table(TableNumber.PERP_LEVERAGES, BytesKey(40), Leverage, journal)
        """By market, then account."""
        self.positions = Table(
            TableNumber.POSITIONS, IdKey(), Position, journal, lambda row: row.is_open
        )
        self.orders = Table(
            TableNumber.PERP_ORDERS, IdKey(), PerpOrder, journal, lambda row: row.is_active
        )
        self.triggers = Table(TableNumber.TRIGGERS, IdKey(), Trigger, journal)
        self.tables: tuple[Table[Any, Any], ...] = (
            self._settings,
            self._fund,
            self.markets,
            self.prices,
            self.accounts,
            self.leverages,
            self.positions,
            self.orders,
            self.triggers,
        )
        self.live: LiveOrders[PerpOrder] = LiveOrders(journal, self._lives_on)
        """Resting orders; by owner and client id also waiting triggers."""
        self.open_positions = PositionIndex()
        self.waiting_triggers = TriggerIndex()
        self.watchlist = Watchlist()
        self.pool_of: Callable[[bytes], int] = lambda _account: 0
        """Tells which collateral an account has: there is one, but for HyperCore's dexs."""
        self.idle: defaultdict[int, int] = defaultdict(int)
        """Collateral of accounts without a cross position, which no price can take; by pool."""
        self.projected_prices: dict[bytes, PerpPrices] = {}
        """By market: prices projected to a later time, until a row they depend on changes."""
        self.orders.index = self.live.changed
        self.triggers.index = self._index_trigger
        self.orders.watch = self._order_changed
        self.triggers.watch = self.waiting_triggers.changed
        self.positions.watch = self._position_changed
        self.accounts.watch = self._account_changed
        self.prices.watch = self._prices_changed
        self.markets.watch = self._market_changed

    @property
    def settings(self) -> PerpSettings:
        """Collateral and backstop; zero addresses before they are set."""
        return self._settings.get(_ONLY) or _NO_SETTINGS

    @settings.setter
    def settings(self, settings: PerpSettings) -> None:
        self._settings.put(_ONLY, settings)

    @property
    def fund(self) -> PerpFund:
        """Collateral held, insurance and deficit."""
        return self._fund.get(_ONLY) or _NO_FUND

    @fund.setter
    def fund(self, fund: PerpFund) -> None:
        self._fund.put(_ONLY, fund)

    def cash(self, user: Address) -> int:
        """Return an account's collateral that is not set apart; may be negative."""
        account = self.accounts.get(user)
        return account.cash if account else 0

    def is_idle(self, user: Address) -> bool:
        """Return whether an account has no cross position, so that it can owe nothing."""
        return user not in self.open_positions.cross.ids

    def change_cash(self, user: Address, change: int) -> None:
        """Add to an account's cash."""
        if change:
            cash = self.cash(user) + change
            self.accounts.put(user, PerpAccount(cash) if cash else None)

    def netting_position(self, user: Address, asset: Address) -> Position | None:
        """Return the position that an account's orders in a market change, or None."""
        position_id = self.open_positions.netting.get((user, asset))
        return None if position_id is None else self.positions.rows[position_id]

    def book(self, asset: bytes) -> OrderBook[PerpOrder]:
        """Return the book of a market."""
        return self.live.book(asset)

    def index_loaded(self) -> None:
        """Build every index from the loaded rows, by ascending id."""
        self.live.load(self.orders.rows.values(), self.triggers.rows.values())
        for trigger in self.triggers.rows.values():
            self.waiting_triggers.changed(trigger.id, None, trigger)
        self.idle.clear()
        for user, account in self.accounts.rows.items():
            self.idle[self.pool_of(user)] += max(0, account.cash)
        for position in self.positions.rows.values():
            self._position_changed(position.id, None, position)

    def _position_changed(
        self, position_id: int, before: Position | None, after: Position | None
    ) -> None:
        row = after or before
        if row is None:  # An ended row is not in memory when a view goes back beyond it.
            return
        was_idle = self.is_idle(row.owner)
        self.open_positions.changed(position_id, before, after)
        self.watchlist.touch(margin_group_key(row))
        if (is_idle := self.is_idle(row.owner)) != was_idle:
            change = max(0, self.cash(row.owner))
            self.idle[self.pool_of(row.owner)] += change if is_idle else -change

    def _account_changed(
        self, user: bytes, before: PerpAccount | None, after: PerpAccount | None
    ) -> None:
        self.watchlist.touch(user)
        if self.is_idle(Address(user)):
            change = max(0, after.cash if after else 0) - max(0, before.cash if before else 0)
            self.idle[self.pool_of(user)] += change

    def _prices_changed(
        self, asset: bytes, before: PerpPrices | None, after: PerpPrices | None
    ) -> None:
        """Touch all positions after funding; a price alone is what alarms are for."""
        self.projected_prices.pop(asset, None)
        if before and after and before.funding_index != after.funding_index:
            self._touch_all(asset)

    def _market_changed(
        self, asset: bytes, _before: PerpMarket | None, _after: PerpMarket | None
    ) -> None:
        self.projected_prices.pop(asset, None)
        self._touch_all(asset)

    def _order_changed(
        self, _order_id: int, before: PerpOrder | None, after: PerpOrder | None
    ) -> None:
        """Drop projected prices, since mark price and funding follow the book."""
        row = after or before
        if row is not None:  # An ended row is not in memory when a view goes back beyond it.
            self.projected_prices.pop(row.asset, None)

    def _touch_all(self, asset: bytes) -> None:
        for position_id in self.open_positions.by_market.of(asset):
            self.watchlist.touch(margin_group_key(self.positions.rows[position_id]))

    def _index_trigger(self, before: Trigger | None, after: Trigger | None) -> None:
        if before is None and after is not None:
            self.live.add(after)
        elif before is not None and after is None:
            self.live.remove(before)

    def _lives_on(self, order_id: int) -> bool:
        """Return whether an id is live: firing and rollback move it between triggers and orders."""
        order = self.orders.get(order_id)
        return order_id in self.triggers.rows or (order is not None and order.is_active)
