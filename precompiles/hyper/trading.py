"""Orders and cancels, as actions, on the books of the exchanges.

Rules of Hyperliquid that the exchanges do not have are here: the grid of five significant figures,
the least notional and the band of spot orders, and what an order is told that could not match.
"""

from __future__ import annotations

from typing import NamedTuple

from precompiles.engine.amounts import floor_divide, locked_amount, quote_amount
from precompiles.errors import (
    BelowMinimumNotional,
    ClientOrderIdNotFound,
    InsufficientBalance,
    InsufficientMargin,
    InvalidTimeInForce,
    OrderNotFound,
    PriceOutOfBand,
)
from precompiles.execution import Execution
from precompiles.hyper.asset_ids import AssetId, AssetKind, parse_asset_id, perp_id
from precompiles.hyper.core import Core
from precompiles.hyper.deploy.freezing import require_free
from precompiles.hyper.dexs import acting_on, collateral_of, dex_account, paid_on
from precompiles.hyper.encoding import CancelByClientId, CancelOrder, LimitOrder
from precompiles.hyper.errors import (
    FundsInOtherWallet,
    MarketDelisted,
    MarketHalted,
    NothingToMatch,
    PriceNotTimes1e8,
    UnknownAsset,
)
from precompiles.hyper.listing import minimum_order
from precompiles.hyper.system_addresses import USDC, perp_address
from precompiles.hyper.unified import gather
from precompiles.hyper.units import (
    SPOT_WEI_PER_USD,
    check_order,
    perp_amount,
    perp_price,
    spot_amount,
    spot_price,
)
from precompiles.ledger.hyper.records import CorePair, CorePerp
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.perp.records import Leverage, PerpOrder, Trigger
from precompiles.ledger.spot import Market, Order
from precompiles.perp import placing as perp_placing
from precompiles.perp.accrual import prices_at
from precompiles.perp.health import cross_health
from precompiles.perp.orders import perp_orders
from precompiles.perp.positions import reducible_size
from precompiles.spot import placing as spot_placing
from precompiles.spot.orders import spot_orders
from precompiles.types import Address, OrderStatus, TimeInForce

LOWEST_SPOT_PRICE, HIGHEST_SPOT_PRICE = (1, 5), (5, 1)
"""Shares of a pair's price that an order may not reach, and may reach."""
_TIMES_IN_FORCE = {1: TimeInForce.ALO, 2: TimeInForce.GTC, 3: TimeInForce.IOC}


class Placed(NamedTuple):
    """An order as it stands after it was placed."""

    order: Order | PerpOrder
    is_cut: bool
    """Whether it may not rest, and less was traded than was asked for."""


def place(core: Core, action: LimitOrder, builder: OrderBuilder | None = None) -> Placed:
    """Place an order whose fills pay a builder. Raises the typed error of the rule it breaks."""
    if action.time_in_force not in _TIMES_IN_FORCE:
        raise InvalidTimeInForce(action.time_in_force)
    market = _market(core, action.asset)
    if core.tables.delisted.get(index_key(action.asset)):
        raise MarketDelisted(action.asset)
    if market.is_halted:
        raise MarketHalted(action.asset)
    placed = (
        _place_perp(core, market, action, builder)
        if isinstance(market, CorePerp)
        else _place_spot(core, market, action, builder)
    )
    if placed.order.status == OrderStatus.EXPIRED and not placed.order.filled:
        raise NothingToMatch(action.price, _best_opposite(core, market, is_buy=action.is_buy))
    return placed


def cancel(core: Core, action: CancelOrder) -> int:
    """Cancel the user's order of a market, and return its id.

    Raises UnknownAsset, OrderNotFound, NotOrderOwner or OrderNotActive.
    """
    market = _market(core, action.asset)
    orders = perp_orders if isinstance(market, CorePerp) else spot_orders
    order = _find(core, market, action.order_id)
    if order is None or order.asset != _address(core, market):
        raise OrderNotFound(action.order_id)
    orders.cancel(_acting(core, market), order.id)
    return order.id


