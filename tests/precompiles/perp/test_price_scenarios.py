"""Mark price, funding, staleness and triggers, one readable scenario for each rule."""

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
CROSS_EIGHT_HUNDRED = """
    oracle 1000                  = 1000
    B sell 800 @ 1000 gtc        = #1 new
    A buy 800 @ 1000 gtc         = #2 filled | 800 @ 1000 of #1
"""
CLOSED_AT_1000 = """
    oracle 1000                  = 1000
    B buy 800 @ 1000 gtc reduce  = #3 new
    A sell 800 @ 1000 gtc reduce = #4 filled | 800 @ 1000 of #3
"""

TIME = {
    "without a book the mark is the oracle's, with one it is a median": """
        oracle 1000              = 1000
        C buy 10 @ 1002 gtc      = #1 new
        wait 1
        mark                     = 1000
        D sell 10 @ 1008 gtc     = #2 new
        wait 1
        mark                     = 1000
        wait 20
        mark                     = 1002
        oracle 1000 external 1025 = 1005
        C cancel #1              = ok
        wait 1
        mark                     = 1000
    """,
    "a bent book moves the mark slowly, and by no more than the least maintenance rate, 1 %": """
        oracle 1000              = 1000
        C buy 10 @ 1100 gtc      = #1 new
        D sell 10 @ 1200 gtc     = #2 new
        wait 1
        mark                     = 1004
        wait 20
        mark                     = 1010
    """,
    "downward too": """
        oracle 1000              = 1000
        C buy 10 @ 800 gtc       = #1 new
        D sell 10 @ 900 gtc      = #2 new
        wait 1
        mark                     = 995
        wait 20
        mark                     = 990
    """,
    "funding for one hour: 0.00125 % when the book says nothing": f"""
        {CROSS_EIGHT_HUNDRED}
        wait 796
        funding                  = rate 0, index 0, sum 0 of 159
        wait 1
        funding = rate 12500000, index 12500000000000000, sum 0 of 0
        A account = -700000 cash, 99990 equity, 80000 / 8000 margin, 19990 free
        {CLOSED_AT_1000}
        A cash                   = 99990
        B cash                   = 100010
    """,
    "funding for hours that nobody looked at": f"""
        {CROSS_EIGHT_HUNDRED}
        wait 11597
        funding = rate 12500000, index 50000000000000000, sum 0 of 0
        {CLOSED_AT_1000}
        A cash                   = 99960
        B cash                   = 100040
    """,
    "funding follows the premium of the impact prices": f"""
        setFunding gold 10000    = ok
        setRisk gold 3600 5000 0 30  = ok
        {CROSS_EIGHT_HUNDRED}
        C buy 10 @ 1010 gtc      = #3 new
        D sell 10 @ 1030 gtc     = #4 new
        wait 97
        funding                  = rate 0, index 0, sum 200000000000 of 20
        wait 700
        funding = rate 1187500000, index 1187500000000000000, sum 0 of 0
        C cancel #3              = ok
        oracle 1000              = 1000
        B buy 800 @ 1000 gtc reduce  = #5 new
        A sell 800 @ 1000 gtc reduce = #6 filled | 800 @ 1000 of #5
        A cash                   = 99050
        B cash                   = 100950
    """,
    "a book that is compared with a stale price says nothing": """
        setFunding gold 10000    = ok
        oracle 1000              = 1000
        C buy 10 @ 1010 gtc      = #1 new
        wait 60
        funding                  = rate 0, index 0, sum 120000000000 of 12
        wait 37
        funding                  = rate 0, index 0, sum 120000000000 of 20
    """,
    "a side that cannot fill the impact notional says nothing": """
        setFunding gold 10000    = ok
        oracle 1000              = 1000
        C buy 9 @ 1010 gtc       = #1 new
        wait 97
        funding                  = rate 0, index 0, sum 0 of 20
    """,
    "what payers round up goes to the insurance when all is closed": """
        oracle 1000              = 1000
        B sell 10 @ 1000 gtc     = #1 new
        A buy 10 @ 1000 gtc      = #2 filled | 10 @ 1000 of #1
        wait 797
        oracle 1000              = 1000
        B buy 10 @ 1000 gtc      = #3 new
        A sell 10 @ 1000 gtc     = #4 filled | 10 @ 1000 of #3
        A cash                   = 99999
        B cash                   = 100000
        insurance                = 1 - 0
    """,
    "with a stale price one may only reduce": f"""
        {ISOLATED_HUNDRED}
        C sell 10 @ 1100 gtc     = #3 new
        A open long 5 x5         = CannotFillCompletely 5 0
        wait 60
        B buy 10 @ 990 gtc       = #4 new
        wait 1
        B buy 10 @ 980 gtc       = StalePrice gold 1000003 60
        C open short 10 x5       = StalePrice gold 1000003 60
        K liquidate p2           = StalePrice gold 1000003 60
        B withdraw 1             = StalePrice gold 1000003 60
        A remove 1 from p2       = StalePrice gold 1000003 60
        C withdraw 100000        = ok
        C cancel #3              = ok
        A sell 6 @ 990 gtc reduce = #5 filled | 6 @ 990 of #4
        B buy 94 @ 990 gtc reduce = #6 new
        A close p2               = -940 | 4 @ 990 of #4 | 90 @ 990 of #6
    """,
    "nothing trades before the first price": """
        A buy 10 @ 1000 gtc      = NoOraclePrice gold
        A open long 10 x5        = NoOraclePrice gold
        A stop buy 10 @ 1000     = NoOraclePrice gold
        A withdraw 100000        = ok
    """,
}

