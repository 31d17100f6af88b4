"""Orders over time: a part every thirty seconds, at most 3 % from the mark.

A part that did not fill is made up for by those after it, which are at most three times as large as
the others. Source: Hyperliquid documentation, "Order types", TWAP.
"""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.errors import ContractError
from precompiles.hyper import encoding, trading
from precompiles.hyper.actions import Result
from precompiles.hyper.asset_ids import parse_asset_id
from precompiles.hyper.core import Core
from precompiles.hyper.errors import InvalidSize, UnknownAsset
from precompiles.hyper.grid import nearest_price
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import TwapDuration, TwapTooSmall, UnknownTwap
from precompiles.hyper.signed.wire import TwapCancel, TwapOrder
from precompiles.hyper.system_addresses import perp_address
from precompiles.hyper.units import COLLATERAL_DECIMALS, ORDER_DECIMALS, perp_amount
from precompiles.ledger.hyper.records import CorePerp
from precompiles.ledger.hyper.signed_records import Twap
from precompiles.ledger.hyper.tables import index_key
from precompiles.perp.accrual import prices_at

PART_SECONDS = 30
LEAST_MINUTES, MOST_MINUTES = 5, 1_440
_MOST_CATCH_UP = 3
_SLIPPAGE = (3, 100)
_LEAST_PER_MINUTE = 10 * 10**6
"""Collateral: TWAPs of less are refused."""


def begin_twap(core: Core, action: TwapOrder) -> Result:
    """Begin an order over time; its id is the result's order id."""
    wire = action.twap
    perp = _perp(core, wire.a)
    if not LEAST_MINUTES <= wire.m <= MOST_MINUTES:
        raise TwapDuration(wire.m, LEAST_MINUTES, MOST_MINUTES)
    size = parse_decimal(wire.s, ORDER_DECIMALS)
    lot = 10 ** (ORDER_DECIMALS - perp.size_decimals)
    if size is None or size >> 64 or not size or size % lot:
        raise InvalidSize(size or 0, perp.size_decimals)
    market = core.ledger.perp.markets.rows[perp_address(perp.perp_id)]
    mark = prices_at(core.ledger, market, core.moment.now).mark
    notional = perp_amount(size, perp.size_decimals) * mark // market.base_unit
    least = _LEAST_PER_MINUTE * wire.m
    if notional < least:
        raise TwapTooSmall(notional, least)
    number = core.ledger.next_order_id()
    twap = Twap(core.user, wire.a, wire.b, wire.r, size, wire.m, core.moment.now, 0, 0, 0)
    core.tables.twaps.put(index_key(number), twap)
    return Result(Outcome.DONE, number)


def cancel_twap(core: Core, action: TwapCancel) -> Result:
    """End an order over time of the user's. Raises UnknownTwap."""
    twap = core.tables.twaps.get(index_key(action.t))
    if twap is None or twap.user != core.user or twap.asset != action.a:
        raise UnknownTwap(action.t)
    core.tables.twaps.put(index_key(action.t), None)
    return Result(Outcome.DONE, action.t)


def is_due(twap: Twap, now: int) -> bool:
    """Tell whether a part is to be placed, or the order has come to its end."""
    return now >= twap.started + PART_SECONDS * _parts_placed(twap)


def place_part(core: Core, key: bytes, twap: Twap) -> None:
    """Place the next part of an order over time, or end it where its time is over."""
    perp = _perp(core, twap.asset)
    lot = 10 ** (ORDER_DECIMALS - perp.size_decimals)
    parts = twap.minutes * 60 // PART_SECONDS
    due = min(parts, (core.moment.now - twap.started) // PART_SECONDS + 1)
    wanted = twap.size * due // parts - twap.filled
    if due == parts:
        wanted = twap.size - twap.filled
    size = min(wanted, _MOST_CATCH_UP * twap.size // parts, twap.size - twap.filled)
    size -= size % lot
    placed = twap.size * due // parts
    filled, quote = _take(core, perp, twap, size) if size > 0 else (0, 0)
    after = replace(
        twap,
        placed=max(placed, 1),
        filled=twap.filled + filled,
        filled_quote=twap.filled_quote + quote,
    )
    is_over = due == parts or after.filled == twap.size
    core.tables.twaps.put(key, None if is_over else after)


def begin_parts(core: Core) -> None:
    """Place what is due of all orders over time, oldest first."""
    for key, twap in sorted(core.tables.twaps.rows.items()):
        if is_due(twap, core.moment.now):
            place_part(core.acting_for(twap.user), key, twap)


def _parts_placed(twap: Twap) -> int:
    parts = twap.minutes * 60 // PART_SECONDS
    return -(-twap.placed * parts // twap.size)


def _take(core: Core, perp: CorePerp, twap: Twap, size: int) -> tuple[int, int]:
    """Take from the book what is near the mark: filled size, and for how much."""
    market = core.ledger.perp.markets.rows[perp_address(perp.perp_id)]
    mark = prices_at(core.ledger, market, core.moment.now).mark
    away = mark * _SLIPPAGE[0] // _SLIPPAGE[1]
    bound = mark + away if twap.is_buy else mark - away
    price = nearest_price(
        bound * 10 ** (ORDER_DECIMALS - COLLATERAL_DECIMALS),
        ORDER_DECIMALS,
        perp.size_decimals,
        round_up=not twap.is_buy,
    )
    order = encoding.LimitOrder(twap.asset, twap.is_buy, price, size, twap.reduce_only, 3, 0)
    before, events = core.spot.savepoint(), len(core.perp.events)
    try:
        placed = trading.place(core, order)
    except ContractError:
        core.spot.rollback(before)
        del core.perp.events[events:]
        return 0, 0
    scale = 10 ** (ORDER_DECIMALS - perp.size_decimals)
    return placed.order.filled * scale, placed.order.filled_quote


def _perp(core: Core, number: int) -> CorePerp:
    asset = parse_asset_id(number)
    market = trading.find_market(core, asset) if asset else None
    if not isinstance(market, CorePerp):
        raise UnknownAsset(number)
    return market
