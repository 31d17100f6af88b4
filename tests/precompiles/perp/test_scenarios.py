"""Trading on the perpetuals exchange, one readable scenario for each rule."""

from __future__ import annotations

import pytest

from precompiles.ledger.checks import check
from tests.precompiles.perp.scenarios import exchange, play

VAULT = """
    setVault gold V 1000000      = ok
    V deposit 100000             = ok
"""
LONG_TEN = """
    oracle 1000                  = 1000
    B sell 10 @ 1000 gtc         = #1 new
    A buy 10 @ 1000 gtc          = #2 filled | 10 @ 1000 of #1
"""

SEED = {
    "opening against the book is at the makers' prices": """
        oracle 1000              = 1000
        B sell 10 @ 1001 gtc     = #1 new
        A open long 10 x5        = p2 | 10 @ 1001 of #1
        p1                       = B short 10 for 10010 cross x10
        p2                       = A long 10 for 10010 standalone x5
        A cash                   = 97998
        p2 worth                 = 10000 -10 liquidated at 820
    """,
    "opening against the vault is at mark": f"""
        {VAULT}
        oracle 1000              = 1000
        A open short 10 x5       = p2 | 10 @ 1000 of vault
        p1                       = V long 10 for 10000 cross x10
        A cash                   = 98000
        oracle 900               = 900
        p2 worth                 = 9000 +1000 liquidated at 1180
        A close p2               = +1000 | 10 @ 900 of vault
        A cash                   = 101000
        V cash                   = 99000
        p2                       = closed
    """,
    "the book comes first, the vault takes the rest": f"""
        {VAULT}
        oracle 1000              = 1000
        B sell 4 @ 1001 gtc      = #1 new
        A open long 10 x5        = p3 | 4 @ 1001 of #1 | 6 @ 1000 of vault
        p3                       = A long 10 for 10004 standalone x5
        A cash                   = 97999
    """,
    "what neither can fill is not opened at all": """
        oracle 1000              = 1000
        A open long 10 x5        = CannotFillCompletely 10 0
        B sell 4 @ 1001 gtc      = #1 new
        A open long 10 x5        = CannotFillCompletely 10 4
        order #1                 = new 0/4
        A account                = 100000 cash, 100000 equity, 0 / 0 margin, 100000 free
    """,
    "no further from mark than the slippage limit": """
        oracle 1000              = 1000
        B sell 5 @ 1051 gtc      = #1 new
        A open long 5 x5         = CannotFillCompletely 5 0
        B sell 5 @ 1050 gtc      = #2 new
        A open long 5 x5         = p2 | 5 @ 1050 of #2
    """,
    "a vault stops at its limit, and may always shrink": """
        setVault gold V 10000    = ok
        V deposit 100000         = ok
        oracle 1000              = 1000
        A open long 10 x5        = p2 | 10 @ 1000 of vault
        B open long 1 x5         = CannotFillCompletely 1 0
        oracle 1200              = 1200
        A close p2               = +2000 | 10 @ 1200 of vault
    """,
    "each opening is a position of its own": f"""
        {VAULT}
        oracle 1000              = 1000
        A open long 10 x5        = p2 | 10 @ 1000 of vault
        A open short 4 x2        = p3 | 4 @ 1000 of vault
        p2                       = A long 10 for 10000 standalone x5
        p3                       = A short 4 for 4000 standalone x2
        p1                       = V short 6 for 6000 cross x10
        B close p2               = NotPositionOwner 2 B A
        A close p2               = +0 | 10 @ 1000 of vault
        A close p2               = PositionNotOpen 2
    """,
    "10x from 50 000 is liquidated at 45 500 and not one unit before": f"""
        {VAULT}
        oracle 50000             = 50000
        A open long 1 x10        = p2 | 1 @ 50000 of vault
        p2 worth                 = 50000 +0 liquidated at 45500
        oracle 45501             = 45501
        K liquidate p2           = PositionHealthy 2 45501 45500
        oracle 45500             = 45500
        p2 worth                 = 45500 -4500 liquidated at 45500
        K liquidate p2           = 45500 | 1 for 45500 from p1 | p2 deleveraging 0
        A cash                   = 95500
        V cash                   = 104500
    """,
    "10x short from 50 000 at 54 500": f"""
        {VAULT}
        oracle 50000             = 50000
        A open short 1 x10       = p2 | 1 @ 50000 of vault
        p2 worth                 = 50000 +0 liquidated at 54500
        oracle 54499             = 54499
        K liquidate p2           = PositionHealthy 2 54499 54500
        oracle 54500             = 54500
        K liquidate p2           = 54500 | 1 for 54500 from p1 | p2 deleveraging 0
    """,
    "20x from 100 000, and what does not divide": f"""
        {VAULT}
        oracle 100000            = 100000
        A open long 1 x20        = p2 | 1 @ 100000 of vault
        p2 worth                 = 100000 +0 liquidated at 95500
        B open short 1 x20       = p3 | 1 @ 100000 of vault
        p3 worth                 = 100000 +0 liquidated at 104500
        C open long 1 x50        = p5 | 1 @ 100000 of vault
        p5 worth                 = 100000 +0 liquidated at 98200
        D open short 1 x7        = p6 | 1 @ 100000 of vault
        p6 worth                 = 100000 +0 liquidated at 112850
    """,
}

