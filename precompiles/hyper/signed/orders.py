"""Signed orders and cancels, on the same books as those that contracts send."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from msgspec import UNSET

from precompiles.errors import ContractError, OrderNotFound
from precompiles.hyper import encoding, trading
from precompiles.hyper.actions import Result, order_result
from precompiles.hyper.asset_ids import AssetKind, parse_asset_id
from precompiles.hyper.attempts import all_or_nothing
from precompiles.hyper.core import Core
from precompiles.hyper.dexs import acting_on, builder_of, paid_on
from precompiles.hyper.errors import BuilderFeeTooHigh, InvalidPrice, InvalidSize, UnknownAsset
from precompiles.hyper.permissions import HIGHEST_PERP_BUILDER_FEE
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed.brackets import place_bracket
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import BuilderNotApproved, TriggerNotSupported
from precompiles.hyper.signed.order_wires import (
    ModifyWire,
    OrderWire,
    TriggerType,
    address_of,
    client_id_of,
)
from precompiles.hyper.signed.wire import (
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    ModifyAction,
    OrderAction,
)
from precompiles.hyper.system_addresses import perp_address
from precompiles.hyper.units import ORDER_DECIMALS, check_order, perp_amount, perp_price
from precompiles.ledger.hyper.records import CorePerp
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.perp.triggers import TriggerRequest, place_trigger

_TIMES_IN_FORCE = {"Alo": 1, "Gtc": 2, "Ioc": 3, "FrontendMarket": 3, "LiquidationMarket": 3}


def attempt(core: Core, function: Callable[[Core, Any], Result | None], part: Any) -> Result:
    """Carry out one part of an action; one that breaks a rule leaves its error and no trace."""
    try:
        with all_or_nothing(core):
            return function(core, part) or Result(Outcome.DONE)
    except ContractError as error:
        return Result(Outcome.DROPPED, 0, error)


def place_orders(core: Core, action: OrderAction) -> list[Result]:
    """Place orders one by one; one that no market could take refuses all of them.

    Source: measured by others on the test network: prices and sizes off the grid are one error for
    the whole action, all else is told order by order.
    """
    try:
        place = partial(place_one, builder=_builder(core, action))
        for wire in action.orders:
            _check_form(core, wire)
    except ContractError as error:
        return [Result(Outcome.DROPPED, 0, error)]
    if action.grouping in ("normalTpsl", "positionTpsl"):
        return place_bracket(core, action, attempt, place)
    return [attempt(core, place, wire) for wire in action.orders]


def place_one(core: Core, wire: OrderWire, builder: OrderBuilder | None = None) -> Result:
    """Place an order or a trigger whose fills pay a builder.

    Raises the typed error of the rule it breaks.
    """
    if wire.t.trigger is not UNSET:
        return _place_trigger(core, wire, wire.t.trigger, builder)
    assert wire.t.limit is not UNSET, "an order's type is one of the two"
    price, size = _numbers(wire)
    order = encoding.LimitOrder(
        wire.a,
        wire.b,
        price,
        size,
        wire.r,
        _TIMES_IN_FORCE[wire.t.limit.tif],
        client_id_of(wire.c),
    )
    return order_result(trading.place(core, order, builder))


def cancel_orders(core: Core, action: CancelAction) -> list[Result]:
    """CancelAction orders by their ids."""
    return _cancel_all(core, (encoding.CancelOrder(it.a, it.o) for it in action.cancels))


def cancel_by_cloid(core: Core, action: CancelByCloidAction) -> list[Result]:
    """CancelAction orders by their client ids."""
    wanted = (encoding.CancelByClientId(it.asset, client_id_of(it.cloid)) for it in action.cancels)
    return _cancel_all(core, wanted)


def modify(core: Core, action: ModifyAction) -> list[Result]:
    """Put an order in the place of another."""
    return [attempt(core, _modify, action)]


def batch_modify(core: Core, action: BatchModifyAction) -> list[Result]:
    """Put orders in the places of others, one by one."""
    return [attempt(core, _modify, change) for change in action.modifies]


def _cancel_all(
    core: Core, wanted: Iterable[encoding.CancelOrder | encoding.CancelByClientId]
) -> list[Result]:
    return [attempt(core, _cancel, each) for each in wanted]


def _cancel(core: Core, wanted: encoding.CancelOrder | encoding.CancelByClientId) -> Result:
    if isinstance(wanted, encoding.CancelOrder):
        return Result(Outcome.DONE, trading.cancel(core, wanted))
    return Result(Outcome.DONE, trading.cancel_by_client_id(core, wanted))


def _modify(core: Core, change: ModifyAction | ModifyWire) -> Result:
    """Cancel an order and place one for it, which has the same builder."""
    _check_form(core, change.order)
    asset = change.order.a
    if isinstance(change.oid, int):
        if change.oid >> 63:
            raise OrderNotFound(change.oid)
        cancelled = _cancel(core, encoding.CancelOrder(asset, change.oid))
    else:
        cancelled = _cancel(core, encoding.CancelByClientId(asset, client_id_of(change.oid)))
    return place_one(core, change.order, builder_of(core.ledger, cancelled.order_id))


def _builder(core: Core, action: OrderAction) -> OrderBuilder | None:
    """Return the builder that an action's orders pay; None for nobody.

    Raises BuilderNotApproved for more than the user lets it charge, BuilderFeeTooHigh for more than
    anybody may charge on one of the markets.
    """
    if action.builder is UNSET or not action.builder.f:
        return None
    builder, asked = address_of(action.builder.b), action.builder.f
    approved = core.tables.builder_fees.get(core.user + builder)
    rate = approved.max_rate if approved else 0
    if rate < asked:
        raise BuilderNotApproved(builder, rate)
    assets = (parse_asset_id(wire.a) for wire in action.orders)
    has_perp = any(asset is not None and asset.kind is AssetKind.PERP for asset in assets)
    if has_perp and asked > HIGHEST_PERP_BUILDER_FEE:
        raise BuilderFeeTooHigh(asked, HIGHEST_PERP_BUILDER_FEE)
    return OrderBuilder(builder, asked)


def _numbers(wire: OrderWire) -> tuple[int, int]:
    """Return price and size times 10**8. Raises InvalidPrice, InvalidSize."""
    price = parse_decimal(wire.p, ORDER_DECIMALS)
    if price is None or price >> 64:
        raise InvalidPrice(0, ORDER_DECIMALS)
    size = parse_decimal(wire.s, ORDER_DECIMALS)
    if size is None or size >> 64:
        raise InvalidSize(0, ORDER_DECIMALS)
    return price, size


def _check_form(core: Core, wire: OrderWire) -> None:
    """Check what follows from the order alone. Raises UnknownAsset, InvalidPrice, InvalidSize."""
    asset = parse_asset_id(wire.a)
    market = trading.find_market(core, asset) if asset else None
    if asset is None or market is None:
        raise UnknownAsset(wire.a)
    price, size = _numbers(wire)
    is_whole_position = size == 0 and wire.r and wire.t.trigger is not UNSET
    if isinstance(market, CorePerp):
        lot = 10 ** (ORDER_DECIMALS - market.size_decimals)
        check_order(price, lot if is_whole_position else size, market.size_decimals, is_spot=False)
    else:
        assert asset.kind is AssetKind.SPOT, "what is no perpetual is a pair"
        check_order(price, size, core.token(market.base).size_decimals, is_spot=True)


def _place_trigger(
    core: Core, wire: OrderWire, trigger: TriggerType, builder: OrderBuilder | None
) -> Result:
    asset = parse_asset_id(wire.a)
    market = trading.find_market(core, asset) if asset else None
    if not isinstance(market, CorePerp):
        raise TriggerNotSupported(wire.a)
    price, size = _numbers(wire)
    at = parse_decimal(trigger.trigger_px, ORDER_DECIMALS)
    if at is None or at >> 64:
        raise InvalidPrice(0, ORDER_DECIMALS)
    check_order(at, size or 10**ORDER_DECIMALS, market.size_decimals, is_spot=False)
    trading.choose_leverage(core, market)
    request = TriggerRequest(
        perp_address(market.perp_id),
        perp_amount(size, market.size_decimals),
        perp_price(at),
        0 if trigger.is_market else perp_price(price),
        wire.b,
        trigger.tpsl == "tp",
        wire.r,
        client_id_of(wire.c),
    )
    payee = paid_on(core, market.dex, builder)
    placed = place_trigger(acting_on(core, market.dex), request, builder=payee)
    return Result(Outcome.DONE, placed.id)
