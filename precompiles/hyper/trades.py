"""Traces of trades beside the exchanges' rows: last prices, volumes, and entry notionals.

A balance's entry notional is what it was bought for. A sale or transfer takes its share away,
rounded down; what comes in by a transfer counts as bought at the present price, as on Hyperliquid.
Units of a quote token count as dollars, and USDC has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from precompiles.abi.event import Event
from precompiles.engine.amounts import floor_divide
from precompiles.hyper.prices import pair_of_market, pair_price
from precompiles.hyper.system_addresses import FEES, USDC, token_address
from precompiles.hyper.unified import total_of
from precompiles.hyper.units import COLLATERAL_DECIMALS, power_of_ten
from precompiles.hyper.users import welcome
from precompiles.ledger.hyper.records import CoreToken, EntryNotional
from precompiles.ledger.ledger import Ledger
from precompiles.orders.builder_fees import BuilderFeePaid
from precompiles.orders.core_fees import DAY
from precompiles.orders.events import Trade
from precompiles.orders.rebates import MakerRebatePaid
from precompiles.types import Address

WHOLE_SHARE = 100_000
"""A deployer's fee share of 100 %."""
_SPOT_WEIGHT = 2
"""Volume on spot pairs counts twice."""


class _Change(NamedTuple):
    """One side's change of a balance by a trade."""

    user: Address
    token: CoreToken
    wei: int
    usd: int


def note_spot_trades(ledger: Ledger, events: Iterable[Event], now: int) -> None:
    """Take what happened on the spot exchange into account, after it is in the balances."""
    changes: list[_Change] = []
    rebates: dict[int, int] = {}
    for event in events:
        if isinstance(event, BuilderFeePaid):
            quote = _token(ledger, pair_of_market(ledger, event.market).quote)
            usd = _dollars(quote, event.amount)
            _reward(ledger, event.builder, usd)
            changes.append(_Change(event.builder, quote, event.amount, usd))
        elif isinstance(event, MakerRebatePaid):
            rebates[event.order_id] = event.amount
        elif isinstance(event, Trade):
            pair = pair_of_market(ledger, event.market)
            ledger.core.put_last_price(pair.index, event.price)
            quote = _token(ledger, pair.quote)
            usd = _dollars(quote, event.quote_amount)
            _count(ledger, event, _SPOT_WEIGHT * usd, now)
            base = _token(ledger, pair.base)
            rebate = rebates.pop(event.maker_order_id, 0)
            changes += _changes(base, quote, event, usd, rebate)
            changes += _fee_share(ledger, base, event)
    _note_entries(ledger, changes)


def note_perp_trades(ledger: Ledger, events: Iterable[Event], now: int) -> None:
    """Take what happened on the perpetuals exchange into account."""
    for event in events:
        if isinstance(event, Trade):
            _count(ledger, event, event.quote_amount, now)
        elif isinstance(event, BuilderFeePaid):
            _reward(ledger, ledger.core.owner_of(event.builder), event.amount)


def note_received(ledger: Ledger, user: Address, token: CoreToken, wei: int) -> None:
    """Count what an account of HyperCore was sent as bought at the present price."""
    settings = ledger.core.settings
    assert settings is not None, "HyperCore has begun"
    if token.index == USDC or ledger.core.user(user) is None:
        return
    pair = next((it for it in ledger.core.pairs if it.base == token.index), None)
    if pair is not None:
        price = pair_price(ledger, settings, pair)
        quote = floor_divide(wei * price, power_of_ten(token.wei_decimals))
        _add(ledger, user, token, _dollars(_token(ledger, pair.quote), quote))


def note_sent(ledger: Ledger, user: Address, token: CoreToken, wei: int) -> None:
    """Take the share of what an account has sent off its entry notional."""
    if token.index != USDC:
        left = total_of(ledger, user, token.index)
        _reduce(ledger, user, token, left + wei, left)


