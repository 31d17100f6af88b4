"""Each rule of the perpetuals exchange that can be broken, and the error that says so.

`tests.precompiles.spot.test_errors` tries what both exchanges share: tokens and static calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from precompiles.standalone import StandaloneContext, TokenCall, call
from precompiles.types import MAX_AMOUNT, MAX_ID, MAX_PERP_VALUE, NATIVE_COIN, Address
from tests.precompiles.client import PERP, calldata, decode_error, send, topic
from tests.precompiles.perp.scenarios import FUNDS, exchange, play
from tests.precompiles.perp.world import (
    ALICE,
    BOB,
    CAROL,
    COPPER,
    DAVE,
    DOLLAR,
    FEEDER,
    GOLD,
    NOBODY,
    OWNER,
    SILVER,
    START,
    UNLISTED,
    PerpWorld,
)
from tests.precompiles.spot.test_errors import Token, field

HEALTHY = """
    setLimits silver 100 1000 10000 = ok
    oracle 1000                  = 1000
    oracle silver 100            = 100
    B sell 10 @ 1000 gtc         = #1 new
    A buy 10 @ 1000 gtc          = #2 filled | 10 @ 1000 of #1
    C leverage 10 isolated       = ok
    D sell 15 @ 1000 gtc         = #3 new
    C buy 10 @ 1000 gtc          = #4 filled | 10 @ 1000 of #3
    A open long 4 x10            = p5 | 4 @ 1000 of #3
    A open long 1 x10            = p6 | 1 @ 1000 of #3
    D buy 1 @ 1000 gtc           = #7 new
    A close p6                   = +0 | 1 @ 1000 of #7
    A buy 20 @ 950 gtc           = #9 new
    D sell 101 silver @ 100 gtc  = #10 new
"""
"""Cross: 1 is Bob's short of 10, 2 Alice's long of 10, 3 Dave's short of 14. Isolated: 4 is Carol's
long of 10. Standalone: 5 is Alice's long of 4; 6 has ended. Order 11 is Bob's ask for 20 at 1100
with client id 7."""
FALLEN = """
    oracle 1000                  = 1000
    C leverage 10 isolated       = ok
    B sell 10 @ 1000 gtc         = #1 new
    C buy 10 @ 1000 gtc          = #2 filled | 10 @ 1000 of #1
    oracle 850                   = 850
    D buy 10 @ 850 gtc           = #3 new
"""
"""Position 2 is Carol's long, worth 500 less than nothing; an order that would take it waits."""
COOLING = """
    setRisk gold 60 5000 5000 30 = ok
    oracle 1000                  = 1000
    A leverage 10 isolated       = ok
    B sell 100 @ 1000 gtc        = #1 new
    A buy 100 @ 1000 gtc         = #2 filled | 100 @ 1000 of #1
    oracle 909                   = 909
    C buy 100 @ 905 gtc          = #3 new
    K liquidate p2               = 905 | 20 @ 905 of #3 | p2 book 720
"""
OWED = """
    C withdraw 100000            = ok
    D withdraw 100000            = ok
    oracle 1000                  = 1000
    B sell 900 @ 1000 gtc        = #1 new
    A buy 900 @ 1000 gtc         = #2 filled | 900 @ 1000 of #1
    oracle 700                   = 700
"""
"""Bob has won 270 000 of Alice, who had 100 000; nobody has liquidated her."""


def healthy() -> PerpWorld:
    world = exchange()
    world.do(OWNER, "listMarket", COPPER, 1, 5, 2, 20, FEEDER)
    play(world, HEALTHY)
    request = (GOLD, 20, 1100, False, 0, False, 7)
    assert world.do(BOB, "placeOrderWithOptions", *request) == (11, 0)
    return world


def after(scenario: str) -> Callable[[], PerpWorld]:
    """A world in which a scenario has been played."""

    def prepare() -> PerpWorld:
        world = exchange()
        play(world, scenario)
        return world

    return prepare


def stale() -> PerpWorld:
    world = healthy()
    world.now += 61
    return world


def terms(**changes: Any) -> tuple[Any, ...]:
    """Arguments of listMarket for a new market."""
    usual = {"market": UNLISTED, "baseUnit": 1, "tick": 1, "lot": 1, "leverage": 50, "by": FEEDER}
    return tuple((usual | changes).values())


