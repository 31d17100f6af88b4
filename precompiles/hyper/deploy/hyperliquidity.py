"""Orders that a pair keeps by itself (HIP-2), from a lowest price up, 0.3 % apart.

The tokens that it has are for sale at the highest levels, as many whole orders as there are and
the rest one level below; what was paid for the others buys on the levels under them. Every three
seconds its orders are made what its balances say. Source: Hyperliquid documentation, "HIP-2".
"""

from __future__ import annotations

from collections.abc import Iterator

from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.errors import ContractError
from precompiles.execution import Execution
from precompiles.hyper.core import Core
from precompiles.hyper.grid import nearest_price
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import InvalidDeployment
from precompiles.hyper.system_addresses import (
    HYPERLIQUIDITY,
    hyperliquidity_account,
    token_address,
)
from precompiles.hyper.transfers import move
from precompiles.hyper.units import (
    MAX_U64,
    ORDER_DECIMALS,
    check_order,
    power_of_ten,
    spot_amount,
    spot_price,
)
from precompiles.hyper.users import welcome
from precompiles.ledger.hyper.deploy_records import Hyperliquidity
from precompiles.ledger.hyper.records import CorePair, CoreToken
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.spot.orders import spot_orders
from precompiles.spot.placing import OrderRequest, place
from precompiles.types import TimeInForce

PERIOD = 3
"""Seconds."""
_UP, _DOWN = 1_003, 1_000
MOST_LEVELS = 1_000


def begin(core: Core, pair: CorePair, start: str, size: str, levels: int, seeded: int) -> None:
    """Let a pair keep orders, of the tokens that were set aside for it.

    The user pays for the lowest `seeded` levels, which buy. Raises InvalidDeployment, InvalidPrice,
    InvalidSize or InsufficientBalance.
    """
    first, order_size = parse_decimal(start, ORDER_DECIMALS), parse_decimal(size, ORDER_DECIMALS)
    if first is None or first > MAX_U64:
        raise InvalidDeployment.of("startPx")
    if order_size is None or order_size > MAX_U64:
        raise InvalidDeployment.of("orderSz")
    if not 0 < levels <= MOST_LEVELS or seeded > levels:
        raise InvalidDeployment.of("nOrders")
    base, quote = core.token(pair.base), core.token(pair.quote)
    check_order(first, order_size, base.size_decimals, is_spot=True)
    account = hyperliquidity_account(pair.index)
    welcome(core.ledger, account)
    aside = core.acting_for(HYPERLIQUIDITY)
    move(aside, base, account, aside.available(base))
    cost = sum(
        _cost(price, order_size, base, quote)
        for price in list(prices_of(first, levels, base.size_decimals))[:seeded]
    )
    if cost:
        move(core, quote, account, cost)
    row = Hyperliquidity(first, order_size, levels, 0, 0, 0)
    core.tables.hyperliquidity.put(index_key(pair.index), row)
    core.tables.put_last_price(pair.index, spot_price(first, quote.wei_decimals))
    update(core, pair.index)


def is_due(ledger: Ledger, now: int) -> bool:
    """Return True if a pair's own orders traded and are due to be placed anew."""
    return any(True for _ in due_pairs(ledger, now))


def due_pairs(ledger: Ledger, now: int) -> Iterator[int]:
    """Yield the indexes of pairs whose own orders traded, and were not looked at for a while."""
    for key, row in sorted(ledger.core.hyperliquidity.rows.items()):
        index = int.from_bytes(key, "big")
        if now >= row.updated + PERIOD and _balances(ledger, index) != (row.base, row.quote):
            yield index