def _count(ledger: Ledger, trade: Trade, usd: int, now: int) -> None:
    core = ledger.core
    for user in (trade.maker, trade.taker):
        core.add_volume(core.owner_of(user), now // DAY, usd)
    core.add_maker_volume(core.owner_of(trade.maker), now // DAY, usd)


def _reward(ledger: Ledger, builder: Address, usd: int) -> None:
    """Count a builder's fee, and make the builder an account of HyperCore's."""
    welcome(ledger, builder)
    ledger.core.add_builder_rewards(builder, usd)


def _changes(
    base: CoreToken, quote: CoreToken, trade: Trade, usd: int, rebate: int
) -> Iterable[_Change]:
    maker, taker = trade.maker, trade.taker
    buyer, seller = (taker, maker) if trade.taker_is_buy else (maker, taker)
    fees = (trade.taker_fee, trade.maker_fee - rebate)
    buyer_fee, seller_fee = fees if trade.taker_is_buy else fees[::-1]
    yield _Change(seller, base, -trade.amount, 0)
    yield _Change(buyer, quote, -trade.quote_amount, 0)
    yield _Change(buyer, base, trade.amount - buyer_fee, usd)
    yield _Change(seller, quote, trade.quote_amount - seller_fee, usd)


def _fee_share(ledger: Ledger, base: CoreToken, trade: Trade) -> Iterable[_Change]:
    """Pay a token's deployer its part of the fee that the buyer paid in the token, rounded down."""
    fee = trade.taker_fee if trade.taker_is_buy else trade.maker_fee
    address = _address(ledger, base)
    there = ledger.spot.balance(FEES, address).available  # a rebate may have been paid since
    share = min(floor_divide(fee * base.deployer_fee_share, WHOLE_SHARE), there)
    if share:
        ledger.spot.change_balance(FEES, address, total=-share)
        ledger.spot.change_balance(base.deployer, address, total=share)
        yield _Change(base.deployer, base, share, 0)


def _note_entries(ledger: Ledger, changes: Sequence[_Change]) -> None:
    """Apply changes that are in the balances already, with the totals as of each."""
    totals: dict[tuple[Address, int], int] = {}
    before: list[int] = []
    for change in reversed(changes):
        key = change.user, change.token.index
        if key not in totals:
            totals[key] = total_of(ledger, change.user, change.token.index)
        totals[key] -= change.wei
        before.append(totals[key])
    for change, total in zip(changes, reversed(before), strict=True):
        if change.token.index == USDC:
            continue
        if change.wei > 0:
            _add(ledger, change.user, change.token, change.usd)
        else:
            _reduce(ledger, change.user, change.token, total, total + change.wei)


def _add(ledger: Ledger, user: Address, token: CoreToken, usd: int) -> None:
    key = _address(ledger, token) + user
    entry = ledger.core.entries.get(key)
    if usd:
        ledger.core.entries.put(key, EntryNotional((entry.usd if entry else 0) + usd))


def _reduce(ledger: Ledger, user: Address, token: CoreToken, before: int, after: int) -> None:
    key = _address(ledger, token) + user
    entry = ledger.core.entries.get(key)
    if entry is not None:
        left = floor_divide(entry.usd * after, before)
        ledger.core.entries.put(key, EntryNotional(left) if left else None)


def _address(ledger: Ledger, token: CoreToken) -> Address:
    settings = ledger.core.settings
    assert settings is not None, "HyperCore has begun"
    return token_address(settings, token.index)


def _token(ledger: Ledger, index: int) -> CoreToken:
    token = ledger.core.token(index)
    assert token is not None, "pairs are of listed tokens"
    return token


def _dollars(quote: CoreToken, wei: int) -> int:
    """Return units of a quote token with six decimals, rounded down."""
    places = quote.wei_decimals - COLLATERAL_DECIMALS
    if places >= 0:
        return floor_divide(wei, power_of_ten(places))
    return wei * power_of_ten(-places)
