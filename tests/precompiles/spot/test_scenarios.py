"""The rules of trading, one readable scenario each."""

from __future__ import annotations

import pytest

from precompiles.ledger.checks import check
from precompiles.types import SelfTradePrevention
from tests.precompiles.spot.scenarios import play
from tests.precompiles.world import ALICE, BOB, CAROL, COIN, GOLD, RECIPIENT, World, fund, new_world


def market(
    *,
    base_unit: int = 1,
    maker_fee: int = 0,
    taker_fee: int = 0,
    prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER,
) -> World:
    """One market, gold for coin; everyone has 1,000,000 of both."""
    return new_world((GOLD, COIN, base_unit, 1, 1, maker_fee, taker_fee, prevention, RECIPIENT))


SCENARIOS = {
    "best price first, then oldest": """
        A sell 10 @ 52 gtc   = #1 new
        A sell 10 @ 51 gtc   = #2 new
        C sell 10 @ 51 gtc   = #3 new
        B buy  5 @ 51 gtc    = #4 filled | 5 @ 51 of #2
        B buy 30 @ 52 gtc    = #5 partially_filled | 5 @ 51 of #2 | 10 @ 51 of #3 | 10 @ 52 of #1
        bids                 = 5 @ 52
        asks                 =
    """,
    "a trade is at the maker's price, and a buyer gets the difference back": """
        A sell 10 @ 40 gtc   = #1 new
        B buy 20 @ 60 gtc    = #2 partially_filled | 10 @ 40 of #1
        B COIN               = 999000 + 600
        A COIN               = 1000400 + 0
        B GOLD               = 1000010 + 0
        A GOLD               = 999990 + 0
    """,
    "a seller who asks less gets the bid": """
        A buy 10 @ 60 gtc    = #1 new
        B sell 10 @ 1 gtc    = #2 filled | 10 @ 60 of #1
        B COIN               = 1000600 + 0
        A COIN               = 999400 + 0
    """,
    "good till cancelled rests": """
        A buy 10 @ 50 gtc    = #1 new
        A COIN               = 999500 + 500
        bids                 = 10 @ 50
    """,
    "what an immediate order does not fill expires": """
        A sell 10 @ 50 gtc   = #1 new
        B buy 30 @ 50 ioc    = #2 expired | 10 @ 50 of #1
        order #2             = expired 10/30
        bids                 =
        B COIN               = 999500 + 0
        B buy 30 @ 50 ioc    = #3 expired
    """,
    "fill or kill fills completely or is refused": """
        A sell 10 @ 50 gtc   = #1 new
        A sell 10 @ 51 gtc   = #2 new
        B buy 20 @ 50 fok    = CannotFillCompletely 20 10
        B buy 21 @ 51 fok    = CannotFillCompletely 21 20
        asks                 = 10 @ 50, 10 @ 51
        B buy 20 @ 51 fok    = #3 filled | 10 @ 50 of #1 | 10 @ 51 of #2
    """,
    "add liquidity only rests or is refused": """
        A sell 10 @ 50 gtc   = #1 new
        B buy 10 @ 50 alo    = WouldTakeLiquidity 50 50
        B buy 10 @ 49 alo    = #2 new
        bids                 = 10 @ 49
    """,
    "less at the same price keeps priority": """
        A sell 20 @ 50 gtc   = #1 new
        C sell 20 @ 50 gtc   = #2 new
        A replace #1 10 @ 50 = #1 new
        A GOLD               = 999990 + 10
        B buy 15 @ 50 gtc    = #3 filled | 10 @ 50 of #1 | 5 @ 50 of #2
    """,
    "more at the same price loses priority": """
        A sell 20 @ 50 gtc   = #1 new
        C sell 20 @ 50 gtc   = #2 new
        A replace #1 30 @ 50 = #3 new
        order #1             = cancelled 0/20
        B buy 25 @ 50 gtc    = #4 filled | 20 @ 50 of #2 | 5 @ 50 of #3
    """,
    "replacing places what is not filled yet, and may trade": """
        A sell 20 @ 50 gtc   = #1 new
        B buy 5 @ 50 gtc     = #2 filled | 5 @ 50 of #1
        C buy 8 @ 45 gtc     = #3 new
        A replace #1 5 @ 50  = AmountBelowFilled 5 5
        A replace #1 25 @ 45 = #4 partially_filled | 8 @ 45 of #3
        order #1             = cancelled 5/20
        order #4             = partially_filled 8/20
        A GOLD               = 999975 + 12
    """,
    "a replaced post-only order stays post-only": """
        A sell 10 @ 50 alo   = #1 new
        B buy 10 @ 45 gtc    = #2 new
        A replace #1 10 @ 45 = WouldTakeLiquidity 45 45
        order #1             = new 0/10
    """,
    "a cancel after a partial fill keeps what was filled": """
        A buy 20 @ 50 gtc    = #1 new
        B sell 5 @ 50 gtc    = #2 filled | 5 @ 50 of #1
        A cancel #1          = #1 cancelled
        order #1             = cancelled 5/20
        A COIN               = 999750 + 0
        A GOLD               = 1000005 + 0
        A cancel #1          = OrderNotActive 1 4
    """,
}

