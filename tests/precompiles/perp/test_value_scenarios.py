"""Value lands where it belongs: who bears a loss, at which prices, and who is paid in the end."""

from __future__ import annotations

import pytest

from precompiles.ledger.checks import check
from tests.precompiles.perp.scenarios import exchange, play
from tests.precompiles.perp.world import ALICE, CAROL, GOLD, OWNER, TRADERS, VAULT

LONG_HUNDRED = """
    setTiers gold 0:10           = ok
    C deposit 9000               = ok
    oracle 100                   = 100
    B sell 100 @ 100 gtc         = #1 new
    A buy 100 @ 100 gtc          = #2 filled | 100 @ 100 of #1
"""
"""Alice long, Bob short, each with 1,000 of margin; Carol only has 10,000 there."""
LONG_IN_TWO = """
    setTiers gold 0:10           = ok
    setTiers silver 0:10         = ok
    A deposit 1000               = ok
    oracle 100                   = 100
    oracle silver 100            = 100
    B sell 100 @ 100 gtc         = #1 new
    C sell 100 silver @ 100 gtc  = #2 new
    A buy 100 @ 100 gtc          = #3 filled | 100 @ 100 of #1
    A buy 100 silver @ 100 gtc   = #4 filled | 100 @ 100 of #2
"""

