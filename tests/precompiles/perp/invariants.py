"""What always holds on the perpetuals exchange, each as a function that names what breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.types import PositionKind


def violations(ledger: Ledger) -> list[str]:
    """Every violation of every invariant; empty when the exchange is sound."""
    return [violation for invariant in INVARIANTS for violation in invariant(ledger)]


def sizes_cancel_out(ledger: Ledger) -> Iterator[str]:
    """Longs are shorts, in each market, and both are the open interest."""
    longs: Counter[bytes] = Counter()
    shorts: Counter[bytes] = Counter()
    for position in ledger.perp.positions.rows.values():
        if position.is_open:
            (longs if position.size > 0 else shorts)[position.asset] += abs(position.size)
    for asset in ledger.perp.markets.rows:
        prices = ledger.perp.prices.get(asset)
        sides = longs[asset], shorts[asset], prices.open_interest if prices else 0
        if len(set(sides)) > 1:
            yield f"market {asset.hex()}: long, short and open interest are {sides}"


def nothing_is_made_or_lost(ledger: Ledger) -> Iterator[str]:
    """All cash together is what was deposited and not withdrawn, to the last unit."""
    perp, fund = ledger.perp, ledger.perp.fund
    cash = sum(account.cash for account in perp.accounts.rows.values())
    owned = sum(position.cash for position in perp.positions.rows.values() if position.is_open)
    pools = sum(prices.funding_pool for prices in perp.prices.rows.values())
    total = cash + owned + pools + fund.insurance - fund.deficit
    if total != fund.collateral_total:
        yield f"{total} is owned, {fund.collateral_total} is there"
    if fund.insurance < 0 or fund.deficit < 0 or (fund.insurance and fund.deficit):
        yield f"insurance {fund.insurance}, deficit {fund.deficit}"


def nobody_owes_without_a_position(ledger: Ledger) -> Iterator[str]:
    """Cash below zero is what cross positions are worth more; ended positions have none."""
    perp = ledger.perp
    for user, account in perp.accounts.rows.items():
        if account.cash < 0 and not perp.open_positions.cross.of(user):
            yield f"account {user.hex()} owes {-account.cash}"
        if account.cash == 0:
            yield f"account {user.hex()}: an empty row"
    for position in perp.positions.rows.values():
        if position.cash and (position.kind == PositionKind.CROSS or not position.is_open):
            yield f"position {position.id} has {position.cash} that it cannot have"
        if position.size == 0:
            yield f"position {position.id} has no size"


def books_are_not_crossed(ledger: Ledger) -> Iterator[str]:
    """Best bid < best ask; a level's size is the sum of its orders, its queue is by id."""
    for asset, book in ledger.perp.live.books.items():
        bid, ask = book.best_prices()
        if bid and ask and bid >= ask:
            yield f"market {asset.hex()}: best bid {bid} is not below best ask {ask}"
        for level in (*book.bids, *book.asks):
            node, ids, size = level.head, [], 0
            while node is not None:
                ids.append(node.order.id)
                size += node.order.remaining
                node = node.next
            if not ids or ids != sorted(set(ids)) or size != level.size:
                yield f"market {asset.hex()}, price {level.price}: {ids}, {size} of {level.size}"


def indexes_agree_with_rows(ledger: Ledger) -> Iterator[str]:
    """Books, open orders, client ids and positions are found exactly where rows say."""
    perp = ledger.perp
    orders = {order.id: order for order in perp.orders.rows.values() if order.is_active}
    resting = {
        node.order.id: node.order
        for book in perp.live.books.values()
        for node in book.nodes.values()
    }
    if resting != orders:
        yield f"books and order table differ at orders {sorted(resting.keys() ^ orders.keys())}"
    live: list[PerpOrder | Trigger] = [*orders.values(), *perp.triggers.rows.values()]
    owners = perp.live.by_owner.owners
    opened = {order_id: owner for owner, ids in owners.items() for order_id in ids}
    if opened != {row.id: row.owner for row in live}:
        yield "open orders by owner differ from the tables"
    named = {(row.owner, row.client_order_id): row.id for row in live if row.client_order_id}
    if perp.live.by_client_id.ids != named:
        yield "client order ids differ from the tables"
    held = [position for position in perp.positions.rows.values() if position.is_open]
    netting = {(p.owner, p.asset): p.id for p in held if p.kind != PositionKind.STANDALONE}
    if perp.open_positions.netting != netting:
        yield "netting positions differ from the table"
    for name, index in (("owner", "by_owner"), ("asset", "by_market")):
        ids = getattr(perp.open_positions, index).ids
        found = {position_id: key for key, several in ids.items() for position_id in several}
        if found != {position.id: getattr(position, name) for position in held}:
            yield f"positions by {name} differ from the table"


INVARIANTS = (
    sizes_cancel_out,
    nothing_is_made_or_lost,
    nobody_owes_without_a_position,
    books_are_not_crossed,
    indexes_agree_with_rows,
)
