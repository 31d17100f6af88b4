"""Candles: what markets were traded at in each second, minute, and longer time made of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from copy import copy
from typing import Generic, TypeVar

from msgspec import Struct

MINUTE = 60
MOST_SECONDS = 20_000
"""Seconds with trades that are kept of a market at least; minutes are all kept."""
_Market = TypeVar("_Market", bound=Hashable)


class Candle(Struct):
    """Prices of one stretch of time, as the exchange has them."""

    start: int
    """Block time in seconds."""
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    trades: int = 0

    def take(self, other: Candle) -> None:
        """Add one that follows."""
        self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.quote += other.quote
        self.trades += other.trades


class Candles(Generic[_Market]):
    """The seconds and minutes of all markets."""

    def __init__(self) -> None:
        self._minutes: dict[_Market, list[Candle]] = defaultdict(list)
        self._seconds: dict[_Market, list[Candle]] = defaultdict(list)
        self._whole_from: dict[_Market, int] = {}
        """The time from which on all seconds are kept; none for always."""

    def add(
        self, market: _Market, time: int, price: int, amount: int = 0, quote: int = 0
    ) -> Callable[[], object]:
        """Take in a trade that is no older than the last; return what takes it back."""
        one = Candle(time, price, price, price, price, amount, quote, 1)
        minute = copy(one)
        minute.start -= time % MINUTE
        self._drop_oldest(market)
        undo_second = _add(self._seconds[market], one)
        undo_minute = _add(self._minutes[market], minute)

        def undo() -> None:
            undo_minute()
            undo_second()

        return undo

    def of(self, market: _Market, length: int, start: int, end: int, most: int) -> list[Candle]:
        """Return the candles of `length` seconds that begin in a time; the newest `most`.

        Those without trades are left out. Trades after `end` are not in them: to the second where
        seconds are kept as far back, else to the minute.
        """
        first = start - start % length
        seconds, minutes = self._seconds[market], self._minutes[market]
        if length % MINUTE:
            return _joined(_between(seconds, first, end), length)[-most:]
        last = max(first, end - end % MINUTE)
        is_kept = self._whole_from.get(market, 0) <= last
        parts = [
            *_between(minutes, first, last - 1),
            *_between(seconds if is_kept else minutes, last, end),
        ]
        return _joined(parts, length)[-most:]

    def last(self, market: _Market, length: int) -> Candle | None:
        """Return the candle in work."""
        minutes = self._minutes.get(market)
        if not minutes:
            return None
        start = minutes[-1].start
        return self.of(market, length, start, start + max(length, MINUTE), 1)[-1]

    def at(self, market: _Market, time: int) -> int:
        """Return the last price by a time, or the first one where all are later; 0 for none.

        To the second where seconds are kept as far back, else that of the minute before.
        """
        if self._whole_from.get(market, 0) <= time:
            seconds = self._seconds[market]
            place = bisect_right(seconds, time, key=_start)
            if place:
                return seconds[place - 1].close
        minutes = self._minutes[market]
        place = bisect_right(minutes, time - MINUTE, key=_start)
        if place:
            return minutes[place - 1].close
        return minutes[0].open if minutes else 0

    def before(self, market: _Market, time: int) -> int:
        """Return the last price before a time; 0 for none."""
        for minute in reversed(self._minutes.get(market, ())):
            if minute.start + MINUTE <= time:
                return minute.close
        return 0

    def volume_since(self, market: _Market, time: int) -> tuple[int, int]:
        """Return the amount traded since a time, and its quote."""
        amount = quote = 0
        for minute in reversed(self._minutes.get(market, ())):
            if minute.start < time:
                break
            amount, quote = amount + minute.volume, quote + minute.quote
        return amount, quote

    def _drop_oldest(self, market: _Market) -> None:
        """Make room, in one go for many, since what is left moves up."""
        seconds = self._seconds[market]
        if len(seconds) == 2 * MOST_SECONDS:
            del seconds[:MOST_SECONDS]
            self._whole_from[market] = seconds[0].start


def _add(candles: list[Candle], one: Candle) -> Callable[[], object]:
    if not candles or candles[-1].start != one.start:
        candles.append(one)
        return candles.pop
    before = copy(candles[-1])
    candles[-1].take(one)
    return lambda: candles.__setitem__(-1, before)


def _between(candles: list[Candle], first: int, end: int) -> Iterator[Candle]:
    """Yield those that begin in a time, both ends included."""
    for place in range(bisect_left(candles, first, key=_start), len(candles)):
        if candles[place].start > end:
            return
        yield candles[place]


def _start(candle: Candle) -> int:
    return candle.start


def _joined(candles: Iterable[Candle], length: int) -> list[Candle]:
    """Return candles of `length` seconds made of shorter ones."""
    found: list[Candle] = []
    for candle in candles:
        begin = candle.start - candle.start % length
        if found and found[-1].start == begin:
            found[-1].take(candle)
        else:
            found.append(copy(candle))
            found[-1].start = begin
    return found
