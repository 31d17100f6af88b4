"""The ledger's invariants, each a function that names what breaks it.

They hold after every call; `check` runs all of them over the whole state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from precompiles.engine.amounts import locked_amount
from precompiles.engine.book import Node, OrderBook
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.invariants import PERP_INVARIANTS
from precompiles.ledger.perp.records import Trigger
from precompiles.ledger.table import OpenOrders


def check(ledger: Ledger) -> list[str]:
    """Every violation of every invariant; empty when the ledger is sound."""
    return [violation for invariant in INVARIANTS for violation in invariant(ledger)]


def book_is_not_crossed(ledger: Ledger) -> Iterator[str]:
    """Best bid < best ask."""
    for asset, book in _books(ledger):
        bid, ask = book.best_prices()
        if bid and ask and bid >= ask:
            yield f"market {asset.hex()}: best bid {bid} is not below best ask {ask}"


def levels_are_sums_in_id_order(ledger: Ledger) -> Iterator[str]:
    """A level's size is the sum of its orders' remaining amounts; its queue is by id."""
    for asset, book in _books(ledger):
        for side in (book.bids, book.asks):
            if list(side.keys) != sorted(side.levels):
                yield f"market {asset.hex()}: sorted keys differ from levels"
            if side.best is not (side.levels[side.keys[0]] if side.keys else None):
                yield f"market {asset.hex()}: the best level is not the first"
            for level in side:
                node, ids, size = level.head, [], 0
                while node is not None:
                    ids.append(node.order.id)
                    size += node.order.remaining
                    node = node.next
                if not ids or ids != sorted(set(ids)):
                    yield f"market {asset.hex()}, price {level.price}: queue {ids}"
                if size != level.size:
                    where = f"market {asset.hex()}, price {level.price}"
                    yield f"{where}: size {level.size}, sum {size}"


def indexes_agree_with_orders(ledger: Ledger) -> Iterator[str]:
    """Books, open orders and client ids hold exactly the active orders."""
    spot, perp = ledger, ledger.perp
    yield from _compare("spot", spot.orders.rows, spot.live.books, spot.live.by_owner, {})
    yield from _compare(
        "perpetual", perp.orders.rows, perp.live.books, perp.live.by_owner, perp.triggers.rows
    )
    for exchange, rows, ids in (
        ("spot", spot.orders.rows.values(), spot.live.by_client_id.ids),
        ("perpetual", perp.orders.rows.values(), perp.live.by_client_id.ids),
    ):
        waiting = perp.triggers.rows.values() if exchange == "perpetual" else ()
        live = [*(order for order in rows if order.is_active), *waiting]
        named = {(o.owner, o.client_order_id): o.id for o in live if o.client_order_id}
        if ids != named:
            yield f"{exchange} client order ids differ from the order table"


def _compare(
    exchange: str,
    rows: Mapping[int, Any],  # spot's and perpetual orders alike
    books: Mapping[bytes, OrderBook[Any]],
    open_orders: OpenOrders,
    waiting: Mapping[int, Trigger],
) -> Iterator[str]:
    active = {order.id: order for order in rows.values() if order.is_active}
    resting = {node.order.id: node.order for book in books.values() for node in _nodes(book)}
    if resting != active:
        differing = sorted(resting.keys() ^ active.keys())
        yield f"{exchange} books and order table differ at orders {differing}"
    opened = {order_id: owner for owner, ids in open_orders.owners.items() for order_id in ids}
    if opened != {row.id: row.owner for row in (*active.values(), *waiting.values())}:
        yield f"{exchange} open orders by owner differ from the order table"


def holds_are_locks(ledger: Ledger) -> Iterator[str]:
    """What each account has on hold is the sum of what its live orders lock."""
    locks: Counter[bytes] = Counter()
    for order in ledger.orders.rows.values():
        if order.is_active:
            market = ledger.markets.rows[order.asset]
            token = market.quote if order.is_buy else market.asset
            locks[token + order.owner] += locked_amount(
                is_buy=order.is_buy,
                remaining=order.remaining,
                price=order.price,
                base_unit=market.base_unit,
            )
    for key in sorted({*locks, *ledger.balances.rows}):
        balance = ledger.balances.get(key)
        hold = balance.hold if balance else 0
        if hold != locks[key]:
            account = f"account {key[20:].hex()}, token {key[:20].hex()}"
            yield f"{account}: hold {hold}, locks {locks[key]}"


def totals_are_sums(ledger: Ledger) -> Iterator[str]:
    """A token's total is the sum of all balances in it."""
    sums: Counter[bytes] = Counter()
    for key, balance in ledger.balances.rows.items():
        sums[key[:20]] += balance.total
    totals = {token: row.total for token, row in ledger.tokens.rows.items()}
    for token in sorted({*sums, *totals}):
        if sums[token] != totals.get(token, 0):
            yield f"token {token.hex()}: total {totals.get(token, 0)}, balances {sums[token]}"


def balances_are_covered(ledger: Ledger) -> Iterator[str]:
    """0 <= hold <= total, and no empty rows are kept."""
    for key, balance in ledger.balances.rows.items():
        if not (0 <= balance.hold <= balance.total and balance.total > 0):
            yield f"account {key[20:].hex()}, token {key[:20].hex()}: {balance}"


INVARIANTS = (
    book_is_not_crossed,
    levels_are_sums_in_id_order,
    indexes_agree_with_orders,
    holds_are_locks,
    totals_are_sums,
    balances_are_covered,
    *PERP_INVARIANTS,
)


def _books(ledger: Ledger) -> Iterator[tuple[bytes, OrderBook[Any]]]:
    """The books of both exchanges, whose orders differ in what the book does not look at."""
    yield from ledger.live.books.items()
    yield from ledger.perp.live.books.items()


def _nodes(book: OrderBook[Any]) -> Iterator[Node[Any]]:
    yield from book.nodes.values()
