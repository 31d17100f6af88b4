"""Spot orders and the balances behind them: locks, releases, and the exchange in a fill.

A live order locks what it may spend, until it is filled or ends.
"""

from __future__ import annotations

from typing import NamedTuple

from precompiles.engine.amounts import (
    fee,
    fee_in_base,
    locked_amount,
    quote_amount,
)
from precompiles.errors import InsufficientBalance
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot import Market, Order, SpotTables
from precompiles.orders.builder_fees import BuilderFeePaid, builder_fee
from precompiles.orders.core_fees import core_fee
from precompiles.orders.lifecycle import OrderLifecycle
from precompiles.orders.rebates import MakerRebatePaid, maker_rebate
from precompiles.types import Address


class SpotOrders(OrderLifecycle[Order]):
    """The life of spot orders."""

    def tables(self, ledger: Ledger) -> SpotTables:
        return ledger.spot

    def find(self, ledger: Ledger, order_id: int) -> Order | None:
        return ledger.spot_order(order_id)

    def release(self, execution: Execution, order: Order, remaining: int) -> None:
        change_hold(execution.ledger, order, order.remaining, remaining)


spot_orders = SpotOrders()


class Settlement(NamedTuple):
    """Amounts that a fill moved."""

    quote_amount: int
    maker_fee: int
    """In the token the maker receives."""
    taker_fee: int
    """In the token the taker receives."""


def spent_token(ledger: Ledger, market: Market, *, is_buy: bool) -> Address:
    """Return the token an order of that side pays with."""
    return market.quote if is_buy else ledger.spot.base_of(market)


def lock_of(market: Market, order: Order, remaining: int) -> int:
    """Return what `order` keeps on hold while `remaining` is unfilled."""
    return locked_amount(
        is_buy=order.is_buy, remaining=remaining, price=order.price, base_unit=market.base_unit
    )


def require_available(ledger: Ledger, user: Address, token: Address, needed: int) -> None:
    """Check that `user` can spend `needed` of `token`. Raises InsufficientBalance."""
    available = ledger.spot.balance(user, token).available
    if available < needed:
        raise InsufficientBalance(token, available, needed)


def change_hold(ledger: Ledger, order: Order, before: int, after: int) -> None:
    """Adjust an order's lock to a remaining amount that went from `before` to `after`."""
    market = ledger.spot.markets.rows[order.asset]
    ledger.spot.change_balance(
        order.owner,
        spent_token(ledger, market, is_buy=order.is_buy),
        hold=lock_of(market, order, after) - lock_of(market, order, before),
    )


def settle(
    execution: Execution, market: Market, maker: Order, taker: Order, amount: int
) -> Settlement:
    """Exchange `amount` base for quote at the maker's price.

    The maker pays from its lock, the taker from what is available. Each side's fee is taken
    from what it receives, rounded up, and credited to the market's fee recipient; on HyperCore
    it is worked out in quote first, and rounded down, and the seller's has its builder's in it; a
    maker may have a rebate instead.
    """
    ledger = execution.ledger
    change, base = ledger.spot.change_balance, ledger.spot.base_of(market)
    quote = quote_amount(amount=amount, price=maker.price, base_unit=market.base_unit)
    released = lock_of(market, maker, maker.remaining) - lock_of(
        market, maker, maker.remaining - amount
    )
    if maker.is_buy:
        maker_token, maker_pays, taker_token, taker_pays = market.quote, quote, base, amount
    else:
        maker_token, maker_pays, taker_token, taker_pays = base, amount, market.quote, quote
    if ledger.core.settings is None:
        maker_fee, taker_fee = fee(taker_pays, market.maker_fee), fee(maker_pays, market.taker_fee)
        rebate = 0
    else:
        rebate = maker_rebate(execution, maker.owner, quote)
        maker_fee = core_fee(execution, maker.owner, quote, is_spot=True, is_maker=True)
        if rebate:
            maker_fee = 0
        taker_fee = core_fee(execution, taker.owner, quote, is_spot=True, is_maker=False)
        if maker.is_buy:
            maker_fee = fee_in_base(maker_fee, price=maker.price, base_unit=market.base_unit)
            rebate = fee_in_base(rebate, price=maker.price, base_unit=market.base_unit)
        else:
            taker_fee = fee_in_base(taker_fee, price=maker.price, base_unit=market.base_unit)
    change(maker.owner, maker_token, total=-maker_pays, hold=-released)
    change(taker.owner, taker_token, total=-taker_pays)
    change(maker.owner, taker_token, total=taker_pays - maker_fee)
    change(taker.owner, maker_token, total=maker_pays - taker_fee)
    change(market.fee_recipient, taker_token, total=maker_fee)
    change(market.fee_recipient, maker_token, total=taker_fee)
    if rebate:
        _pay_rebate(execution, market, maker, taker_token, rebate)
    seller = taker if maker.is_buy else maker
    for_builder = _pay_builder(execution, market, seller, quote)
    if maker.is_buy:
        return Settlement(quote, maker_fee, taker_fee + for_builder)
    return Settlement(quote, maker_fee + for_builder, taker_fee)


def _pay_rebate(
    execution: Execution, market: Market, maker: Order, token: Address, rebate: int
) -> None:
    """Pay a maker's rebate, in what it receives, out of the fees that are there."""
    spot, payer = execution.ledger.spot, market.fee_recipient
    amount = min(rebate, spot.balance(payer, token).available)
    if amount:
        spot.change_balance(payer, token, total=-amount)
        spot.change_balance(maker.owner, token, total=amount)
        execution.emit(MakerRebatePaid(maker.owner, maker.id, market.asset, amount))


def _pay_builder(execution: Execution, market: Market, seller: Order, quote: int) -> int:
    """Pay the builder of the order that sells out of what its owner received; return the fee.

    With the exchange's it is at most 1.07 % of the quote, so the seller has it.
    """
    builder, amount = builder_fee(execution.ledger, seller.id, quote)
    if amount:
        change = execution.ledger.spot.change_balance
        change(seller.owner, market.quote, total=-amount)
        change(builder, market.quote, total=amount)
        execution.emit(BuilderFeePaid(builder, seller.id, market.asset, amount))
    return amount
