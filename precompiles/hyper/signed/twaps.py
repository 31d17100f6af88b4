"""Orders over time: a part every thirty seconds, at most 3 % from the mark.

A part that did not fill is made up for by those after it, which are at most three times as large as
the others. Source: Hyperliquid documentation, "Order types", TWAP.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from precompiles.errors import ContractError
from precompiles.hyper import encoding, trading
from precompiles.hyper.actions import Result
from precompiles.hyper.asset_ids import parse_asset_id
from precompiles.hyper.attempts import all_or_nothing
from precompiles.hyper.core import Core
from precompiles.hyper.errors import InvalidSize, UnknownAsset
from precompiles.hyper.grid import nearest_price
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import TwapDuration, TwapTooSmall, UnknownTwap
from precompiles.hyper.signed.wire import TwapCancel, TwapOrder
from precompiles.hyper.system_addresses import perp_address
from precompiles.hyper.units import COLLATERAL_DECIMALS, ORDER_DECIMALS
from precompiles.ledger.hyper.records import CorePerp
from precompiles.ledger.hyper.signed_records import Twap
from precompiles.ledger.hyper.tables import index_key
from precompiles.perp.accrual import prices_at

PART_SECONDS = 30
LEAST_MINUTES, MOST_MINUTES = 5, 1_440
_MOST_CATCH_UP = 3
_SLIPPAGE = (3, 100)
_LEAST_PER_MINUTE = 10 * 10**COLLATERAL_DECIMALS
"""USD: orders of less a minute are refused."""
_IMMEDIATE = 3


class _Market(NamedTuple):
    """A market as orders over time need it."""

    size_decimals: int
    is_spot: bool
    mark: int
    """Times 10**8."""

    @property
    def lot(self) -> int:
        """The least size, times 10**8."""
        lot: int = 10 ** (ORDER_DECIMALS - self.size_decimals)
        return lot


def begin_twap(core: Core, action: TwapOrder) -> Result:
    """Begin an order over time; its id is the result's order id."""
    wire = action.twap
    market = _market(core, wire.a)
    if not LEAST_MINUTES <= wire.m <= MOST_MINUTES:
        raise TwapDuration(wire.m, LEAST_MINUTES, MOST_MINUTES)
    size = parse_decimal(wire.s, ORDER_DECIMALS)
    if size is None or size >> 64 or not size or size % market.lot:
        raise InvalidSize(size or 0, market.size_decimals)
    notional = size * market.mark // 10 ** (2 * ORDER_DECIMALS - COLLATERAL_DECIMALS)
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


def begin_parts(core: Core) -> None:
    """Place what is due of all orders over time, oldest first."""
    for key, twap in sorted(core.tables.twaps.rows.items()):
        if is_due(twap, core.moment.now):
            _place_part(core.acting_for(twap.user), key, twap)


def _place_part(core: Core, key: bytes, twap: Twap) -> None:
    """Place the next part of an order over time, or end it where its time is over."""
    market = _market(core, twap.asset)
    parts = _parts(twap)
    due = min(parts, (core.moment.now - twap.started) // PART_SECONDS + 1)
    placed = twap.size if due == parts else twap.size * due // parts
    size = min(placed - twap.filled, _MOST_CATCH_UP * twap.size // parts)
    size -= size % market.lot
    filled, quote = _take(core, market, twap, size) if size > 0 else (0, 0)
    after = replace(
        twap,
        placed=max(placed, 1),
        filled=twap.filled + filled,
        filled_quote=twap.filled_quote + quote,
    )
    is_over = due == parts or after.filled == twap.size
    core.tables.twaps.put(key, None if is_over else after)


def _parts(twap: Twap) -> int:
    return twap.minutes * 60 // PART_SECONDS


def _parts_placed(twap: Twap) -> int:
    return -(-twap.placed * _parts(twap) // twap.size)


def _take(core: Core, market: _Market, twap: Twap, size: int) -> tuple[int, int]:
    """Take from the book what is near the mark: filled size times 10**8, and for how much."""
    away = market.mark * _SLIPPAGE[0] // _SLIPPAGE[1]
    price = nearest_price(
        market.mark + away if twap.is_buy else market.mark - away,
        ORDER_DECIMALS,
        market.size_decimals,
        round_up=not twap.is_buy,
        is_spot=market.is_spot,
    )
    order = encoding.LimitOrder(
        twap.asset, twap.is_buy, price, size, twap.reduce_only, _IMMEDIATE, 0
    )
    try:
        with all_or_nothing(core):
            placed = trading.place(core, order).order
    except ContractError:
        return 0, 0
    return placed.filled * size // placed.amount, placed.filled_quote


def _market(core: Core, number: int) -> _Market:
    """Return what an asset id stands for. Raises UnknownAsset."""
    asset = parse_asset_id(number)
    market = trading.find_market(core, asset) if asset else None
    if market is None:
        raise UnknownAsset(number)
    if isinstance(market, CorePerp):
        rules = core.ledger.perp.markets.rows[perp_address(market.perp_id)]
        mark = prices_at(core.ledger, rules, core.moment.now).mark
        scaled = mark * 10 ** (ORDER_DECIMALS - COLLATERAL_DECIMALS)
        return _Market(market.size_decimals, is_spot=False, mark=scaled)
    base, quote = core.token(market.base), core.token(market.quote)
    price = core.spot_price(market) * 10**ORDER_DECIMALS // 10**quote.wei_decimals
    return _Market(base.size_decimals, is_spot=True, mark=price)