ORDERS = {
    "a cross position averages, shrinks and flips": f"""
        {LONG_TEN}
        B sell 10 @ 1010 gtc     = #3 new
        A buy 10 @ 1010 gtc      = #4 filled | 10 @ 1010 of #3
        p2                       = A long 20 for 20100 cross x10
        A account = 79900 cash, 99900 equity, 2000 / 200 margin, 97900 free
        C buy 5 @ 1020 gtc       = #5 new
        A sell 5 @ 1020 gtc      = #6 filled | 5 @ 1020 of #5
        p2                       = A long 15 for 15075 cross x10
        A cash                   = 85000
        C buy 25 @ 1000 gtc      = #7 new
        A sell 25 @ 1000 gtc     = #8 filled | 25 @ 1000 of #7
        p2                       = closed
        p4                       = A short 10 for 10000 cross x10
    """,
    "an isolated position takes its margin along and gives it back": """
        oracle 1000              = 1000
        A leverage 5 isolated    = ok
        B sell 10 @ 1000 gtc     = #1 new
        B sell 10 @ 1010 gtc     = #2 new
        A buy 20 @ 1010 gtc      = #3 filled | 10 @ 1000 of #1 | 10 @ 1010 of #2
        p2                       = A long 20 for 20100 isolated x5
        A cash                   = 95980
        p2 margin                = 3920 of 200 asked
        C buy 10 @ 1020 gtc      = #4 new
        A sell 10 @ 1020 gtc     = #5 filled | 10 @ 1020 of #4
        A cash                   = 98140
        p2                       = A long 10 for 10050 isolated x5
        C buy 15 @ 1000 gtc      = #6 new
        A sell 15 @ 1000 gtc     = #7 filled | 15 @ 1000 of #6
        p2                       = closed
        p4                       = A short 5 for 5000 isolated x5
        A cash                   = 99100
    """,
    "margin is added and removed, down to what the leverage asks": """
        oracle 1000              = 1000
        A leverage 5 isolated    = ok
        B sell 10 @ 1000 gtc     = #1 new
        A buy 10 @ 1000 gtc      = #2 filled | 10 @ 1000 of #1
        A remove 1 from p2       = InsufficientMargin 0 1
        A add 500 to p2          = ok
        A cash                   = 97500
        A remove 501 from p2     = InsufficientMargin 500 501
        A leverage 10 isolated   = ok
        A remove 1500 from p2    = ok
        p2 margin                = 1000 of 100 asked
        A leverage 9 isolated    = InsufficientMargin -112 0
        A leverage 5 cross       = PositionIsOpen 2
        B add 1 to p1            = NotIsolated 1
    """,
    "what is taken out leaves a tenth of the notional": f"""
        A leverage 50 cross      = ok
        {LONG_TEN}
        A account = 90000 cash, 100000 equity, 200 / 100 margin, 99000 free
        A withdraw 99001         = InsufficientMargin 99000 99001
        A withdraw 99000         = ok
        A account                = -9000 cash, 1000 equity, 200 / 100 margin, 0 free
        A insure 1               = InsufficientMargin 0 1
    """,
    "who cannot afford an order is refused": """
        oracle 1000              = 1000
        A withdraw 99000         = ok
        B sell 100 @ 1000 gtc    = #1 new
        A buy 12 @ 900 gtc       = InsufficientMargin 1000 1080
        A buy 11 @ 900 gtc       = #2 new
        A buy 11 @ 1000 gtc      = InsufficientMargin -100 0
        A buy 10 @ 1000 gtc      = #3 filled | 10 @ 1000 of #1
        A buy 1 @ 900 gtc        = InsufficientMargin 0 90
        A sell 10 @ 1100 gtc     = #4 new
        A sell 11 @ 1100 gtc     = InsufficientMargin 0 110
    """,
    "a maker who cannot afford the fill any more is passed over": """
        oracle 1000              = 1000
        B sell 1000 @ 1000 gtc   = #1 new
        D sell 10 @ 1000 gtc     = #2 new
        B withdraw 1             = ok
        A buy 1000 @ 1000 gtc    = #3 partially_filled | 10 @ 1000 of #2
        order #1                 = cancelled 0/1000 insufficient_margin
        bids                     = 990 @ 1000
    """,
    "a reduce-only maker fills no more than there is to reduce": f"""
        {LONG_TEN}
        A sell 11 @ 1100 gtc reduce  = WouldNotReduce 10 11
        A buy 1 @ 900 gtc reduce     = WouldNotReduce 10 1
        A sell 6 @ 1100 gtc reduce   = #3 new
        A sell 6 @ 1110 gtc reduce   = #4 new
        C buy 20 @ 1110 gtc      = #5 partially_filled | 6 @ 1100 of #3 | 4 @ 1110 of #4
        order #4                 = cancelled 4/6 reduce_only
        p2                       = closed
        asks                     =
        bids                     = 10 @ 1110
    """,
    "a reduce-only maker with nothing left to reduce is cancelled": f"""
        {LONG_TEN}
        A sell 10 @ 1100 gtc reduce  = #3 new
        C buy 10 @ 990 gtc       = #4 new
        A sell 10 @ 990 ioc reduce   = #5 filled | 10 @ 990 of #4
        C buy 5 @ 1100 gtc       = #6 new
        order #3                 = cancelled 0/10 reduce_only
    """,
    "margin tiers: 40x to 150 million, then 20x": """
        setTiers gold 0:40,150000000:20 = ok
        A deposit 1000000000     = ok
        B deposit 1000000000     = ok
        A leverage 40 cross      = ok
        oracle 1000              = 1000
        B sell 400000 @ 1000 gtc = #1 new
        A open long 200000 x40   = InvalidLeverage 40 32
        A open long 200000 x32   = p2 | 200000 @ 1000 of #1
        A cash                   = 993850000
        A buy 200000 @ 1000 gtc  = #3 filled | 200000 @ 1000 of #1
        A account = 793850000 cash, 993850000 equity, 6250000 / 3125000 margin, 973850000 free
    """,
    "fees are rounded up, each side's own": f"""
        setFees gold 15 45 0 R   = ok
        {LONG_TEN}
        B cash                   = 109998
        A cash                   = 89995
        R cash                   = 7
    """,
    "limits of a market": """
        setLimits gold 100 1000 10000 = ok
        oracle 1000              = 1000
        B sell 101 @ 1000 gtc    = #1 new
        A buy 101 @ 1000 gtc     = OpenInterestTooLarge 101 100
        A buy 1 @ 999 gtc        = BelowMinimumNotional 999 1000
        A buy 10 @ 1101 gtc      = PriceOutOfBand 1101 900 1100
        A buy 10 @ 899 gtc       = PriceOutOfBand 899 900 1100
        A buy 100 @ 1100 gtc     = #2 filled | 100 @ 1000 of #1
    """,
    "fill or kill, add liquidity only, immediate or cancel": """
        oracle 1000              = 1000
        B sell 10 @ 1000 gtc     = #1 new
        A buy 11 @ 1000 fok      = CannotFillCompletely 11 10
        A buy 1 @ 1000 alo       = WouldTakeLiquidity 1000 1000
        A buy 11 @ 1000 ioc      = #2 expired | 10 @ 1000 of #1
        order #2                 = expired 10/11 ioc_remainder
        B cancel #1              = OrderNotActive 1 3
    """,
    "an order that meets its owner's ends it": """
        oracle 1000              = 1000
        A sell 10 @ 1000 gtc     = #1 new
        A buy 4 @ 1000 gtc       = #2 new
        order #1                 = expired 0/10 self_trade
    """,
}