def cancel_by_client_id(core: Core, action: CancelByClientId) -> int:
    """Cancel the user's order of a client id, and return its id.

    Raises UnknownAsset or ClientOrderIdNotFound.
    """
    market = _market(core, action.asset)
    orders = perp_orders if isinstance(market, CorePerp) else spot_orders
    user = _acting(core, market).caller
    found = orders.id_by_client_id(core.ledger, user, action.client_order_id)
    order = None if found is None else _find(core, market, found)
    if order is None or order.asset != _address(core, market):
        raise ClientOrderIdNotFound(action.client_order_id)
    return cancel(core, CancelOrder(action.asset, order.id))


def find_market(core: Core, asset: AssetId) -> CorePair | CorePerp | None:
    """Return the pair or perpetual of an asset."""
    if asset.kind is AssetKind.SPOT:
        return core.tables.pair(asset.number)
    return core.tables.perp(perp_id(asset)) if asset.kind is AssetKind.PERP else None


def _find(
    core: Core, market: CorePair | CorePerp, order_id: int
) -> Order | PerpOrder | Trigger | None:
    """Return an order, or a trigger that waits."""
    if not isinstance(market, CorePerp):
        return spot_orders.find(core.ledger, order_id)
    return core.ledger.perp.triggers.get(order_id) or perp_orders.find(core.ledger, order_id)


def _market(core: Core, number: int) -> CorePair | CorePerp:
    asset = parse_asset_id(number)
    market = find_market(core, asset) if asset else None
    if market is None:
        raise UnknownAsset(number)
    return market


def _acting(core: Core, market: CorePair | CorePerp) -> Execution:
    """Return the exchange of a market, with the user as it is known there."""
    return acting_on(core, market.dex) if isinstance(market, CorePerp) else core.spot


def _address(core: Core, market: CorePair | CorePerp) -> Address:
    """Return what the exchange knows a market by."""
    if isinstance(market, CorePerp):
        return perp_address(market.perp_id)
    return core.market_of(market)


def _place_perp(
    core: Core, perp: CorePerp, action: LimitOrder, builder: OrderBuilder | None
) -> Placed:
    check_order(action.price, action.size, perp.size_decimals, is_spot=False)
    ledger, asset = core.ledger, perp_address(perp.perp_id)
    market = ledger.perp.markets.rows[asset]
    price = perp_price(action.price)
    amount = perp_amount(action.size, perp.size_decimals)
    acting = acting_on(core, perp.dex)
    choose_leverage(core, perp)
    notional = quote_amount(amount=amount, price=price, base_unit=market.base_unit)
    if action.reduce_only:
        closing = reducible_size(ledger, acting.caller, asset, is_buy=action.is_buy)
        if amount < closing and notional < market.minimum_notional:
            raise BelowMinimumNotional(notional, market.minimum_notional)
        amount = min(amount, closing) or amount
    request = perp_placing.OrderRequest(
        asset,
        amount,
        price,
        action.is_buy,
        _TIMES_IN_FORCE[action.time_in_force],
        action.reduce_only,
        action.client_order_id,
    )
    try:
        order = perp_placing.place(acting, request, builder=paid_on(core, perp.dex, builder))
    except PriceOutOfBand as error:
        low, high = error.values[1:]
        if low <= price * SPOT_WEI_PER_USD <= high:
            mark = prices_at(ledger, market, core.moment.now).mark
            raise PriceNotTimes1e8(action.price, mark * SPOT_WEI_PER_USD) from error
        raise
    except InsufficientMargin as error:
        available, needed = error.values
        missing = needed - available
        elsewhere = core.available(collateral_of(core, perp.dex)) // SPOT_WEI_PER_USD
        if elsewhere >= missing:
            raise FundsInOtherWallet(available, needed, elsewhere) from error
        raise
    return Placed(order, order.status == OrderStatus.EXPIRED)


