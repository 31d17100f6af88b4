"""A history store that keeps a list of updates and looks through all of it at every query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evm_dex.history.stores.history_store import (
    PAGE,
    START,
    Cursor,
    HistoryStore,
    PageCursor,
    Query,
    Statistics,
    check_limit,
    new_updates,
)
from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, Totals, fingerprint
from evm_dex.orderlog.statistics import stats_delta
from precompiles.types import Address, OrderStatus


class ModelStore(HistoryStore):
    """Slow and obvious."""

    def __init__(self) -> None:
        self.events: list[OrderUpdate] = []
        self.balance_events: list[BalanceUpdate] = []
        self.read_balances_to = START

    def cursor(self) -> Cursor:
        if not self.events:
            return START
        return Cursor(self.events[-1].event_id, fingerprint(self.events[-1]))

    def apply(self, updates: Sequence[OrderUpdate]) -> int:
        fresh = new_updates(self.cursor(), updates)
        self.events.extend(fresh)
        return len(fresh)

    def balance_cursor(self) -> Cursor:
        return self.read_balances_to

    def apply_balances(self, updates: Sequence[BalanceUpdate], cursor: Cursor) -> None:
        self.balance_events.extend(updates)
        self.read_balances_to = cursor

    def balances(self, user: Address) -> list[BalanceUpdate]:
        mine = [it for it in self.balance_events if it.user == user]
        owned = sorted({(it.exchange, it.token) for it in mine})
        return [self.balance_changes(user, *key)[0] for key in owned]

    def balance_changes(
        self,
        user: Address,
        exchange: Exchange,
        token: Address,
        *,
        before: int | None = None,
        limit: int = PAGE,
    ) -> list[BalanceUpdate]:
        check_limit(limit)
        owner = (user, exchange, token)
        found = {
            it.version: it
            for it in reversed(self.balance_events)  # so that the first of a version stays
            if (it.user, it.exchange, it.token) == owner and (before is None or it.version < before)
        }
        return [found[version] for version in sorted(found, reverse=True)][:limit]

    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        check_limit(limit)
        return [event for event in self.events if event.event_id > after][:limit]

    def first_event_since(self, timestamp: int) -> int:
        late = (event.event_id for event in self.events if event.timestamp >= timestamp)
        return next(late, len(self.events) + 1)

    def open_orders(
        self, user: Address, *, exchange: Exchange | None = None, market: Address | None = None
    ) -> list[OrderUpdate]:
        gap = max((event.event_id for event in self.events if event.kind == Kind.GAP), default=0)
        return [
            order
            for order in self._orders()
            if order.user == user
            and order.status.is_open
            and order.event_id > gap
            and exchange in (None, order.exchange)
            and market in (None, order.market)
        ]

    def order(self, order_id: int) -> OrderUpdate | None:
        return next((order for order in self._orders() if order.order_id == order_id), None)

    def changes(self, order_id: int) -> list[OrderUpdate]:
        return [event for event in self._events() if event.order_id == order_id]

    def order_fills(self, order_id: int) -> list[OrderUpdate]:
        return sorted(
            (fill for fill in self._fills() if fill.order_id == order_id),
            key=lambda fill: fill.trade_id,
        )

    def by_client_id(self, user: Address, client_order_id: int) -> list[OrderUpdate]:
        wanted = (user, client_order_id)
        return [o for o in self._orders() if (o.user, o.client_order_id) == wanted]

    def history(self, query: Query) -> list[OrderUpdate]:
        query.check()
        return _page(self._events(), query, lambda u: query.status in (None, u.status))

    def fills(self, query: Query) -> list[OrderUpdate]:
        query.check()
        return _page(self._fills(), query, lambda _: True)

    def statistics(self, user: Address) -> list[Statistics]:
        sums: dict[tuple[Exchange, Address], tuple[Totals, int]] = {}
        for event in self._events():
            if event.user == user and stats_delta(event) != Totals():
                key = (event.exchange, event.market)
                total, _ = sums.get(key, (Totals(), 0))
                sums[key] = (total + stats_delta(event), event.event_id)
        return [
            Statistics(user, exchange, market, total, last)
            for (exchange, market), (total, last) in sorted(sums.items())
            if total != Totals()
        ]

    def clear(self) -> None:
        self.events = []
        self.balance_events = []
        self.read_balances_to = START

    def close(self) -> None:
        pass

    def _events(self) -> list[OrderUpdate]:
        return [event for event in self.events if event.kind != Kind.GAP]

    def _orders(self) -> list[OrderUpdate]:
        last = {event.order_id: event for event in self._events()}
        return [last[i] for i in sorted(last) if last[i].status != OrderStatus.GONE]

    def _fills(self) -> list[OrderUpdate]:
        fills: list[OrderUpdate] = []
        for event in self._events():
            if event.kind == Kind.TRADE:
                fills.append(event)
            elif event.kind == Kind.ROLLED_BACK and event.trade_id:
                fills = [
                    fill
                    for fill in fills
                    if fill.order_id != event.order_id or fill.trade_id < event.trade_id
                ]
        return fills


def _page(
    updates: list[OrderUpdate], query: Query, matches: Callable[[OrderUpdate], bool]
) -> list[OrderUpdate]:
    found = [
        (PageCursor(update.timestamp, update.event_id), update)
        for update in updates
        if query.user in (None, update.user)
        and query.exchange in (None, update.exchange)
        and query.market in (None, update.market)
        and query.start <= update.timestamp
        and (query.end is None or update.timestamp < query.end)
        and matches(update)
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    older = [u for place, u in found if query.before is None or place < query.before]
    return older[: query.limit]