PREVENTED = {
    SelfTradePrevention.EXPIRE_MAKER: """
        A sell 30 @ 50 gtc   = #3 partially_filled | 10 @ 50 of #2
        order #1             = expired 0/10
        A COIN               = 1000500 + 0
        A GOLD               = 999970 + 20
    """,
    SelfTradePrevention.EXPIRE_TAKER: """
        A sell 30 @ 50 gtc   = #3 expired
        order #1             = new 0/10
        order #3             = expired 0/30
        A GOLD               = 1000000 + 0
        bids                 = 20 @ 50
    """,
    SelfTradePrevention.EXPIRE_BOTH: """
        A sell 30 @ 50 gtc   = #3 expired
        order #1             = expired 0/10
        bids                 = 10 @ 50
        A COIN               = 1000000 + 0
    """,
    SelfTradePrevention.DECREMENT: """
        A sell 30 @ 50 gtc   = #3 partially_filled | 10 @ 50 of #2
        order #1             = expired 0/10
        order #3             = partially_filled 10/20
        A GOLD               = 999980 + 10
    """,
    SelfTradePrevention.NONE: """
        A sell 30 @ 50 gtc   = #3 partially_filled | 10 @ 50 of #1 | 10 @ 50 of #2
        order #1             = filled 10/10
        A COIN               = 1000500 + 0
        A GOLD               = 999980 + 10
    """,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    world = market()
    play(world, SCENARIOS[name])
    assert check(world.ledger) == []


@pytest.mark.parametrize("prevention", SelfTradePrevention)
def test_an_order_that_meets_its_owners(prevention: SelfTradePrevention) -> None:
    """Each mode, where the owner's own bid is first in the queue and another's second."""
    world = market(prevention=prevention)
    play(world, "A buy 10 @ 50 gtc = #1 new\nC buy 10 @ 50 gtc = #2 new")
    play(world, PREVENTED[prevention])
    assert check(world.ledger) == []


def test_a_decremented_maker_keeps_its_place() -> None:
    world = market(prevention=SelfTradePrevention.DECREMENT)
    play(
        world,
        """
        A buy 10 @ 50 gtc = #1 new
        C buy 10 @ 50 gtc = #2 new
        A sell 4 @ 50 gtc = #3 expired
        order #1 = new 0/6
        A COIN = 999700 + 300
        B sell 10 @ 50 gtc = #4 filled | 6 @ 50 of #1 | 4 @ 50 of #2
        """,
    )
    assert check(world.ledger) == []


def test_fees_are_rounded_up_and_taken_from_what_is_received() -> None:
    """The buyer pays in gold, the seller in coin; 10 gold at 1 % is 0.1, so 1."""
    world = market(maker_fee=1_000, taker_fee=2_000)
    play(
        world,
        """
        A sell 10 @ 333 gtc = #1 new
        B buy 10 @ 333 gtc = #2 filled | 10 @ 333 of #1
        A COIN = 1003296 + 0
        B GOLD = 1000009 + 0
        R COIN = 34 + 0
        R GOLD = 1 + 0
        A GOLD = 999990 + 0
        B COIN = 996670 + 0
        """,
    )
    assert check(world.ledger) == []


def test_where_lots_do_not_divide_locks_round_up_and_payments_down() -> None:
    """A price of 7 for 10: two lock 2 and pay 1, ten pay 7; a cancel frees what is left."""
    world = market(base_unit=10)
    play(
        world,
        """
        A buy 15 @ 7 gtc = #1 new
        A COIN = 999989 + 11
        B sell 2 @ 7 gtc = #2 filled | 2 @ 7 of #1
        A COIN = 999989 + 10
        B sell 10 @ 7 gtc = #3 filled | 10 @ 7 of #1
        A COIN = 999989 + 3
        B COIN = 1000008 + 0
        A cancel #1 = #1 cancelled
        A COIN = 999992 + 0
        """,
    )
    assert check(world.ledger) == []


def test_nothing_changes_hands_for_nothing() -> None:
    """A hundred lots at half a unit each cost 50, and one at a time they are not to be had."""
    world = market(base_unit=10)
    play(
        world,
        """
        B sell 201 @ 5 gtc = #1 new
        A buy 1 @ 5 gtc = AmountZero
        A sell 1 @ 5 gtc = AmountZero
        A buy 100 @ 5 gtc = #2 filled | 100 @ 5 of #1
        A COIN = 999950 + 0
        A buy 100 @ 5 gtc = #3 filled | 100 @ 5 of #1
        order #1 = expired 200/201
        B GOLD = 999800 + 0
        A buy 2 @ 5 gtc = #4 new
        B sell 3 @ 5 gtc = #5 expired | 2 @ 5 of #4
        order #5 = expired 2/3
        B sell 10 @ 5 gtc = #6 new
        A buy 1 @ 20 fok = CannotFillCompletely 1 0
        A buy 11 @ 20 gtc = #7 partially_filled | 10 @ 5 of #6
        C buy 10 @ 9 gtc = #8 new
        """,
    )
    assert check(world.ledger) == []


def test_a_fee_recipient_who_trades_is_charged_like_anyone() -> None:
    """What it pays comes back to it, rounding included."""
    world = market(maker_fee=1_000, taker_fee=1_000)
    fund(world.ledger, RECIPIENT, COIN, 1_000)
    play(
        world,
        """
        A sell 10 @ 50 gtc = #1 new
        R buy 10 @ 50 gtc = #2 filled | 10 @ 50 of #1
        R GOLD = 10 + 0
        R COIN = 505 + 0
        """,
    )
    assert world.ledger.spot.balance(BOB, GOLD) == world.ledger.spot.balance(CAROL, GOLD)
    assert world.ledger.spot.balance(ALICE, GOLD).total == 999_990