LOSSES = {
    "a winner bears a loss from what it won, not from what others deposited": f"""
        {LONG_HUNDRED}
        oracle 30                = 30
        K liquidate p2           = 30 | 100 for 9000 from p1 | p2 deleveraging 0
        A cash                   = 0
        B cash                   = 2000
        insurance                = 0 - 0
        B withdraw 2000          = ok
        C withdraw 10000         = ok
        D withdraw 1000          = ok
    """,
    "however far the price has fallen": f"""
        {LONG_HUNDRED}
        oracle 10                = 10
        K liquidate p2           = 10 | 100 for 9000 from p1 | p2 deleveraging 0
        B withdraw 2000          = ok
        C withdraw 10000         = ok
    """,
    "or risen": f"""
        {LONG_HUNDRED}
        oracle 250               = 250
        K liquidate p1           = 250 | 100 for 11000 from p2 | p1 deleveraging 0
        A cash                   = 2000
        B cash                   = 0
        insurance                = 0 - 0
        A withdraw 2000          = ok
        C withdraw 10000         = ok
    """,
    "who gained from the loss bears it, before who gained nothing": f"""
        {LONG_IN_TWO}
        oracle 40                = 40
        A account                = -18000 cash, -4000 equity, 1400 / 700 margin, 0 free
        K liquidate p2 = 40 | 100 for 8000 from p1 | 100 for 10000 from p3 | p2 deleveraging 0"""
    """ | p4 deleveraging 0
        B cash                   = 3000
        C cash                   = 1000
        A cash                   = 0
    """,
    "also where the account is short in the market that stands still": """
        setTiers gold 0:10       = ok
        A deposit 1000           = ok
        oracle 100               = 100
        oracle silver 100        = 100
        B sell 100 @ 100 gtc     = #1 new
        C buy 20 silver @ 100 gtc = #2 new
        A buy 100 @ 100 gtc      = #3 filled | 100 @ 100 of #1
        A sell 20 silver @ 100 gtc = #4 filled | 20 @ 100 of #2
        oracle 40                = 40
        K liquidate p2 = 40 | 100 for 8000 from p1 | 20 for 2000 from p3 | p2 deleveraging 0"""
    """ | p4 deleveraging 0
        B cash                   = 3000
        C cash                   = 1000
    """,
    "profit that is not closed bears the loss before the margin of who is closed": """
        setTiers gold 0:50       = ok
        B deposit 1000           = ok
        oracle 100               = 100
        A leverage 10 isolated   = ok
        B sell 200 @ 100 gtc     = #1 new
        A buy 100 @ 100 gtc      = #2 filled | 100 @ 100 of #1
        C buy 100 @ 100 gtc      = #3 filled | 100 @ 100 of #1
        C deposit 9000           = ok
        oracle 80                = 80
        D leverage 50 cross      = ok
        C buy 100 @ 80 gtc       = #4 new
        D sell 100 @ 80 gtc      = #5 filled | 100 @ 80 of #4
        K liquidate p2 = 80 | p1 gives 1000 | 100 for 8000 from p4 | p2 deleveraging 0
        D cash                   = 1000
        insurance                = 0 - 0
    """,
    "a part that closes keeps what it gained for the parts that do not": """
        oracle 100               = 100
        A leverage 10 isolated   = ok
        B sell 50 @ 100 gtc      = #1 new
        A buy 50 @ 100 gtc       = #2 filled | 50 @ 100 of #1
        oracle 50                = 50
        C buy 50 @ 50 gtc        = #3 new
        B buy 50 @ 50 gtc        = #4 new
        D sell 50 @ 50 gtc       = #5 filled | 50 @ 50 of #3
        p2                       = A long 50 for 5000 isolated x10
    """,
    "who is long against a bankrupt short pays beyond a price of 0 where the rest cannot": """
        setTiers gold 0:10       = ok
        A deposit 1000           = ok
        C deposit 8000           = ok
        oracle 100               = 100
        oracle silver 100        = 100
        B sell 100 @ 100 gtc     = #1 new
        C buy 5 silver @ 100 gtc = #2 new
        A buy 100 @ 100 gtc      = #3 filled | 100 @ 100 of #1
        A sell 5 silver @ 100 gtc = #4 filled | 5 @ 100 of #2
        oracle 40                = 40
        D leverage 10 isolated   = ok
        B buy 100 @ 40 gtc       = #5 new
        D sell 100 @ 40 gtc      = #6 filled | 100 @ 40 of #5
        B withdraw 7000          = ok
        K liquidate p2 = 40 | 100 for 4169 from p5 | p3 gives 3331 | 5 for 0 from p3"""
    """ | p2 deleveraging 0 | p4 deleveraging 0
        insurance                = 0 - 0
    """,
    "what the other side has nothing for is a deficit, and those who can't owe are paid": f"""
        {LONG_HUNDRED}
        oracle silver 100        = 100
        V deposit 1000           = ok
        C sell 1 silver @ 100 gtc = #3 new
        V buy 1 silver @ 100 gtc = #4 filled | 1 @ 100 of #3
        oracle 30                = 30
        D leverage 10 isolated   = ok
        B buy 100 @ 30 gtc       = #5 new
        D sell 100 @ 30 gtc      = #6 filled | 100 @ 30 of #5
        K liquidate p2           = 30 | 100 for 3298 from p5 | p2 deleveraging 0
        insurance                = 0 - 5702
        D cash                   = 702
        B withdraw 8000          = ok
        C account                = 10100 cash, 10000 equity, 10 / 1 margin, 5298 free
        C withdraw 5299          = InsufficientCollateral 5298 5299
        V sell 1 silver @ 100 gtc = #7 new
        C buy 1 silver @ 100 gtc = InsufficientCollateral 6000 11702
        D withdraw 702           = ok
        V insure 900             = ok
        D deposit 4802           = ok
        D insure 4802            = ok
        C buy 1 silver @ 100 gtc = #8 filled | 1 @ 100 of #7
        C withdraw 10000         = ok
        V withdraw 100           = ok
    """,
}

