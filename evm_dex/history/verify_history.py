"""Checks a store's tables against the chain's rows, which had no part in making them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby

from checkpoint.families import Family
from checkpoint.store import StoreReader
from evm_dex.history.stores.history_store import MAX_PAGE, START, Cursor, HistoryStore
from evm_dex.orderlog import balance_log
from evm_dex.orderlog.cursors import STATE_KEY, event_key
from evm_dex.orderlog.order_rows import all_orders, as_row
from evm_dex.orderlog.order_update import (
    ZERO,
    Exchange,
    Kind,
    OrderUpdate,
    Totals,
    encode,
    fingerprint_of,
)
from evm_dex.orderlog.outbox import read_state
from evm_dex.orderlog.statistics import stats_delta
from precompiles.types import Address

Progress = Callable[[int], object]
"""Called with the number of orders checked so far."""
_Totals = dict[tuple[Exchange, Address], Totals]


def verify(
    chain: StoreReader, store: HistoryStore, progress: Progress = lambda _count: None
) -> Iterator[str]:
    """Compare a chain with its history; yield each difference.

    Checks the tables by themselves, every update of the stream, every order's last update, its
    fills, and of every user the open orders, totals and balances. Fees and the number of fills, of
    which the chain keeps no row, are recounted from the fills.
    """
    last = read_state(chain.get(Family.OUTBOX, STATE_KEY)).last
    if store.cursor().event_id != last:
        yield f"the history is at update {store.cursor().event_id}, the chain at {last}"
        return
    yield from store.damage()
    yield from _stream_differences(chain, store)
    totals: dict[Address, _Totals] = defaultdict(lambda: defaultdict(Totals))
    open_orders: dict[Address, list[OrderUpdate]] = defaultdict(list)
    for count, row in enumerate(all_orders(chain), 1):
        yield from _order_differences(store, row)
        totals[row.user][row.exchange, row.market] += _counted(store, row)
        open_orders[row.user] += [row] if row.status.is_open else []
        progress(count)
    for user in sorted(totals):
        known = [as_row(order) for order in store.open_orders(user)]
        expected = sorted(open_orders[user], key=lambda order: order.order_id)
        if known != expected:
            ids = [order.order_id for order in known], [order.order_id for order in expected]
            yield f"user {user.hex()}: open orders {ids[0]}, the chain has {ids[1]}"
        yield from _total_differences(store, user, totals[user])
    yield from _balance_differences(chain, store)


def _balance_differences(chain: StoreReader, store: HistoryStore) -> Iterator[str]:
    """Check the last update of each balance against what the chain's log knows of it."""
    state = balance_log.read_state(chain)
    if store.balance_cursor().event_id != state.last:
        last = store.balance_cursor().event_id
        yield f"the history is at balance update {last}, the chain at {state.last}"
        return
    known = balance_log.present_balances(chain, state)
    for user, balances in groupby(known, key=lambda balance: balance.user):
        mine = {(it.exchange, it.token): it for it in store.balances(user)}
        for balance in balances:
            found = mine.get((balance.exchange, balance.token))
            wanted = balance.version, balance.total, balance.hold
            if found is None or (found.version, found.total, found.hold) != wanted:
                yield (
                    f"user {user.hex()}, token {balance.token.hex()} "
                    f"({balance.exchange.name.lower()}): the balance is not that of the chain's log"
                )


def _stream_differences(chain: StoreReader, store: HistoryStore) -> Iterator[str]:
    """Check the stream against the outbox, and where that is gone by its own fingerprints."""
    cursor, before = store.cursor(), START
    while updates := store.stream(before.event_id, MAX_PAGE):
        for update in updates:
            payload = encode(update)
            if update.event_id <= before.event_id:  # or a damaged index would be read for ever
                yield f"update {update.event_id}: the history has it after {before.event_id}"
                return
            if update.event_id != before.event_id + 1:
                yield f"update {before.event_id + 1}: the history does not have it"
            elif before.event_id and update.previous not in (b"", before.fingerprint):
                yield f"update {before.event_id}: the next update has another fingerprint for it"
            if chain.get(Family.EVENTS, event_key(update.event_id)) not in (None, payload):
                yield f"update {update.event_id}: the chain has another one"
            before = Cursor(update.event_id, fingerprint_of(payload))
    if before != cursor:
        yield f"the stream ends with update {before.event_id}, not with that of the cursor"


def _order_differences(store: HistoryStore, row: OrderUpdate) -> Iterator[str]:
    found = store.order(row.order_id)
    if found is None:
        yield f"order {row.order_id}: the history does not have it"
    elif as_row(found) != row:
        names = [n for n in row.__struct_fields__ if getattr(as_row(found), n) != getattr(row, n)]
        yield f"order {row.order_id}: {', '.join(names)} differ from the chain's row"
    fills = store.order_fills(row.order_id)
    sums = sum(fill.last_quantity for fill in fills), sum(fill.last_quote for fill in fills)
    if sums != (row.filled_quantity, row.filled_quote):
        yield (
            f"order {row.order_id}: its fills come to {sums}, its row says "
            f"{(row.filled_quantity, row.filled_quote)}"
        )


def _counted(store: HistoryStore, row: OrderUpdate) -> Totals:
    """Return what one order adds to its user's totals."""
    ended = {
        name: int(row.status.name.lower() == name) for name in ("cancelled", "rejected", "expired")
    }
    fills = [
        stats_delta(fill) for fill in store.order_fills(row.order_id) if fill.kind == Kind.TRADE
    ]
    return sum(fills, ZERO) + Totals(orders=1, **ended)


def _total_differences(store: HistoryStore, user: Address, counted: _Totals) -> Iterator[str]:
    known = {(row.exchange, row.market): row.totals for row in store.statistics(user)}
    for key in sorted(known.keys() | counted.keys()):
        if known.get(key) != counted.get(key):
            yield (
                f"user {user.hex()}, {key[0].name.lower()} market {key[1].hex()}: totals are "
                f"{known.get(key)}, counted {counted.get(key)}"
            )