Attempt = tuple[Address, tuple[Any, ...], tuple[Any, ...]]
"""Caller, call, error."""

RULES: list[Attempt] = [
    (ALICE, ("setCollateral", DOLLAR), ("NotExchangeOwner", ALICE, OWNER)),
    (ALICE, ("setBackstop", ALICE), ("NotExchangeOwner", ALICE, OWNER)),
    (ALICE, ("listMarket", *terms()), ("NotExchangeOwner", ALICE, OWNER)),
    (ALICE, ("setFees", GOLD, 0, 0, 0, ALICE), ("NotExchangeOwner", ALICE, OWNER)),
    (OWNER, ("setCollateral", GOLD), ("CollateralAlreadySet", DOLLAR)),
    (OWNER, ("listMarket", *terms(market=GOLD)), ("MarketExists", GOLD)),
    (OWNER, ("listMarket", *terms(market=NOBODY)), ("InvalidMarket", field("market"))),
    (OWNER, ("listMarket", *terms(baseUnit=0)), ("InvalidMarket", field("baseUnit"))),
    (OWNER, ("listMarket", *terms(tick=2**128)), ("InvalidMarket", field("tick"))),
    (OWNER, ("listMarket", *terms(lot=0)), ("InvalidMarket", field("lot"))),
    (OWNER, ("listMarket", *terms(leverage=0)), ("InvalidMarket", field("maxLeverage"))),
    (OWNER, ("listMarket", *terms(leverage=51)), ("InvalidMarket", field("maxLeverage"))),
    (OWNER, ("setFees", UNLISTED, 0, 0, 0, ALICE), ("UnknownMarket", UNLISTED)),
    (OWNER, ("setFees", GOLD, 10_001, 0, 0, ALICE), ("InvalidMarket", field("makerFee"))),
    (OWNER, ("setFees", GOLD, 0, 10_001, 0, ALICE), ("InvalidMarket", field("takerFee"))),
    (OWNER, ("setFees", GOLD, 0, 0, 10_001, ALICE), ("InvalidMarket", field("liquidationFee"))),
    (OWNER, ("setFees", GOLD, 1, 0, 0, NOBODY), ("InvalidMarket", field("feeRecipient"))),
    (OWNER, ("setRisk", GOLD, MAX_ID + 1, 0, 0, 0), ("InvalidMarket", field("maxPriceAge"))),
    (OWNER, ("setRisk", GOLD, 60, 100_000, 0, 0), ("InvalidMarket", field("maxSlippage"))),
    (OWNER, ("setRisk", GOLD, 60, 0, 2**128, 0), ("InvalidMarket", field("partialNotional"))),
    (OWNER, ("setRisk", GOLD, 60, 0, 0, MAX_ID + 1), ("InvalidMarket", field("cooldown"))),
    (OWNER, ("setLimits", GOLD, 2**128, 0, 0), ("InvalidMarket", field("maxOpenInterest"))),
    (OWNER, ("setLimits", GOLD, 0, 2**128, 0), ("InvalidMarket", field("minimumNotional"))),
    (OWNER, ("setLimits", GOLD, 0, 0, 100_000), ("InvalidMarket", field("priceBand"))),
    (OWNER, ("setFunding", GOLD, 2**128), ("InvalidMarket", field("impactNotional"))),
    (OWNER, ("setVault", GOLD, ALICE, 2**128), ("InvalidMarket", field("vaultLimit"))),
    (OWNER, ("setSelfTradePrevention", GOLD, 5), ("InvalidMarket", field("mode"))),
    (OWNER, ("setTiers", GOLD, []), ("InvalidMarket", field("tiers"))),
    (OWNER, ("setTiers", GOLD, [(1, 50)]), ("InvalidMarket", field("tiers"))),
    (OWNER, ("setTiers", GOLD, [(0, 50), (9, 50)]), ("InvalidMarket", field("tiers"))),
    (OWNER, ("setTiers", GOLD, [(0, 50), (9, 20), (9, 10)]), ("InvalidMarket", field("tiers"))),
    (OWNER, ("setTiers", GOLD, [(0, 51)]), ("InvalidMarket", field("maxLeverage"))),
    (ALICE, ("setOraclePrice", GOLD, 5), ("NotFeeder", GOLD, ALICE, FEEDER)),
    (FEEDER, ("setOraclePrice", UNLISTED, 5), ("UnknownMarket", UNLISTED)),
    (FEEDER, ("setOraclePrice", GOLD, 0), ("PriceZero",)),
    (
        FEEDER,
        ("setOraclePrices", GOLD, 5, 2**112),
        ("AmountTooLarge", 2**112, MAX_PERP_VALUE),
    ),
]
ORDERS: list[Attempt] = [
    (ALICE, ("placeOrder", UNLISTED, 2, 5, True), ("UnknownMarket", UNLISTED)),
    (ALICE, ("getDepth", UNLISTED, 1), ("UnknownMarket", UNLISTED)),
    (ALICE, ("placeOrder", COPPER, 0, 5, True), ("AmountZero",)),
    (ALICE, ("placeOrder", COPPER, 2, 0, True), ("PriceZero",)),
    (ALICE, ("placeOrder", COPPER, 3, 5, True), ("AmountNotMultipleOfLot", 3, 2)),
    (ALICE, ("placeOrder", COPPER, 2, 7, True), ("PriceNotMultipleOfTick", 7, 5)),
    (ALICE, ("placeOrder", COPPER, 2, 5, True), ("NoOraclePrice", COPPER)),
    (ALICE, ("placeOrder", GOLD, 2**112, 5, True), ("AmountTooLarge", 2**112, MAX_PERP_VALUE)),
    (ALICE, ("placeOrder", GOLD, 2, 2**112, True), ("AmountTooLarge", 2**112, MAX_PERP_VALUE)),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 2, 5, True, 4, False, 0),
        ("InvalidTimeInForce", 4),
    ),
    (
        BOB,
        ("placeOrderWithOptions", GOLD, 2, 950, False, 0, False, 7),
        ("ClientOrderIdInUse", 7, 11),
    ),
    (ALICE, ("placeOrder", SILVER, 9, 100, True), ("BelowMinimumNotional", 900, 1000)),
    (ALICE, ("placeOrder", SILVER, 10, 111, True), ("PriceOutOfBand", 111, 90, 110)),
    (ALICE, ("placeOrder", SILVER, 101, 100, True), ("OpenInterestTooLarge", 101, 100)),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 11, 950, False, 0, True, 0),
        ("WouldNotReduce", 10, 11),
    ),
    (
        BOB,
        ("placeOrderWithOptions", GOLD, 1, 950, False, 0, True, 0),
        ("WouldNotReduce", -10, 1),
    ),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 1, 1100, True, 3, False, 0),
        ("WouldTakeLiquidity", 1100, 1100),
    ),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 21, 1100, True, 2, False, 0),
        ("CannotFillCompletely", 21, 20),
    ),
    (ALICE, ("placeOrder", GOLD, 1_000, 1_000, True), ("InsufficientMargin", 98_600, 100_000)),
    (ALICE, ("cancelOrder", 99), ("OrderNotFound", 99)),
    (ALICE, ("getOrder", 0), ("OrderNotFound", 0)),
    (ALICE, ("getOrderStatus", 2**255), ("OrderNotFound", 2**255)),
    (ALICE, ("getTrigger", 9), ("OrderNotFound", 9)),
    (BOB, ("cancelOrder", 9), ("NotOrderOwner", 9, BOB, ALICE)),
    (ALICE, ("cancelOrder", 2), ("OrderNotActive", 2, 3)),
    (ALICE, ("cancelOrderByClientId", 7), ("ClientOrderIdNotFound", 7)),
    (ALICE, ("getDepth", GOLD, 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("getMarkets", 0, 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("getOpenOrders", BOB, 0, 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("cancelOrders", [1] * 101), ("LimitTooLarge", 101, 100)),
    (
        ALICE,
        ("placeOrders", [(GOLD, 2, 5, True, 0, False, 0)] * 101),
        ("LimitTooLarge", 101, 100),
    ),
    (
        ALICE,
        ("placeTrigger", GOLD, 1, 999, 0, True, False, False, 0),
        ("InvalidTrigger", 999, 1000),
    ),
    (
        ALICE,
        ("placeTrigger", COPPER, 2, 5, 6, True, False, False, 0),
        ("PriceNotMultipleOfTick", 6, 5),
    ),
]
POSITIONS: list[Attempt] = [
    (ALICE, ("deposit", 0), ("AmountZero",)),
    (ALICE, ("deposit", MAX_AMOUNT), ("AmountTooLarge", MAX_AMOUNT, MAX_AMOUNT - 4 * FUNDS)),
    (ALICE, ("withdraw", 0), ("AmountZero",)),
    (ALICE, ("withdraw", 98_601), ("InsufficientMargin", 98_600, 98_601)),
    (ALICE, ("fundInsurance", 0), ("AmountZero",)),
    (ALICE, ("fundInsurance", 98_601), ("InsufficientMargin", 98_600, 98_601)),
    (ALICE, ("setLeverage", UNLISTED, 5, True), ("UnknownMarket", UNLISTED)),
    (ALICE, ("setLeverage", GOLD, 51, True), ("InvalidLeverage", 51, 50)),
    (ALICE, ("setLeverage", GOLD, 0, True), ("InvalidLeverage", 0, 50)),
    (ALICE, ("setLeverage", GOLD, 5, False), ("PositionIsOpen", 2)),
    (CAROL, ("setLeverage", GOLD, 9, False), ("InsufficientMargin", -112, 0)),
    (ALICE, ("openPosition", GOLD, 1, 51, True), ("InvalidLeverage", 51, 50)),
    (ALICE, ("openPosition", COPPER, 2, 5, True), ("NoOraclePrice", COPPER)),
    (ALICE, ("openPosition", GOLD, 1, 5, True), ("CannotFillCompletely", 1, 0)),
    (ALICE, ("closePosition", 99), ("PositionNotFound", 99)),
    (ALICE, ("getPosition", 0), ("PositionNotFound", 0)),
    (ALICE, ("closePosition", 4), ("NotPositionOwner", 4, ALICE, CAROL)),
    (ALICE, ("closePosition", 6), ("PositionNotOpen", 6)),
    (CAROL, ("addMargin", 4, 0), ("AmountZero",)),
    (ALICE, ("addMargin", 2, 1), ("NotIsolated", 2)),
    (ALICE, ("removeMargin", 5, 1), ("NotIsolated", 5)),
    (CAROL, ("removeMargin", 4, 1), ("InsufficientMargin", 0, 1)),
    (CAROL, ("addMargin", 4, 99_001), ("InsufficientMargin", 99_000, 99_001)),
    (DAVE, ("liquidate", 2), ("NotLiquidatable", 2, 99_600, 100)),
    (DAVE, ("liquidate", 4), ("NotLiquidatable", 4, 1_000, 100)),
    (DAVE, ("liquidate", 5), ("PositionHealthy", 5, 1_000, 910)),
    (DAVE, ("liquidate", 6), ("PositionNotOpen", 6)),
]
STALE: list[Attempt] = [
    (ALICE, ("placeOrder", GOLD, 1, 900, True), ("StalePrice", GOLD, START, 60)),
    (ALICE, ("openPosition", GOLD, 1, 5, True), ("StalePrice", GOLD, START, 60)),
    (ALICE, ("withdraw", 1), ("StalePrice", GOLD, START, 60)),
    (CAROL, ("removeMargin", 4, 1), ("StalePrice", GOLD, START, 60)),
    (DAVE, ("liquidate", 4), ("StalePrice", GOLD, START, 60)),
]
UNSET: list[Attempt] = [
    (ALICE, ("deposit", 1), ("CollateralNotSet",)),
    (ALICE, ("withdraw", 1), ("CollateralNotSet",)),
    (OWNER, ("listMarket", *terms()), ("CollateralNotSet",)),
    (OWNER, ("setCollateral", NOBODY), ("InvalidMarket", field("collateral"))),
    (OWNER, ("setCollateral", NATIVE_COIN), ("InvalidMarket", field("collateral"))),
]
ERRORS: list[tuple[Callable[[], PerpWorld], Attempt]] = [
    *((healthy, attempt) for attempt in RULES + ORDERS + POSITIONS),
    *((stale, attempt) for attempt in STALE),
    *((PerpWorld, attempt) for attempt in UNSET),
    (after(FALLEN), (CAROL, ("closePosition", 2), ("PositionBankrupt", 2, -500))),
    (after(COOLING), (DAVE, ("liquidate", 2), ("LiquidationCoolingDown", 2, START + 30))),
    (after(OWED), (BOB, ("withdraw", 207_000), ("InsufficientCollateral", 200_000, 207_000))),
]
CALL_RULES: list[tuple[dict[str, Any], bytes, tuple[Any, ...]]] = [
    ({}, b"", ("UnknownMethod", bytes(4))),
    ({}, calldata("getOrder", 1, interface=PERP)[:-1], ("MalformedCalldata", 35)),
    ({"value": 9}, calldata("cancelOrder", 1, interface=PERP), ("ValueNotAccepted", 9)),
    (
        {"is_static": True},
        calldata("keep", 1, interface=PERP),
        ("StaticCallNotAllowed", topic(PERP.methods["keep"])[:4]),
    ),
    ({"is_delegate": True}, calldata("keep", 1, interface=PERP), ("DelegateCallNotAllowed",)),
]
TOKENS: list[tuple[TokenCall, tuple[Any, ...]]] = [
    (Token(works=False), ("TokenCallFailed", DOLLAR)),
    (Token(answer=bytes(32)), ("TokenCallFailed", DOLLAR)),
    (Token(keeps=3), ("TokenAmountMismatch", DOLLAR, 100, 97)),
]


def ids(value: Any) -> str:
    return f"{value[1][0]}-{value[2][0]}" if isinstance(value, tuple) else ""


@pytest.mark.parametrize(("prepare", "attempt"), ERRORS, ids=ids)
def test_each_broken_rule_has_its_error(prepare: Callable[[], PerpWorld], attempt: Attempt) -> None:
    """With the fields that explain it; and nothing has changed."""
    caller, asked, error = attempt
    world = prepare()
    mark = world.ledger.journal.mark()
    reply = world.call(caller, *asked)
    assert (reply.error, *reply.values) == error
    assert world.ledger.journal.mark() == mark


@pytest.mark.parametrize(("context", "data", "error"), CALL_RULES)
def test_each_broken_rule_of_calling_has_its_error(
    context: dict[str, Any], data: bytes, error: tuple[Any, ...]
) -> None:
    outcome = call(healthy().perp, StandaloneContext(ALICE, **context), data)
    name, fields = decode_error(outcome.output, PERP)
    assert (name, *fields) == error


@pytest.mark.parametrize("name", ["deposit", "withdraw"])
@pytest.mark.parametrize(("token", "error"), TOKENS)
def test_a_token_that_does_not_do_as_told_changes_nothing(
    name: str, token: TokenCall, error: tuple[Any, ...]
) -> None:
    world = healthy()
    mark = world.ledger.journal.mark()
    reply = send(world.perp, ALICE, name, 100, timestamp=world.now, contracts=token, interface=PERP)
    assert (reply.error, *reply.values) == error
    assert world.ledger.journal.mark() == mark


@pytest.mark.parametrize("name", ["deposit", "withdraw"])
def test_a_token_may_look_but_not_touch(name: str) -> None:
    """While the collateral's contract runs, views answer and nothing else does."""
    world = healthy()
    token = Token()
    errors: list[str | None] = []

    def reenter() -> None:
        for asked in (("getAccount", ALICE), ("keep", 1), ("withdraw", 1), ("closePosition", 5)):
            reply = send(world.perp, ALICE, *asked, timestamp=world.now, interface=PERP)
            errors.append(reply.error)

    token.during = reenter
    reply = send(world.perp, ALICE, name, 100, timestamp=world.now, contracts=token, interface=PERP)
    assert reply.error is None
    assert errors == [None, *["ReentrantCall"] * 3]


def test_every_error_is_reached() -> None:
    """By this module: no error of the interface is dead."""
    reached = {error[0] for _, (_, _, error) in ERRORS}
    reached |= {error[0] for _, _, error in CALL_RULES} | {error[0] for _, error in TOKENS}
    elsewhere = {"ReentrantCall", "ActsThroughCoreWriter"}
    assert reached | elsewhere == {entry["name"] for entry in PERP.errors.values()}