BACKING = {
    "profit waits while the loss that pays for it does, deposits never do": f"""
        {LONG_HUNDRED}
        oracle 30                = 30
        B account                = 11000 cash, 8000 equity, 300 / 150 margin, 2000 free
        B withdraw 2001          = InsufficientCollateral 2000 2001
        B buy 100 @ 30 gtc       = #3 new
        D sell 100 @ 30 gtc      = #4 new
        order #3                 = cancelled 0/100 insufficient_margin
        B buy 100 @ 30 gtc       = InsufficientCollateral 13000 18000
        B close p1               = InsufficientCollateral 13000 18000
        C withdraw 10000         = ok
        K liquidate p2           = 30 | 100 for 9000 from p1 | p2 deleveraging 0
        B withdraw 2000          = ok
    """,
    "nor does the profit of an isolated position get to an account without others": """
        setTiers gold 0:10       = ok
        oracle 100               = 100
        B leverage 10 isolated   = ok
        B sell 100 @ 100 gtc     = #1 new
        A buy 100 @ 100 gtc      = #2 filled | 100 @ 100 of #1
        oracle 30                = 30
        A account                = -9000 cash, -6000 equity, 300 / 150 margin, 0 free
        B remove 2001 from p1    = InsufficientCollateral 2000 2001
        B remove 2000 from p1    = ok
        D withdraw 1000          = ok
        B withdraw 2000          = ok
        K liquidate p2           = 30 | 100 for 8998 from p1 | p2 deleveraging 0
        insurance                = 0 - 0
    """,
    "who is closed while others' losses still wait leaves what nobody has for those": """
        setTiers gold 0:10       = ok
        setTiers silver 0:10     = ok
        V deposit 1000           = ok
        Z deposit 3140           = ok
        oracle 100               = 100
        oracle silver 100        = 100
        B sell 100 @ 100 gtc     = #1 new
        A buy 100 @ 100 gtc      = #2 filled | 100 @ 100 of #1
        D deposit 20             = ok
        D sell 100 silver @ 100 gtc = #3 new
        C buy 100 silver @ 100 gtc = #4 filled | 100 @ 100 of #3
        D sell 2 silver @ 100 gtc = #5 new
        Z buy 1 silver @ 100 gtc = #6 filled | 1 @ 100 of #5
        V buy 1 silver @ 100 gtc = #7 filled | 1 @ 100 of #5
        oracle 30                = 30
        oracle silver 30         = 30
        D buy 102 silver @ 30 gtc = #8 new
        V sell 102 silver @ 30 gtc = #9 filled | 102 @ 30 of #8
        D cash                   = 8160
        K liquidate p2           = 30 | 100 for 9000 from p1 | p2 deleveraging 0
        B cash                   = 0
        insurance                = 2000 - 0
        D withdraw 8160          = ok
        K liquidate p4           = 30 | 100 for 3928 from p7 | p4 deleveraging 0
        insurance                = 0 - 3072
    """,
}

ORDERS = {
    "orders of a liquidated account end with a reason": """
        D deposit 9000           = ok
        oracle 100               = 100
        oracle silver 100        = 100
        B sell 100 @ 100 gtc     = #1 new
        A buy 100 @ 100 gtc      = #2 filled | 100 @ 100 of #1
        D buy 1 @ 90 gtc         = #3 new
        A sell 10 @ 120 gtc reduce = #4 new
        A stop sell 50 @ 80 reduce = #5 untriggered
        oracle 90                = 90
        K liquidate p2           = 90 | 100 for 9000 from p1 | p2 deleveraging 0
        order #3                 = new 0/1
        order #4                 = cancelled 0/10 liquidated
        order #5                 = cancelled 0/50 liquidated
        asks                     =
    """,
    "those of its market with an isolated position, none with a standalone one": """
        D deposit 9000           = ok
        A deposit 9000           = ok
        oracle 100               = 100
        A leverage 50 isolated   = ok
        B sell 50 @ 100 gtc      = #1 new
        A buy 50 @ 100 gtc       = #2 filled | 50 @ 100 of #1
        D sell 1 @ 100 gtc       = #3 new
        A open long 1 x50        = p4 | 1 @ 100 of #3
        A stop sell 50 @ 80 reduce = #5 untriggered
        oracle 98                = 98
        K liquidate p4           = 98 | 1 for 98 from p1 | p4 deleveraging 0
        order #5                 = untriggered 0/50
        K liquidate p2           = 98 | 49 for 4802 from p1 | 1 for 98 from p3 | p2 deleveraging 0
        order #5                 = cancelled 0/50 liquidated
    """,
}