TRIGGERS = {
    "a stop buys once the mark is at its price or above": """
        oracle 1000              = 1000
        A stop buy 5 @ 1000      = InvalidTrigger 1000 1000
        A stop buy 5 @ 1010      = #1 untriggered
        B sell 5 @ 1011 gtc      = #2 new
        oracle 1009              = 1009
        keep 10                  = 0
        oracle 1010              = 1010
        keep 10                  = 1 | #1 fired | 5 @ 1011 of #2
        order #1                 = filled 5/5
    """,
    "a stop sells once the mark is at its price or below": """
        oracle 1000              = 1000
        A stop sell 5 @ 1000     = InvalidTrigger 1000 1000
        A stop sell 5 @ 990      = #1 untriggered
        B buy 5 @ 989 gtc        = #2 new
        oracle 991               = 991
        keep 10                  = 0
        oracle 990               = 990
        keep 10                  = 1 | #1 fired | 5 @ 989 of #2
    """,
    "a take-profit sells once the mark is at its price or above": """
        oracle 1000              = 1000
        A profit sell 5 @ 1000   = InvalidTrigger 1000 1000
        A profit sell 5 @ 1010   = #1 untriggered
        B buy 5 @ 1005 gtc       = #2 new
        oracle 1009              = 1009
        keep 10                  = 0
        oracle 1010              = 1010
        keep 10                  = 1 | #1 fired | 5 @ 1005 of #2
    """,
    "a take-profit buys once the mark is at its price or below": """
        oracle 1000              = 1000
        A profit buy 5 @ 1000    = InvalidTrigger 1000 1000
        A profit buy 5 @ 990     = #1 untriggered
        B sell 5 @ 995 gtc       = #2 new
        oracle 991               = 991
        keep 10                  = 0
        oracle 990               = 990
        keep 10                  = 1 | #1 fired | 5 @ 995 of #2
    """,
    "a stop that may only reduce is cut to the position": f"""
        {ISOLATED_HUNDRED}
        A stop sell 150 @ 990 reduce = #3 untriggered
        C buy 200 @ 980 gtc      = #4 new
        oracle 990               = 990
        keep 10                  = 1 | #3 fired | 100 @ 980 of #4
        order #3                 = filled 100/100
        p2                       = closed
    """,
    "a fired trigger with a limit rests, one without expires": """
        oracle 1000              = 1000
        A stop buy 5 @ 1010 limit 1012 = #1 untriggered
        A stop buy 5 @ 1010      = #2 untriggered
        oracle 1010              = 1010
        keep 1                   = 1 | #1 fired
        keep 10                  = 1 | #2 fired
        order #1                 = new 0/5
        order #2                 = expired 0/5 ioc_remainder
        bids                     = 5 @ 1012
    """,
    "a fired trigger that is refused ends, and so does one with nothing to reduce": """
        oracle 1000              = 1000
        A stop buy 5 @ 1010 limit 1012 = #1 untriggered
        A stop sell 5 @ 990 reduce     = #2 untriggered
        A withdraw 100000        = ok
        oracle 1010              = 1010
        keep 10                  = 1 | #1 fired
        order #1                 = rejected 0/5
        oracle 990               = 990
        keep 10                  = 1 | #2 fired
        order #2                 = cancelled 0/5 reduce_only
    """,
    "a waiting trigger can be cancelled": """
        oracle 1000              = 1000
        A stop buy 5 @ 1010      = #1 untriggered
        A cancel #1              = ok
        order #1                 = cancelled 0/5 user_cancelled
        oracle 1010              = 1010
        keep 10                  = 0
    """,
}


@pytest.mark.parametrize("reopens", [False, True], ids=["running", "reopened"])
@pytest.mark.parametrize("name", [*TIME, *TRIGGERS])
def test_scenario(name: str, *, reopens: bool) -> None:
    """Also where the exchange starts from storage before every line."""
    world = exchange()
    play(world, (TIME | TRIGGERS)[name], reopens=reopens)
    assert check(world.ledger) == []
