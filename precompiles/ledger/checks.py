"""The ledger's invariants, each a function that yields its violations.

They hold after every call; `check` runs all of them over the whole state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from precompiles.engine.amounts import locked_amount
from precompiles.engine.book import OrderBook
from precompiles.ledger.hyper.core_invariants import CORE_INVARIANTS
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.invariants import PERP_INVARIANTS


def check(ledger: Ledger) -> list[str]:
    """Return every violation of every invariant; empty when the ledger is sound."""
    return [violation for invariant in INVARIANTS for violation in invariant(ledger)]


def books_are_not_crossed(ledger: Ledger) -> Iterator[str]:
    """Best bid < best ask."""
    for where, book in _books(ledger):
        bid, ask = book.best_prices()
        if bid and ask and bid >= ask:
            yield f"{where}: best bid {bid} must be below best ask {ask}"


def levels_are_sums_in_id_order(ledger: Ledger) -> Iterator[str]:
    """Levels are sums of their orders' remaining amounts, and queues are in order of id."""
    for where, book in _books(ledger):
        for side in (book.bids, book.asks):
            if list(side.keys) != sorted(side.levels):
                yield f"{where}: sorted keys differ from levels"
            if side.best is not (side.levels[side.keys[0]] if side.keys else None):
                yield f"{where}: the best level is not the first"
            for level in side:
                node, ids, size = level.head, [], 0
                while node is not None:
                    ids.append(node.order.id)
                    size += node.order.remaining
                    node = node.next
                if not ids or ids != sorted(set(ids)):
                    yield f"{where}, price {level.price}: queue {ids}"
                if size != level.size:
                    yield f"{where}, price {level.price}: size {level.size}, sum {size}"


def indexes_agree_with_orders(ledger: Ledger) -> Iterator[str]:
    """Books, open orders and client ids hold exactly the active orders and waiting triggers."""
    for exchange, tables, waiting in (
        ("spot", ledger.spot, {}),
        ("perpetual", ledger.perp, ledger.perp.triggers.rows),
    ):
        active = {row.id: row for row in tables.orders.rows.values() if row.is_active}
        books, live = tables.live.books.values(), tables.live
        resting = {node.order.id: node.order for book in books for node in book.nodes.values()}
        if resting != active:
            differing = sorted(resting.keys() ^ active.keys())
            yield f"{exchange} books and order table differ at orders {differing}"
        rows = [*active.values(), *waiting.values()]
        owners = {i: owner for owner, ids in live.by_owner.owners.items() for i in ids}
        if owners != {row.id: row.owner for row in rows}:
            yield f"{exchange} open orders by owner differ from the order table"
        named = {(o.owner, o.client_order_id): o.id for o in rows if o.client_order_id}
        if live.by_client_id.ids != named:
            yield f"{exchange} client order ids differ from the order table"


def holds_are_locks(ledger: Ledger) -> Iterator[str]:
    """Each account's hold is the sum of what its live orders lock."""
    locks: Counter[bytes] = Counter()
    for order in ledger.spot.orders.rows.values():
        if order.is_active:
            market = ledger.spot.markets.rows[order.asset]
            token = market.quote if order.is_buy else ledger.spot.base_of(market)
            locks[token + order.owner] += locked_amount(
                is_buy=order.is_buy,
                remaining=order.remaining,
                price=order.price,
                base_unit=market.base_unit,
            )
    for key in sorted({*locks, *ledger.spot.balances.rows}):
        balance = ledger.spot.balances.get(key)
        hold = balance.hold if balance else 0
        if hold != locks[key]:
            account = f"account {key[20:].hex()}, token {key[:20].hex()}"
            yield f"{account}: hold {hold}, locks {locks[key]}"


def totals_are_sums(ledger: Ledger) -> Iterator[str]:
    """Each token's total is the sum of all balances in it."""
    sums: Counter[bytes] = Counter()
    for key, balance in ledger.spot.balances.rows.items():
        sums[key[:20]] += balance.total
    totals = {token: row.total for token, row in ledger.spot.tokens.rows.items()}
    for token in sorted({*sums, *totals}):
        if sums[token] != totals.get(token, 0):
            yield f"token {token.hex()}: total {totals.get(token, 0)}, balances {sums[token]}"


def balances_are_covered(ledger: Ledger) -> Iterator[str]:
    """0 <= hold <= total and 0 < total for every balance."""
    for key, balance in ledger.spot.balances.rows.items():
        if not 0 <= balance.hold <= balance.total or balance.total == 0:
            yield f"account {key[20:].hex()}, token {key[:20].hex()}: {balance}"


INVARIANTS = (
    books_are_not_crossed,
    levels_are_sums_in_id_order,
    indexes_agree_with_orders,
    holds_are_locks,
    totals_are_sums,
    balances_are_covered,
    *PERP_INVARIANTS,
    *CORE_INVARIANTS,
)


def _books(ledger: Ledger) -> Iterator[tuple[str, OrderBook[Any]]]:
    """Yield the books of both exchanges, with a name for each."""
    for tables in (ledger.spot, ledger.perp):
        for asset, book in tables.live.books.items():
            yield f"market {asset.hex()}", book