STALE = {
    "dust at a stale price shields nobody from being liquidated at a fresh one": """
        oracle 1000              = 1000
        oracle silver 10         = 10
        A leverage 50 cross      = ok
        B leverage 50 cross      = ok
        B sell 49 @ 1000 gtc     = #1 new
        C sell 1 silver @ 10 gtc = #2 new
        A buy 49 @ 1000 gtc      = #3 filled | 49 @ 1000 of #1
        A buy 1 silver @ 10 gtc  = #4 filled | 1 @ 10 of #2
        D deposit 9000           = ok
        D buy 49 @ 985 gtc       = #5 new
        wait 61
        oracle 1000              = 1000
        K liquidate p2           = NotLiquidatable 2 1000 491
        K liquidate p4           = StalePrice silver 1000003 60
        oracle 988               = 988
        keep 10                  = 1 | 49 @ 985 of #5 | p2 book 265
        p2                       = liquidated
        p4                       = A long 1 for 10 cross x10
    """,
    "nor at -20 %": """
        oracle 1000              = 1000
        oracle silver 10         = 10
        A leverage 50 cross      = ok
        B leverage 50 cross      = ok
        B sell 49 @ 1000 gtc     = #1 new
        C sell 1 silver @ 10 gtc = #2 new
        A buy 49 @ 1000 gtc      = #3 filled | 49 @ 1000 of #1
        A buy 1 silver @ 10 gtc  = #4 filled | 1 @ 10 of #2
        wait 61
        oracle 800               = 800
        K liquidate p2           = 800 | 49 for 48000 from p1 | p2 deleveraging 0
        A account                = -10 cash, 0 equity, 1 / 1 margin, 0 free
    """,
    "the backstop takes what has a fresh price, and leaves the rest its share": """
        setBackstop Z            = ok
        Z deposit 100000         = ok
        A deposit 1000           = ok
        oracle 1000              = 1000
        oracle silver 100        = 100
        A leverage 50 cross      = ok
        A leverage 50 cross silver = ok
        B leverage 50 cross      = ok
        B sell 50 @ 1000 gtc     = #1 new
        C sell 100 silver @ 100 gtc = #2 new
        A buy 50 @ 1000 gtc      = #3 filled | 50 @ 1000 of #1
        A buy 100 silver @ 100 gtc = #4 filled | 100 @ 100 of #2
        wait 61
        oracle 965               = 965
        A account                = -58000 cash, 250 equity, 1165 / 583 margin, 0 free
        K liquidate p2           = 965 | p2 backstop 43
        A account                = -9957 cash, 43 equity, 200 / 100 margin, 0 free
    """,
    "a loss at a price that has gone stale since is not missed": """
        oracle 1000              = 1000
        oracle silver 100        = 100
        A leverage 50 cross      = ok
        B sell 10 @ 1000 gtc     = #1 new
        C buy 50 silver @ 100 gtc = #2 new
        A buy 10 @ 1000 gtc      = #3 filled | 10 @ 1000 of #1
        A sell 50 silver @ 100 gtc = #4 filled | 50 @ 100 of #2
        keep 10                  = 0
        oracle silver 118        = 118
        wait 61
        oracle 1000              = 1000
        keep 10                  = 1 | 10 for 10000 from p1 | p2 deleveraging 100
    """,
    "a gain at a stale price is none, a loss is one": """
        oracle 1000              = 1000
        oracle silver 100        = 100
        B sell 10 @ 1000 gtc     = #1 new
        C buy 10 silver @ 100 gtc = #2 new
        A leverage 50 cross      = ok
        A buy 10 @ 1000 gtc      = #3 filled | 10 @ 1000 of #1
        A sell 1 silver @ 100 gtc = #4 filled | 1 @ 100 of #2
        oracle silver 70         = 70
        p2 margin                = 1030 of 101 asked
        wait 61
        p2 margin                = 1000 of 101 asked
        oracle 1000              = 1000
        oracle silver 130        = 130
        p2 margin                = 970 of 102 asked
        wait 61
        p2 margin                = 970 of 102 asked
    """,
    "nobody trades with the vault at a stale price": """
        setVault gold V 1000000  = ok
        V deposit 100000         = ok
        oracle 1000              = 1000
        A open long 4 x5         = p2 | 4 @ 1000 of vault
        wait 3600
        A close p2               = StalePrice gold 1000003 60
        B buy 1 @ 990 gtc        = StalePrice gold 1000003 60
        A withdraw 200           = ok
        oracle 600               = 600
        A close p2               = CannotFillCompletely 4 0
        K liquidate p2           = 600 | 4 for 3201 from p1 | p2 deleveraging 0
    """,
}