OWN_BID_FIRST = """
    oracle 1000                  = 1000
    A buy 10 @ 1000 gtc          = #1 new
    C buy 10 @ 1000 gtc          = #2 new
"""
PREVENTED = {
    "expire taker": f"""
        setSelfTradePrevention gold 1 = ok
        {OWN_BID_FIRST}
        A sell 30 @ 1000 gtc     = #3 expired
        order #1                 = new 0/10
        bids                     = 20 @ 1000
    """,
    "expire both": f"""
        setSelfTradePrevention gold 2 = ok
        {OWN_BID_FIRST}
        A sell 30 @ 1000 gtc     = #3 expired
        order #1                 = expired 0/10 self_trade
        bids                     = 10 @ 1000
    """,
    "decrement": f"""
        setSelfTradePrevention gold 3 = ok
        {OWN_BID_FIRST}
        A sell 30 @ 1000 gtc     = #3 partially_filled | 10 @ 1000 of #2
        order #1                 = expired 0/10 self_trade
        order #3                 = partially_filled 10/20
        A sell 30 @ 1000 fok     = CannotFillCompletely 30 0
    """,
    "none": f"""
        setSelfTradePrevention gold 4 = ok
        {OWN_BID_FIRST}
        A sell 30 @ 1000 gtc     = #3 partially_filled | 10 @ 1000 of #1 | 10 @ 1000 of #2
        p1                       = closed
        p3                       = A short 10 for 10000 cross x10
    """,
}


@pytest.mark.parametrize("reopens", [False, True], ids=["running", "reopened"])
@pytest.mark.parametrize("name", [*SEED, *ORDERS, *PREVENTED])
def test_scenario(name: str, *, reopens: bool) -> None:
    """Also where the exchange starts from storage before every line."""
    world = exchange()
    play(world, (SEED | ORDERS | PREVENTED)[name], reopens=reopens)
    assert check(world.ledger) == []
