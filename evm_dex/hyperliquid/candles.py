"""Candles: what a coin was traded at in each minute, and in longer times made of minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from copy import copy

from msgspec import Struct

from evm_dex.hyperliquid.listings import Listing
from evm_dex.hyperliquid.tape_records import Json, TapeTrade

_MINUTE = 60_000
_HOUR, _DAY = 60 * _MINUTE, 24 * 60 * _MINUTE
INTERVALS = {
    "1m": _MINUTE,
    "3m": 3 * _MINUTE,
    "5m": 5 * _MINUTE,
    "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE,
    "1h": _HOUR,
    "2h": 2 * _HOUR,
    "4h": 4 * _HOUR,
    "8h": 8 * _HOUR,
    "12h": 12 * _HOUR,
    "1d": _DAY,
    "3d": 3 * _DAY,
    "1w": 7 * _DAY,
    "1M": 30 * _DAY,
}
"""Milliseconds by the name of an interval; a month has thirty days."""
MOST_CANDLES = 5_000


class Candle(Struct):
    """Prices of one stretch of time, as the exchange has them."""

    start: int
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

    def json(self, listing: Listing, interval: str) -> Json:
        """Return it as `candleSnapshot` gives it."""
        return {
            "t": self.start,
            "T": self.start + INTERVALS[interval] - 1,
            "s": listing.coin,
            "i": interval,
            "o": listing.price(self.open),
            "c": listing.price(self.close),
            "h": listing.price(self.high),
            "l": listing.price(self.low),
            "v": listing.size(self.volume),
            "n": self.trades,
        }


class Candles:
    """The minutes of all coins."""

    def __init__(self) -> None:
        self._minutes: dict[str, list[Candle]] = defaultdict(list)

    def add(self, trade: TapeTrade) -> Callable[[], object]:
        """Take in a trade that is no older than the last; return what takes it back."""
        minutes = self._minutes[trade.listing.coin]
        start = trade.time - trade.time % _MINUTE
        price = trade.price
        one = Candle(start, price, price, price, price, trade.amount, trade.quote, 1)
        if not minutes or minutes[-1].start != start:
            minutes.append(one)
            return minutes.pop
        before = copy(minutes[-1])
        minutes[-1].take(one)
        return lambda: minutes.__setitem__(-1, before)

    def of(self, coin: str, interval: str, start: int, end: int) -> list[Candle]:
        """Return the candles that begin in a time, in milliseconds; the newest `MOST_CANDLES`.

        Those without trades are left out.
        """
        length = INTERVALS[interval]
        first = start - start % length
        found: list[Candle] = []
        for minute in self._minutes.get(coin, ()):
            if not first <= minute.start <= end:
                continue
            begin = minute.start - minute.start % length
            if found and found[-1].start == begin:
                found[-1].take(minute)
            else:
                fields = (minute.open, minute.high, minute.low, minute.close)
                found.append(Candle(begin, *fields, minute.volume, minute.quote, minute.trades))
        return found[-MOST_CANDLES:]

    def last(self, coin: str, interval: str) -> Candle | None:
        """Return the candle in work."""
        minutes = self._minutes.get(coin)
        if not minutes:
            return None
        start = minutes[-1].start
        return self.of(coin, interval, start, start + INTERVALS[interval])[-1]

    def before(self, coin: str, time: int) -> int:
        """Return the last price before a time; 0 for none."""
        for minute in reversed(self._minutes.get(coin, ())):
            if minute.start + _MINUTE <= time:
                return minute.close
        return 0

    def volume_since(self, coin: str, time: int) -> tuple[int, int]:
        """Return the amount traded since a time, and its quote."""
        amount = quote = 0
        for minute in reversed(self._minutes.get(coin, ())):
            if minute.start < time:
                break
            amount, quote = amount + minute.volume, quote + minute.quote
        return amount, quote