COOLDOWN = {
    "after a partial liquidation and days in health it begins with a part again": """
        setRisk gold 999999 5000 5000 30 = ok
        B deposit 100000         = ok
        A deposit 99000          = ok
        oracle 1000              = 1000
        A leverage 10 isolated   = ok
        B sell 250 @ 1000 gtc    = #1 new
        A buy 250 @ 1000 gtc     = #2 filled | 250 @ 1000 of #1
        oracle 909               = 909
        D buy 1 @ 905 gtc        = #3 new
        C deposit 300000         = ok
        C buy 250 @ 905 gtc      = #4 new
        keep 10 = 1 | 1 @ 905 of #3 | 49 @ 905 of #4 | p2 book 1800
        keep 10                  = 0
        oracle 1000              = 1000
        wait 259200
        oracle 909               = 909
        keep 10                  = 1 | 40 @ 905 of #4 | p2 book 1296
        wait 31
        keep 10                  = 1 | 160 @ 905 of #4 | p2 book 0
    """,
    "the rest may go for as long as the cooldown was": """
        setRisk gold 999999 5000 5000 30 = ok
        B deposit 100000         = ok
        A deposit 99000          = ok
        oracle 1000              = 1000
        A leverage 10 isolated   = ok
        B sell 250 @ 1000 gtc    = #1 new
        A buy 250 @ 1000 gtc     = #2 filled | 250 @ 1000 of #1
        oracle 909               = 909
        C deposit 300000         = ok
        C buy 250 @ 905 gtc      = #3 new
        keep 10                  = 1 | 50 @ 905 of #3 | p2 book 1800
        wait 61
        keep 10                  = 1 | 40 @ 905 of #3 | p2 book 1440
        wait 60
        keep 10                  = 1 | 160 @ 905 of #3 | p2 book 0
    """,
}


SMALL = {
    "nothing changes hands for nothing": """
        oracle 5                 = 5
        B sell 201 @ 5 gtc       = #1 new
        A buy 1 @ 5 gtc          = BelowMinimumNotional 0 1
        A sell 1 @ 5 gtc         = BelowMinimumNotional 0 1
        A buy 100 @ 5 gtc        = #2 filled | 100 @ 5 of #1
        p2                       = A long 100 for 50 cross x10
        A buy 100 @ 5 gtc        = #3 filled | 100 @ 5 of #1
        order #1                 = expired 200/201 too_small
        C buy 2 @ 5 gtc          = #4 new
        B sell 3 @ 5 gtc         = #5 expired | 2 @ 5 of #4
        order #5                 = expired 2/3 too_small
        A buy 1 @ 5 gtc reduce   = WouldNotReduce 200 1
        A sell 1 @ 5 gtc reduce  = BelowMinimumNotional 0 1
        A sell 199 @ 6 gtc reduce = #6 new
        C buy 198 @ 6 gtc        = #7 filled | 198 @ 6 of #6
        order #6                 = expired 198/199 too_small
    """,
}


@pytest.mark.parametrize("reopens", [False, True], ids=["running", "reopened"])
@pytest.mark.parametrize("name", SMALL)
def test_small_fills(name: str, *, reopens: bool) -> None:
    """Where a lot at the market's price is worth half a unit of the collateral."""
    world = exchange(base_unit=10, funds=1_000)
    play(world, SMALL[name], reopens=reopens)
    assert check(world.ledger) == []