def choose_leverage(core: Core, perp: CorePerp) -> None:
    """Let a user that never chose trade at the default leverage."""
    asset = perp_address(perp.perp_id)
    key = asset + dex_account(core.ledger, perp.dex, core.user)
    most = core.ledger.perp.markets.rows[asset].max_leverage
    leverages = core.ledger.perp.leverages
    if leverages.get(key) is None:
        usual = min(core.tables.rules.default_leverage, most)
        leverages.put(key, Leverage(usual, is_cross=not perp.only_isolated))


def _place_spot(
    core: Core, pair: CorePair, action: LimitOrder, builder: OrderBuilder | None
) -> Placed:
    base, quote = core.token(pair.base), core.token(pair.quote)
    require_free(core.ledger, core.user, pair.base, pair.quote)
    check_order(action.price, action.size, base.size_decimals, is_spot=True)
    market = core.ledger.spot.markets.rows[core.market_of(pair)]
    price = spot_price(action.price, quote.wei_decimals)
    amount = spot_amount(action.size, base.wei_decimals)
    _check_band(core, pair, price)
    is_immediate = _TIMES_IN_FORCE[action.time_in_force] == TimeInForce.IOC
    first = _best_opposite(core, pair, is_buy=action.is_buy)
    crosses = bool(first) and (first <= price if action.is_buy else first >= price)
    if is_immediate and not crosses:
        raise NothingToMatch(action.price, first)
    at, asked = first if is_immediate else price, amount
    gather(
        core,
        quote if action.is_buy else base,
        locked_amount(
            is_buy=action.is_buy, remaining=asked, price=price, base_unit=market.base_unit
        ),
    )
    notional = quote_amount(amount=asked, price=at, base_unit=market.base_unit)
    if is_immediate:  # of one that the wallet has nothing for, that is the reason
        amount = _affordable(core, market, action, asked, price)
    if amount and notional < minimum_order(quote):
        raise BelowMinimumNotional(notional, minimum_order(quote))
    request = spot_placing.OrderRequest(
        market.asset,
        amount or asked,
        price,
        action.is_buy,
        _TIMES_IN_FORCE[action.time_in_force],
        action.client_order_id,
    )
    try:
        order = spot_placing.place(core.spot, request, builder=builder)
    except InsufficientBalance as error:
        token, available, needed = error.values
        if action.is_buy and token == core.address_of(core.token(USDC)):
            removable = cross_health(core.ledger, core.user, core.moment.now).withdrawable
            elsewhere = max(0, removable) * SPOT_WEI_PER_USD
            if elsewhere >= needed - available:
                raise FundsInOtherWallet(available, needed, elsewhere) from error
        raise
    return Placed(order, is_immediate and order.filled < asked)


def _affordable(core: Core, market: Market, action: LimitOrder, amount: int, price: int) -> int:
    """Return an immediate order's amount in whole lots that the wallet has for it at its price."""
    token = market.quote if action.is_buy else core.ledger.spot.base_of(market)
    available = core.ledger.spot.balance(core.user, token).available
    if action.is_buy:
        available = floor_divide(available * market.base_unit, price)
    return min(amount, available - available % market.lot)


def _check_band(core: Core, pair: CorePair, price: int) -> None:
    reference = core.spot_price(pair)
    if not reference:
        return
    low = floor_divide(reference * LOWEST_SPOT_PRICE[0], LOWEST_SPOT_PRICE[1]) + 1
    high = floor_divide(reference * HIGHEST_SPOT_PRICE[0], HIGHEST_SPOT_PRICE[1])
    if low <= price <= high:
        return
    if low <= price * SPOT_WEI_PER_USD <= high:
        raise PriceNotTimes1e8(price, reference)
    raise PriceOutOfBand(price, low, high)


def _best_opposite(core: Core, market: CorePair | CorePerp, *, is_buy: bool) -> int:
    address = _address(core, market)
    if isinstance(market, CorePerp):
        prices = core.ledger.perp.book(address).best_prices()
    else:
        prices = core.ledger.spot.book(address).best_prices()
    return prices[is_buy]
