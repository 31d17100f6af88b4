"""Candles against a list of trades."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evm_dex.orderlog import candles as module
from evm_dex.orderlog.block_undo import MOST_UNDONE, BlockUndo
from evm_dex.orderlog.candles import Candle, Candles

Trade = tuple[int, int, int]
"""(time, price, amount)"""


def slowly(trades: list[Trade], length: int, start: int, end: int, most: int) -> list[Candle]:
    found: dict[int, Candle] = {}
    for time, price, amount in trades:
        begin = time - time % length
        if begin < start - start % length or time > end:
            continue
        one = found.setdefault(begin, Candle(begin, price, price, price, price))
        one.high, one.low, one.close = max(one.high, price), min(one.low, price), price
        one.volume, one.quote, one.trades = (
            one.volume + amount,
            one.quote + price * amount,
            one.trades + 1,
        )
    return list(found.values())[-most:]


@st.composite
def flows(draw: st.DrawFn) -> list[Trade]:
    time, trades = draw(st.integers(0, 200)), []
    for _ in range(draw(st.integers(0, 40))):
        time += draw(st.sampled_from([0, 0, 1, 7, 59, 60, 400]))
        trades.append((time, draw(st.integers(1, 9)), draw(st.integers(0, 5))))
    return trades


@given(
    flows(),
    st.sampled_from([1, 5, 45, 60, 90, 300]),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.integers(1, 50),
    st.integers(0, 40),
)
def test_candles_are_those_of_the_trades_also_after_some_were_taken_back(
    trades: list[Trade], length: int, start: int, end: int, most: int, kept: int
) -> None:
    candles: Candles[str] = Candles()
    undos = [candles.add("ETH", *it, quote=it[1] * it[2]) for it in trades]
    assert candles.of("ETH", length, start, end, most) == slowly(trades, length, start, end, most)
    for undo in reversed(undos[kept:]):
        undo()
    del trades[kept:]
    assert candles.of("ETH", length, start, end, most) == slowly(trades, length, start, end, most)
    last = slowly(trades, length, 0, 10**9, 1)
    assert candles.last("ETH", length) == (last[0] if last else None)
    assert candles.of("BTC", length, start, end, most) == []
    by_then = [price for time, price, _ in trades if time <= end] or [it[1] for it in trades[:1]]
    assert candles.at("ETH", end) == (by_then[-1] if by_then else 0)


def test_minutes_stay_where_seconds_were_dropped(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 30)
    candles: Candles[str] = Candles()
    trades = [(second, second + 1, 1) for second in range(200)]
    for time, price, amount in trades:
        candles.add("ETH", time, price, amount, price * amount)
    assert candles.of("ETH", 60, 0, 200, 9) == slowly(trades, 60, 0, 200, 9)
    assert candles.of("ETH", 1, 190, 200, 99) == slowly(trades, 1, 190, 200, 99)
    assert candles.of("ETH", 60, 0, 185, 9) == slowly(trades, 60, 0, 185, 9)
    whole = slowly(trades, 60, 0, 59, 9)
    assert candles.of("ETH", 60, 0, 30, 9) == whole, "seconds as far back are gone"


def test_what_is_too_far_back_is_left_alone() -> None:
    undo, kept = BlockUndo(), []
    for height in range(1, MOST_UNDONE + 3):
        undo.begin(height)
        kept.append(height)
        undo.add(kept.pop)
    assert not undo.go_back(1)
    assert len(kept) == MOST_UNDONE + 2
    assert undo.go_back(2)
    assert kept == [1, 2]