def update(core: Core, index: int) -> None:
    """Make a pair's own orders what its balances say; those that are so already stay."""
    row, pair = core.tables.hyperliquidity.rows[index_key(index)], core.tables.pair(index)
    assert pair is not None, "a listed pair stays"
    account = hyperliquidity_account(index)
    acting, market = core.spot.acting_for(account), core.market_of(pair)
    wanted = dict(_orders(core, pair, row))
    for order_id in list(core.ledger.spot.live.by_owner.of(account)):
        order = core.ledger.spot.orders.rows[order_id]
        key = order.is_buy, order.price
        if wanted.get(key) == order.amount - order.filled:
            del wanted[key]
        else:
            spot_orders.cancel(acting, order_id)
    for (is_buy, price), amount in sorted(wanted.items()):
        _rest(acting, OrderRequest(market, amount, price, is_buy, TimeInForce.ALO))
    base, quote = _balances(core.ledger, index)
    fresh = Hyperliquidity(
        row.start_price, row.order_size, row.levels, core.moment.now, base, quote
    )
    core.tables.hyperliquidity.put(index_key(index), fresh)


def prices_of(start: int, levels: int, size_decimals: int) -> Iterator[int]:
    """Yield the price of each level times 10**8, on the grid: the nearest to 0.3 % more."""
    price = start
    for _ in range(levels):
        yield price
        down, up = floor_divide(price * _UP, _DOWN), ceil_divide(price * _UP, _DOWN)
        low = nearest_price(down, ORDER_DECIMALS, size_decimals, round_up=False, is_spot=True)
        high = nearest_price(up, ORDER_DECIMALS, size_decimals, round_up=True, is_spot=True)
        near = low if 2 * price * _UP < _DOWN * (low + high) else high
        price = near if near > price else high if high > price else price + max(1, high - low)


def _orders(
    core: Core, pair: CorePair, row: Hyperliquidity
) -> Iterator[tuple[tuple[bool, int], int]]:
    """Yield what orders there should be: (is a buy, price), amount; as the exchange has them."""
    base, quote = core.token(pair.base), core.token(pair.quote)
    held, funds = _balances(core.ledger, pair.index)
    size = spot_amount(row.order_size, base.wei_decimals)
    prices = list(prices_of(row.start_price, row.levels, base.size_decimals))
    full = min(floor_divide(held, size), row.levels)
    lot = 10 ** (base.wei_decimals - base.size_decimals)
    rest = held - full * size
    rest -= rest % lot
    cursor = row.levels - full
    for price in prices[cursor:]:
        yield (False, spot_price(price, quote.wei_decimals)), size
    if rest and cursor:
        cursor -= 1
        yield (False, spot_price(prices[cursor], quote.wei_decimals)), rest
    for price in reversed(prices[:cursor]):
        cost = _cost(price, row.order_size, base, quote)
        amount = size if cost <= funds else floor_divide(size * funds, cost)
        amount -= amount % lot
        if not amount:
            return
        yield (True, spot_price(price, quote.wei_decimals)), amount
        funds -= min(cost, funds)


def _cost(price: int, size: int, base: CoreToken, quote: CoreToken) -> int:
    """Return what an order costs in wei of the quote, rounded up; both are times 10**8."""
    exact = spot_price(price, quote.wei_decimals) * spot_amount(size, base.wei_decimals)
    return ceil_divide(exact, power_of_ten(base.wei_decimals))


def _balances(ledger: Ledger, index: int) -> tuple[int, int]:
    """Return all that a pair's own account has of both tokens, orders included."""
    pair, settings = ledger.core.pair(index), ledger.core.settings
    assert pair is not None, "a listed pair stays"
    assert settings is not None, "HyperCore has begun"
    account = hyperliquidity_account(index)
    base = ledger.spot.balance(account, token_address(settings, pair.base))
    quote = ledger.spot.balance(account, token_address(settings, pair.quote))
    return base.total, quote.total


def _rest(acting: Execution, request: OrderRequest) -> None:
    """Let an order rest; one that would trade at once waits for the next time."""
    before = acting.savepoint()
    try:
        place(acting, request)
    except ContractError:
        acting.rollback(before)
