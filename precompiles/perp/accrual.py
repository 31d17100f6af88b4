"""Accrual over block time: premium samples, funding, averages, and the mark price.

A market accrues before anything in it changes. So its book and its oracle price stood still since
the last time, and all samples since are known exactly, however long ago that was. Within a block a
market accrues once; only a new oracle price moves the mark again.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import floor_divide
from precompiles.engine.book import OrderBook
from precompiles.engine.funding import (
    FUNDING_SECONDS,
    SAMPLE_SECONDS,
    hourly_rate,
    impact_price,
    index_step,
    premium,
)
from precompiles.engine.mark import (
    BASIS_PERIOD,
    BOOK_PERIOD,
    Average,
    book_median,
    ema_step,
    ema_value,
    mark_price,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket, PerpOrder, PerpPrices
from precompiles.perp.events import FundingSettled

IMPACT_LEVELS = 100
"""Price levels read to sample the premium; a notional beyond them counts as not fillable."""
_UNPRICED = PerpPrices(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class FundingState(NamedTuple):
    """Funding accrued so far."""

    premium_sum: int
    premium_count: int
    funding_index: int
    last_rate: int


def prices_at(ledger: Ledger, market: PerpMarket, now: int) -> PerpPrices:
    """Return a market's prices at block time `now`; changes nothing."""
    prices = ledger.perp.prices.get(market.asset) or _UNPRICED
    if now <= prices.time:
        return prices
    if prices.oracle == 0:
        return replace(prices, time=now)
    known = ledger.perp.projected_prices.get(market.asset)
    if known is not None and known.time == now:
        return known
    moved = _project(ledger, market, prices, now)
    ledger.perp.projected_prices[market.asset] = moved
    return moved


def accrue(execution: Execution, market: PerpMarket) -> PerpPrices:
    """Bring a market up to block time; call it before any change of the market."""
    ledger = execution.ledger
    before = ledger.perp.prices.get(market.asset) or _UNPRICED
    if execution.now <= before.time:
        return before
    prices = prices_at(ledger, market, execution.now)
    ledger.perp.prices.put(market.asset, prices)
    ended = execution.now // FUNDING_SECONDS - before.time // FUNDING_SECONDS
    if ended and prices.oracle:
        execution.emit(FundingSettled(market.asset, prices.last_rate, prices.funding_index, ended))
    return prices


def mark_price_of(ledger: Ledger, market: PerpMarket, prices: PerpPrices) -> int:
    """Return the mark price that follows from a book and the averages.

    A thin book is cheap to bend, so the mark strays from the oracle's price no further than the
    maintenance rate: so bending the book alone gains no more than margin covers. HyperCore's mark
    has no such bound.
    """
    bid, ask = ledger.perp.book(market.asset).best_prices()
    is_fresh = prices.time - prices.oracle_time <= market.max_price_age
    mark = mark_price(
        prices.oracle,
        ema_value(Average(prices.basis_numerator, prices.basis_denominator)),
        bid,
        ask,
        prices.last_trade,
        prices.external if is_fresh else 0,
        ema_value(Average(prices.book_numerator, prices.book_denominator)),
    )
    if ledger.core.settings is not None:
        return mark
    furthest = floor_divide(prices.oracle, 2 * market.max_leverage)
    return max(prices.oracle - furthest, min(prices.oracle + furthest, mark))


def _project(ledger: Ledger, market: PerpMarket, prices: PerpPrices, now: int) -> PerpPrices:
    book = ledger.perp.book(market.asset)
    hours = _fund(prices, _premium(market, prices, book), now, _fresh_until(market, prices))
    basis = Average(prices.basis_numerator, prices.basis_denominator)
    average = Average(prices.book_numerator, prices.book_denominator)
    bid, ask = book.best_prices()
    elapsed = now - prices.time
    # Without two sides the oracle price replaces the book's, so no average is of a book alone.
    middle, sample = prices.oracle, prices.oracle
    if bid and ask:
        middle = floor_divide(bid + ask, 2)
        sample = book_median(bid, ask, prices.last_trade)
    basis = ema_step(basis, middle - prices.oracle, elapsed, BASIS_PERIOD)
    average = ema_step(average, sample, elapsed, BOOK_PERIOD)
    moved = replace(
        prices,
        time=now,
        basis_numerator=basis.numerator,
        basis_denominator=basis.denominator,
        book_numerator=average.numerator,
        book_denominator=average.denominator,
        premium_sum=hours.premium_sum,
        premium_count=hours.premium_count,
        funding_index=hours.funding_index,
        last_rate=hours.last_rate,
    )
    return replace(moved, mark=mark_price_of(ledger, market, moved))


def impact_prices(market: PerpMarket, book: OrderBook[PerpOrder]) -> tuple[int, int]:
    """Return what the impact notional is sold and bought at; 0 where the book is too thin."""
    bids = ((level.price, level.size) for level in islice(book.bids, IMPACT_LEVELS))
    asks = ((level.price, level.size) for level in islice(book.asks, IMPACT_LEVELS))
    return (
        impact_price(bids, market.impact_notional, market.base_unit),
        impact_price(asks, market.impact_notional, market.base_unit, round_up=True),
    )


def _premium(market: PerpMarket, prices: PerpPrices, book: OrderBook[PerpOrder]) -> int:
    """Sample the premium of the book."""
    return premium(*impact_prices(market, book), prices.oracle)


def _fresh_until(market: PerpMarket, prices: PerpPrices) -> int:
    """Return when the oracle price becomes too old for samples; they are 0 from then on."""
    return prices.oracle_time + market.max_price_age


def _fund(prices: PerpPrices, sample: int, now: int, fresh_until: int) -> FundingState:
    """Accrue (prices.time, now] at a premium that did not change while fresh."""
    start = FundingState(
        prices.premium_sum, prices.premium_count, prices.funding_index, prices.last_rate
    )
    middle = max(prices.time, min(now, fresh_until))
    fresh = _accrue(start, prices.oracle, sample, prices.time, middle)
    return _accrue(fresh, prices.oracle, 0, middle, now)


def _accrue(hours: FundingState, oracle: int, sample: int, start: int, now: int) -> FundingState:
    """Funding over (start, now] with one premium.

    The first hour has its earlier samples; all later hours are alike and computed once.
    """
    total, count, index, rate = hours
    ended = now // FUNDING_SECONDS - start // FUNDING_SECONDS
    if ended:
        boundary = (start // FUNDING_SECONDS + 1) * FUNDING_SECONDS
        samples = _samples(start, boundary)
        rate = hourly_rate(total + samples * sample, count + samples)
        index += index_step(oracle, rate)
        total = count = 0
        start = boundary
    if ended > 1:
        samples = FUNDING_SECONDS // SAMPLE_SECONDS
        rate = hourly_rate(samples * sample, samples)
        index += (ended - 1) * index_step(oracle, rate)
        start += (ended - 1) * FUNDING_SECONDS
    samples = _samples(start, now)
    return FundingState(total + samples * sample, count + samples, index, rate)


def _samples(start: int, end: int) -> int:
    """Count the sampling times in (start, end]."""
    return end // SAMPLE_SECONDS - start // SAMPLE_SECONDS