@pytest.mark.parametrize("reopens", [False, True], ids=["running", "reopened"])
@pytest.mark.parametrize("name", [*LOSSES, *BACKING, *ORDERS, *STALE, *COOLDOWN])
def test_scenario(name: str, *, reopens: bool) -> None:
    """Also where the exchange starts from storage before every line."""
    world = exchange(funds=1_000)
    play(world, (LOSSES | BACKING | ORDERS | STALE | COOLDOWN)[name], reopens=reopens)
    assert check(world.ledger) == []


@pytest.mark.parametrize("most", [50, 10, 3])
def test_a_bent_mark_liquidates_nobody(most: int) -> None:
    """Two quotes in an empty book take the mark as far as it goes; an honest short of the
    highest leverage stays, whatever anybody tries."""
    world = exchange()
    world.do(OWNER, "setTiers", GOLD, [(0, most)])
    band = 1_000 // (2 * most)
    play(
        world,
        f"""
        oracle 1000              = 1000
        A leverage {most} isolated = ok
        B buy 100 @ 1000 gtc     = #1 new
        A sell 100 @ 1000 gtc    = #2 filled | 100 @ 1000 of #1
        A stop buy 100 @ 1001 reduce = #3 untriggered
        C buy 1 @ {1_000 + 3 * band} gtc= #4 new
        D sell 200 @ {1_001 + 3 * band} gtc = #5 new
        wait 30
        mark                     = {1_000 + band}
        keep 10                  = 0
        p2 margin                = {-(-100_000 // most)} of {-(-50_000 // most)} asked
        K liquidate p2 = NotLiquidatable 2 {-(-100_000 // most)} {-(-50_000 // most)}
        """,
    )


def test_a_bent_mark_draws_nothing_from_the_insurance() -> None:
    """What nobody takes over is closed at the oracle's price, not at what a book says."""
    play(
        exchange(),
        """
        C insure 5000            = ok
        oracle 1000              = 1000
        A leverage 50 isolated   = ok
        B buy 46 @ 1000 gtc      = #1 new
        A sell 46 @ 1000 gtc     = #2 filled | 46 @ 1000 of #1
        C buy 1 @ 1045 gtc       = #3 new
        D sell 1 @ 1050 gtc      = #4 new
        wait 30
        oracle 1020              = 1030
        K liquidate p2           = 1020 | 46 for 46920 from p1 | p2 deleveraging 0
        insurance                = 5000 - 0
        """,
    )


@pytest.mark.parametrize("most", [50, 25, 10, 3, 1])
def test_every_size_opens_at_the_highest_leverage(most: int) -> None:
    """Also where its margin does not divide, standalone and cross, to the last unit there is."""
    world = exchange(funds=1)
    world.do(OWNER, "setTiers", GOLD, [(0, most)])
    world.do(OWNER, "setVault", GOLD, VAULT, 10**9)
    world.do(VAULT, "deposit", 10**9)
    play(world, "oracle 2001 = 2001")
    for size in range(1, 60):
        margin = -(-size * 2_001 // most)
        for trader in TRADERS[:2]:
            cash = world.view("getAccount", trader)[0]
            if cash < margin:
                world.do(trader, "deposit", margin - cash)
            else:
                world.do(trader, "withdraw", cash - margin) if cash > margin else None
        (position_id,) = world.do(ALICE, "openPosition", GOLD, size, most, True)
        world.do(ALICE, "closePosition", position_id)
        world.do(TRADERS[1], "setLeverage", GOLD, most, True)
        world.do(VAULT, "placeOrder", GOLD, size, 2_001, False)
        world.do(TRADERS[1], "placeOrder", GOLD, size, 2_001, True)
        world.do(VAULT, "placeOrder", GOLD, size, 2_001, True)
        world.do(TRADERS[1], "placeOrder", GOLD, size, 2_001, False)
    assert check(world.ledger) == []
    assert world.view("getAccount", CAROL)[0] == 1
