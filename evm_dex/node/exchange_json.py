"""Markets, orders, positions, accounts and calls in the form the dex_ methods give them.

Amounts and prices are decimal text, since a JSON number loses digits; ids, times and rates are
numbers. Addresses are hex.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from evm_dex.node import core_names
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data
from precompiles.engine.book import OrderBook
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpOrder, Position, Trigger
from precompiles.ledger.spot import Market, Order
from precompiles.perp.accrual import prices_at
from precompiles.perp.collateral import withdrawable_cash
from precompiles.perp.danger import judged_position, liquidation_price_of
from precompiles.perp.health import cross_health, funding_due, position_health
from precompiles.perp.markets import tiers_of
from precompiles.types import (
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    PositionKind,
    PositionStatus,
    TimeInForce,
)


def spot_market(ledger: Ledger, market: Market) -> Json:
    """Write a spot market and its best prices."""
    bid, ask = ledger.spot.book(market.asset).best_prices()
    return {
        "asset": data(market.asset),
        "quote": data(market.quote),
        "baseUnit": str(market.base_unit),
        "tick": str(core_names.pair_tick(ledger, market)),
        "lot": str(market.lot),
        "makerFee": market.maker_fee,
        "takerFee": market.taker_fee,
        "bestBid": str(bid),
        "bestAsk": str(ask),
    }


def perp_market(ledger: Ledger, market: PerpMarket, now: int) -> Json:
    """Write a perpetual market with its prices at a block time."""
    prices = prices_at(ledger, market, now)
    bid, ask = ledger.perp.book(market.asset).best_prices()
    return {
        "market": data(market.asset),
        "collateral": data(ledger.perp.settings.collateral),
        "baseUnit": str(market.base_unit),
        "tick": str(core_names.perp_tick(ledger, market)),
        "lot": str(market.lot),
        "makerFee": market.maker_fee,
        "takerFee": market.taker_fee,
        "tiers": [
            {"lowerBound": str(tier.lower_bound), "maxLeverage": tier.max_leverage}
            for tier in tiers_of(market)
        ],
        "feeder": data(market.feeder),
        "vault": data(market.vault),
        "oracle": str(prices.oracle),
        "oracleTime": prices.oracle_time,
        "mark": str(prices.mark),
        "lastTrade": str(prices.last_trade),
        "fundingRate": prices.last_rate,
        "openInterest": str(prices.open_interest),
        "bestBid": str(bid),
        "bestAsk": str(ask),
    }


def depth(book: OrderBook[Any], levels: int, step: int = 1) -> Json:
    """Write price levels, best first: price, size, and number of orders.

    Those of `step` prices are one, at the worst of these: no price is shown better than it is.
    """
    return {
        name: [
            {"price": str(price), "size": str(size), "orders": count}
            for price, size, count in islice(_grouped(side, step, round_up=round_up), levels)
        ]
        for name, side, round_up in (("bids", book.bids, False), ("asks", book.asks, True))
    }


def _grouped(side: Iterable[Any], step: int, *, round_up: bool) -> Iterator[tuple[int, int, int]]:
    def shown_at(level: Any) -> int:
        return int(level.price + -level.price % step if round_up else level.price // step * step)

    for price, levels in groupby(side, shown_at):
        together = list(levels)
        yield price, sum(it.size for it in together), sum(it.count() for it in together)


def order(row: Order | PerpOrder | Trigger) -> Json:
    """Write an order of either exchange, or a trigger that waits."""
    shared = {
        "orderId": row.id,
        "user": data(row.owner),
        "market": data(row.asset),
        "side": "buy" if row.is_buy else "sell",
        "amount": str(row.amount),
        "clientOrderId": str(row.client_order_id),
        "blockNumber": row.block_number,
    }
    if isinstance(row, Trigger):
        return {
            **shared,
            "exchange": "perp",
            "status": OrderStatus.UNTRIGGERED.name,
            "triggerPrice": str(row.trigger_price),
            "price": str(row.limit_price),
            "isTakeProfit": row.is_take_profit,
            "reduceOnly": row.reduce_only,
            "filled": "0",
            "remaining": str(row.amount),
        }
    shared |= {
        "price": str(row.price),
        "filled": str(row.filled),
        "remaining": str(row.remaining),
        "status": OrderStatus(row.status).name,
        "reason": CloseReason(row.reason).name,
        "timeInForce": TimeInForce(row.time_in_force).name,
    }
    if isinstance(row, PerpOrder):
        kind = OrderKind(row.kind).name
        return {**shared, "exchange": "perp", "kind": kind, "reduceOnly": row.reduce_only}
    return {**shared, "exchange": "spot"}


def position(ledger: Ledger, row: Position, now: int) -> Json:
    """Write a position, with its worth while it is open."""
    written: Json = {
        "positionId": row.id,
        "user": data(row.owner),
        "market": data(row.asset),
        "side": "long" if row.is_long else "short",
        "size": str(abs(row.size)),
        "entryNotional": str(row.entry_notional),
        "leverage": row.leverage,
        "kind": PositionKind(row.kind).name,
        "status": PositionStatus(row.status).name,
        "realizedPnl": str(row.realized_pnl),
    }
    if row.is_open:
        market = ledger.perp.markets.rows[row.asset]
        prices = prices_at(ledger, market, now)
        health = position_health(ledger, row, now)
        value = health.equity - row.cash
        written |= {
            "mark": str(prices.mark),
            "unrealizedPnl": str(value - row.signed_entry - funding_due(market, prices, row)),
            "funding": str(funding_due(market, prices, row)),
            "margin": str(row.margin if row.has_own_cash else 0),
            "maintenanceMargin": str(judged_position(ledger, row, now).maintenance),
            "liquidationPrice": str(liquidation_price_of(ledger, row, now)),
        }
    return written


def account(ledger: Ledger, user: Address, tokens: Iterable[bytes], now: int) -> Json:
    """Write a user's balances and margin on both exchanges."""
    balances = {}
    for token in tokens:
        balance = ledger.spot.balances.get(token + user)
        if balance is not None:
            balances[data(token)] = {
                "available": str(balance.available),
                "onHold": str(balance.hold),
            }
    health = cross_health(ledger, user, now)
    return {
        "user": data(user),
        "spot": balances,
        "perp": {
            "cash": str(ledger.perp.cash(user)),
            "equity": str(health.equity),
            "initialMargin": str(health.initial),
            "maintenanceMargin": str(health.maintenance),
            "withdrawable": str(max(0, withdrawable_cash(ledger, user, now))),
        },
    }
