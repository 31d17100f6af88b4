"""CSV files of order events, against a plain book of what is left of each order."""

from __future__ import annotations

from pathlib import Path

import pytest

import evm_dex
from evm_dex.replay.order_events import (
    READERS,
    EventFileError,
    read_bitstamp,
    read_databento,
    recorded_market,
)
from evm_dex.replay.order_flow import Cancel, Place, Remain, Take
from evm_dex.replay.runner import PLENTY, Replay, deposit

LOT, TICK = 10**8, 10**9

BITSTAMP = """id,timestamp,exchange.timestamp,price,volume,action,direction
7,1,1,100.5,2.0,created,bid
8,2,2,100.6,1.00000001,created,ask
9,3,3,100.6,0.4,created,bid
8,4,4,100.6,0.60000001,changed,ask
9,5,5,100.6,0,deleted,bid
7,6,6,100.5,1.5,changed,bid
8,7,7,100.6,0.60000001,deleted,ask
"""
BITSTAMP_LIVE = """id,order_type,microtimestamp,amount,price,event
7,0,1,2,100.5,order_created
7,0,2,1.5,100.5,order_changed
"""
DATABENTO = """ts_event,action,side,price,size,order_id
1,A,B,100.25,5,1
2,A,A,100.500000000,3,2
3,T,B,100.500000000,1,0
4,F,A,100.500000000,1,2
5,C,A,100.500000000,1,2
6,M,A,100.500000000,1,2
7,M,B,100.00,6,1
8,A,A,100750000000,4,3
9,T,N,100.5,1,0
"""


def best(tmp_path: Path, name: str, content: str) -> tuple[list[tuple[int, int]], ...]:
    """The book after a file, in lots and ticks."""
    path = tmp_path / "events.csv"
    path.write_text(content)
    with evm_dex.open(genesis=recorded_market()) as dex:
        asset = dex.tokens["ASSET"]
        for account in dex.accounts[:2]:
            for _ in deposit(dex, account, PLENTY):
                pass
        replay = Replay(dex, asset, maker=dex.accounts[0], taker=dex.accounts[1])
        for instruction in READERS[name](path):
            replay.apply(instruction)
        depth = dex.chain.ledger.spot.book(asset.raw_address).depth(10)
        return tuple([(price // TICK, size) for price, size in side] for side in depth)


def test_bitstamp_events_leave_the_recorded_book(tmp_path: Path) -> None:
    # The bid at 100.6 meets the ask: one account places both, so that ask gives way as its own.
    bids, asks = best(tmp_path, "bitstamp-orders", BITSTAMP_LIVE)
    assert (bids, asks) == ([(100_500_000_000, 150_000_000)], [])
    path = tmp_path / "events.csv"
    path.write_text(BITSTAMP)
    assert list(read_bitstamp(path)) == [
        Place("7", True, 2 * LOT, 100_500_000_000),
        Place("8", False, LOT + 1, 100_600_000_000),
        Place("9", True, 40_000_000, 100_600_000_000),
        Remain("8", 60_000_001),
        Cancel("9"),
        Remain("7", 150_000_000),
        Cancel("8"),
    ]


def test_databento_rows_leave_the_recorded_book(tmp_path: Path) -> None:
    bids, asks = best(tmp_path, "databento-mbo", DATABENTO)
    assert bids == [(100_000_000_000, 6 * LOT)]
    assert asks == [(100_500_000_000, LOT), (100_750_000_000, 4 * LOT)]
    path = tmp_path / "events.csv"
    path.write_text("action,side,price,size,order_id\nA,B,5.0,2,1\nT,A,5.0,1,0\nR,N,0,0,0\n")
    assert list(read_databento(path)) == [
        Place("1", True, 2 * LOT, 5 * TICK),
        Take(False, LOT, 5 * TICK),
        Cancel("1"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("bitstamp-orders", "id,price\n1,2\n", "there must be a column action or event"),
        (
            "bitstamp-orders",
            "id,price,volume,action,direction\n1,x,1,created,bid\n",
            "line 2: price must be a number, got 'x'",
        ),
        (
            "bitstamp-orders",
            "id,price,volume,action,direction\n1,1,1,created,up\n",
            "direction must be one of bid, ask",
        ),
        (
            "bitstamp-orders",
            "id,price,volume,action,direction\n1,1,1,lost,bid\n",
            "action must be created, changed or deleted, got 'lost'",
        ),
        (
            "bitstamp-orders",
            "id,price,volume,action,direction\n1,1,0.000000001,created,bid\n",
            "volume must have at most 8 decimals",
        ),
        (
            "databento-mbo",
            "action,side,price,size,order_id\nX,B,1,1,1\n",
            "action must be A, C, M, T, F, R or N, got 'X'",
        ),
        (
            "databento-mbo",
            "action,side,price,size,order_id\nA,B,9223372036854775807,1,1\n",
            "price must be above 0",
        ),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, name: str, content: str, expected: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(content)
    with pytest.raises(EventFileError, match=expected):
        list(READERS[name](path))
    with pytest.raises(EventFileError, match="No such file"):
        list(READERS[name](tmp_path / "none"))
