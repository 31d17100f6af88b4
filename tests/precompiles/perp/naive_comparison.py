"""Holding the perpetuals exchange against the naive one, and both against the invariants."""

from __future__ import annotations

from precompiles.ledger.checks import check
from precompiles.types import Address
from tests.precompiles.perp.naive_exchange import NaivePerp
from tests.precompiles.perp.naive_market import terms
from tests.precompiles.perp.naive_order import UNTRIGGERED, NaiveOrder
from tests.precompiles.perp.naive_position import CROSS, NaivePosition
from tests.precompiles.perp.world import PerpWorld


def compare(world: PerpWorld, model: NaivePerp) -> None:
    """Every row and index is the same on both sides, and all invariants hold."""
    perp = world.ledger.perp
    for order in model.orders:
        compare_order(world, order)
    assert world.ledger.perp_order(len(model.orders) + 1) is None
    for position in model.positions:
        compare_position(world, position)
    assert world.ledger.position(len(model.positions) + 1) is None
    cash = {user: row.cash for user, row in perp.accounts.rows.items()}
    assert cash == {user: cash for user, cash in model.cash.items() if cash}
    fund = perp.fund
    held = (fund.collateral_total, fund.insurance, fund.deficit)
    assert held == (model.collateral, model.insurance, model.deficit)
    assert world.held == model.collateral
    for market in model.markets:
        address = Address(market.address)
        assert perp.book(address).depth(1_000) == model.book(market)
        prices = perp.prices.get(address)
        if prices:
            shown = (prices.open_interest, prices.funding_pool, prices.last_trade, prices.oracle)
            interest = model.open_interest(market)
            assert shown == (interest, market.pool, market.last_trade, market.oracle)
    named = {(o.user, o.client_id): o.id for o in model.live_orders() if o.client_id}
    assert perp.live.by_client_id.ids == named
    assert check(world.ledger) == []
    assert model_violations(model) == []


def compare_order(world: PerpWorld, order: NaiveOrder) -> None:
    """An order's row, or that of the trigger it still is."""
    trigger = world.ledger.perp.triggers.get(order.id)
    assert (trigger is not None) == (order.status == UNTRIGGERED)
    if trigger:
        assert (
            *(trigger.owner, trigger.asset, trigger.amount, trigger.limit_price, trigger.is_buy),
            *(trigger.reduce_only, trigger.client_order_id),
            *(trigger.trigger_price, trigger.is_take_profit),
        ) == (
            *(order.user, order.market.address, order.amount, order.price, order.is_buy),
            *(order.reduce_only, order.client_id, order.trigger, order.take_profit),
        )
        return
    found = world.ledger.perp_order(order.id)
    assert found is not None
    assert (
        *(found.owner, found.asset, found.amount, found.price, found.is_buy),
        *(found.reduce_only, found.client_order_id, found.time_in_force, found.kind),
        *(found.filled, found.filled_quote, found.status, found.reason),
    ) == (
        *(order.user, order.market.address, order.amount, order.price, order.is_buy),
        *(order.reduce_only, order.client_id, order.force, order.kind),
        *(order.filled, order.notional, order.status, order.reason),
    )


def compare_position(world: PerpWorld, position: NaivePosition) -> None:
    """A position's row, open or ended."""
    found = world.ledger.position(position.id)
    assert found is not None
    assert (
        *(found.owner, found.asset, found.kind, found.status, found.size, found.entry_notional),
        *(found.leverage, found.cash, found.funding_index, found.cooldown_until),
        found.realized_pnl,
    ) == (
        *(position.user, position.market.address, position.kind, position.status, position.size),
        *(position.entry, position.leverage, position.cash, position.index, position.cooldown),
        position.realized,
    )


def compare_views(
    world: PerpWorld, model: NaivePerp, user: bytes, order_id: int, position_id: int, limit: int
) -> None:
    """What everybody sees."""
    for market in model.markets:
        for name, shown in terms(market).items():
            assert world.view(name, market.address) == shown, name
        sides = model.book(market)
        best = tuple(side[0][0] if side else 0 for side in sides)
        depth = tuple(tuple(level[i] for level in s[:limit]) for s in sides for i in (0, 1))
        assert world.view("getBestPrices", market.address) == best
        assert world.view("getDepth", market.address, limit) == depth
        assert world.view("getOpenInterest", market.address) == (model.open_interest(market),)
        netting = model.netting(user, market)
        assert world.view("getPositionId", user, market.address) == (netting.id if netting else 0,)
        assert world.view("getLeverage", user, market.address) == model.preference(user, market)
    assert world.view("getInsurance") == (model.insurance, model.deficit)
    assert world.view("getAccount", user) == (
        *(model.cash.get(user, 0), model.equity(user), model.initial(user)),
        *(model.maintenance(user), model.withdrawable(user)),
        tuple(position.id for position in model.open_positions(user=user)),
    )
    live = [order.id for order in model.live_orders(user=user) if order.id > order_id]
    assert world.view("getOpenOrders", user, order_id, limit) == (tuple(live[:limit]),)
    view_order(world, model, order_id)
    view_position(world, model, position_id)


def view_order(world: PerpWorld, model: NaivePerp, order_id: int) -> None:
    """One order or trigger."""
    if not 1 <= order_id <= len(model.orders):
        assert world.view("getOrder", order_id) == (order_id,)
        return
    o = model.orders[order_id - 1]
    assert world.view("getOrderStatus", order_id) == (o.status, o.remaining, o.reason)
    shown = (o.id, o.user, o.market.address, o.amount, o.price, o.is_buy, o.filled)
    assert world.view("getOrder", order_id) == shown
    if o.status == UNTRIGGERED:
        assert world.view("getTrigger", order_id) == (
            *(o.market.address, o.amount, o.trigger, o.price, o.is_buy),
            *(o.take_profit, o.reduce_only),
        )


def view_position(world: PerpWorld, model: NaivePerp, position_id: int) -> None:
    """One position; where it is liquidated is compared for standalone ones."""
    if not 1 <= position_id <= len(model.positions):
        assert world.view("getPosition", position_id) == (position_id,)
        return
    p = model.positions[position_id - 1]
    assert world.view("getPosition", position_id) == (
        *(p.id, p.user, p.market.address, abs(p.size), p.entry_price, p.leverage),
        *(p.size > 0, p.open),
    )
    if not p.open:
        return
    state = world.view("getPositionState", position_id)
    margin = 0 if p.kind == CROSS else p.margin
    assert state[:6] == (p.size, p.entry, margin, p.pnl, p.funding, p.judged_maintenance)
    assert state[7:] == (p.kind, p.status)
    worth = (model.liquidatable(p), model.unit_equity(p), model.unit_maintenance(p))
    assert world.view("isLiquidatable", position_id) == worth
    value = p.market.traded(abs(p.size), p.market.mark)
    assert world.view("calculatePnL", position_id)[:2] == (value, p.pnl)


def model_violations(model: NaivePerp) -> list[str]:
    """What the naive exchange itself must never come to."""
    found = []
    for market in model.markets:
        if sum(position.size for position in model.open_positions(market=market)):
            found.append("sizes do not cancel out")
    owned = sum(position.cash for position in model.open_positions())
    pools = sum(market.pool for market in model.markets)
    total = sum(model.cash.values()) + owned + pools + model.insurance - model.deficit
    if total != model.collateral:
        found.append(f"{total} is owned, {model.collateral} is there")
    return found
