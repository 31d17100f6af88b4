"""Intervals and form of the API's candles."""

from __future__ import annotations

from evm_dex.hyperliquid.listings import Listing
from evm_dex.hyperliquid.tape_records import Json
from evm_dex.orderlog.candles import Candle

_MINUTE = 60
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
"""Seconds by the name of an interval; a month has thirty days."""
MOST_CANDLES = 5_000


def candle_json(candle: Candle, listing: Listing, interval: str) -> Json:
    """Return a candle as `candleSnapshot` gives it."""
    return {
        "t": candle.start * 1_000,
        "T": (candle.start + INTERVALS[interval]) * 1_000 - 1,
        "s": listing.coin,
        "i": interval,
        "o": listing.price(candle.open),
        "c": listing.price(candle.close),
        "h": listing.price(candle.high),
        "l": listing.price(candle.low),
        "v": listing.size(candle.volume),
        "n": candle.trades,
    }
