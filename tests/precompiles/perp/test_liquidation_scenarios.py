"""Liquidations: the book, the backstop, insurance and deleveraging, a scenario for each rule."""

from __future__ import annotations

import pytest

from precompiles.ledger.checks import check
from tests.precompiles.perp.scenarios import exchange, play

ISOLATED_HUNDRED = """
    oracle 1000                  = 1000
    A leverage 10 isolated       = ok
    B sell 100 @ 1000 gtc        = #1 new
    A buy 100 @ 1000 gtc         = #2 filled | 100 @ 1000 of #1
"""
"""Position 2 is Alice's, with 10 000 of margin; position 1 is Bob's."""

LIQUIDATIONS = {
    "at exactly its maintenance margin a position is safe": """
        oracle 1100              = 1100
        A leverage 10 isolated   = ok
        B sell 100 @ 1100 gtc    = #1 new
        A buy 100 @ 1100 gtc     = #2 filled | 100 @ 1100 of #1
        p2 worth                 = 110000 +0 liquidated at 1000
        oracle 1000              = 1000
        p2 margin                = 1000 of 1000 asked
        K liquidate p2           = NotLiquidatable 2 1000 1000
        keep 10                  = 0
        oracle 999               = 999
        p2 margin                = 900 of 999 asked, in danger
    """,
    "the book gets the position first, in two steps where it is large": f"""
        setRisk gold 60 5000 5000 30 = ok
        {ISOLATED_HUNDRED}
        oracle 909               = 909
        C buy 100 @ 905 gtc      = #3 new
        K liquidate p2           = 905 | 20 @ 905 of #3 | p2 book 720
        p2                       = A long 80 for 80000 isolated x10
        p2 margin                = 720 of 728 asked, in danger
        A cash                   = 90100
        K liquidate p2           = LiquidationCoolingDown 2 1000033
        keep 10                  = 0
        wait 29
        K liquidate p2           = LiquidationCoolingDown 2 1000033
        wait 1
        keep 10                  = 1 | 80 @ 905 of #3 | p2 book 0
        p2                       = liquidated
        A cash                   = 90500
    """,
    "what the book cannot take at a price that leaves no debt stays": f"""
        {ISOLATED_HUNDRED}
        oracle 909               = 909
        C buy 30 @ 905 gtc       = #3 new
        D buy 100 @ 900 gtc      = #4 new
        K liquidate p2           = 905 | 30 @ 905 of #3 | p2 book 630
        p2                       = A long 70 for 70000 isolated x10
    """,
    "a liquidation on the book pays its fee to the insurance": f"""
        setFees gold 0 0 100 R   = ok
        {ISOLATED_HUNDRED}
        oracle 909               = 909
        C buy 100 @ 905 gtc      = #3 new
        K liquidate p2           = 905 | 100 @ 905 of #3 | p2 book 0
        insurance                = 91 - 0
        A cash                   = 90409
    """,
    "below two thirds of the maintenance margin the backstop takes over": f"""
        setBackstop Z            = ok
        Z deposit 100000         = ok
        {ISOLATED_HUNDRED}
        oracle 906               = 906
        p2 margin                = 600 of 906 asked, in danger
        K liquidate p2           = 906 | p2 backstop 0
        p2                       = liquidated
        p3                       = Z long 100 for 90600 cross x10
        Z cash                   = 10000
        A cash                   = 90000
    """,
    "at exactly two thirds the book still has its chance, below it no more": """
        setBackstop Z            = ok
        Z deposit 100000         = ok
        oracle 1490              = 1490
        A leverage 10 isolated   = ok
        D leverage 10 isolated   = ok
        B sell 200 @ 1490 gtc    = #1 new
        A buy 100 @ 1490 gtc     = #2 filled | 100 @ 1490 of #1
        D buy 100 @ 1490 gtc     = #3 filled | 100 @ 1490 of #1
        C buy 200 @ 1345 gtc     = #4 new
        oracle 1350              = 1350
        p2 margin                = 900 of 1350 asked, in danger
        K liquidate p2           = 1345 | 100 @ 1345 of #4 | p2 book 0
        oracle 1349              = 1349
        p3 margin                = 800 of 1349 asked, in danger
        K liquidate p3           = 1349 | p3 backstop 0
    """,
    "a whole cross account goes to the backstop": """
        setBackstop Z            = ok
        Z deposit 100000         = ok
        oracle 1000              = 1000
        oracle silver 100        = 100
        A withdraw 80000         = ok
        B sell 100 @ 1000 gtc    = #1 new
        B buy 100 silver @ 100 gtc   = #2 new
        A buy 100 @ 1000 gtc     = #3 filled | 100 @ 1000 of #1
        A sell 100 silver @ 100 gtc  = #4 filled | 100 @ 100 of #2
        A account                = -70000 cash, 20000 equity, 11000 / 1100 margin, 9000 free
        oracle 805               = 805
        p2 margin                = 500 of 905 asked, in danger
        p4 margin                = 500 of 905 asked, in danger
        K liquidate p4           = 100 | p2 backstop 0 | p4 backstop 0
        A account                = 0 cash, 0 equity, 0 / 0 margin, 0 free
        Z account                = 30000 cash, 100500 equity, 9050 / 905 margin, 91450 free
    """,
    "insurance makes up for what a bankrupt lacks, before the backstop": f"""
        setBackstop Z            = ok
        Z deposit 100000         = ok
        C insure 2000            = ok
        {ISOLATED_HUNDRED}
        oracle 895               = 895
        p2 margin                = -500 of 895 asked, in danger
        K liquidate p2           = 895 | p2 backstop 0
        insurance                = 1500 - 0
        Z account = 10500 cash, 100000 equity, 8950 / 895 margin, 91050 free
        A cash                   = 90000
    """,
    "when the insurance is not enough, whoever gains pays the rest": f"""
        setBackstop Z            = ok
        Z deposit 100000         = ok
        C insure 300             = ok
        {ISOLATED_HUNDRED}
        oracle 895               = 895
        K liquidate p2           = 895 | 100 for 89700 from p1 | p2 deleveraging 0
        insurance                = 0 - 0
        B cash                   = 110300
        A cash                   = 90000
        Z cash                   = 100000
    """,
    "deleveraging takes the highest profit and leverage first": """
        oracle 1000              = 1000
        A leverage 10 isolated   = ok
        B leverage 10 isolated   = ok
        C sell 50 @ 1000 gtc     = #1 new
        B sell 50 @ 1000 gtc     = #2 new
        A buy 60 @ 1000 gtc      = #3 filled | 50 @ 1000 of #1 | 10 @ 1000 of #2
        D buy 40 @ 1000 gtc      = #4 filled | 40 @ 1000 of #2
        p1                       = C short 50 for 50000 cross x10
        p3                       = B short 50 for 50000 isolated x10
        oracle 895               = 895
        K liquidate p2 = 895 | 50 for 45000 from p3 | 10 for 9000 from p1 | p2 deleveraging 0
        p3                       = closed
        p1                       = C short 40 for 40000 cross x10
        B cash                   = 105000
    """,
    "what nobody can bear is a deficit, which insurance pays off first": f"""
        {ISOLATED_HUNDRED}
        oracle silver 100        = 100
        V deposit 1000           = ok
        D sell 1 silver @ 100 gtc = #3 new
        V buy 1 silver @ 100 gtc = #4 filled | 1 @ 100 of #3
        oracle 850               = 850
        C leverage 50 isolated   = ok
        C sell 100 @ 850 gtc     = #5 new
        B buy 100 @ 850 gtc      = #6 filled | 100 @ 850 of #5
        p5                       = C short 100 for 85000 isolated x50
        K liquidate p2           = 850 | 100 for 86698 from p5 | p2 deleveraging 0
        insurance                = 0 - 3302
        C cash                   = 98302
        A cash                   = 90000
        B insure 4000            = ok
        insurance                = 698 - 0
    """,
    "triggers come before liquidations, and may save a position": f"""
        {ISOLATED_HUNDRED}
        A stop sell 100 @ 909 reduce = #3 untriggered
        C buy 100 @ 905 gtc      = #4 new
        oracle 909               = 909
        p2 margin                = 900 of 909 asked, in danger
        keep 10                  = 1 | #3 fired | 100 @ 905 of #4
        p2                       = closed
        A cash                   = 90500
    """,
}


@pytest.mark.parametrize("reopens", [False, True], ids=["running", "reopened"])
@pytest.mark.parametrize("name", LIQUIDATIONS)
def test_scenario(name: str, *, reopens: bool) -> None:
    """Also where the exchange starts from storage before every line."""
    world = exchange()
    play(world, LIQUIDATIONS[name], reopens=reopens)
    assert check(world.ledger) == []
