"""Each rule that can be broken, and the error with the numbers that say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from precompiles.precompile import Precompile
from precompiles.standalone import StandaloneContext, call
from precompiles.types import MAX_AMOUNT, Address
from tests.precompiles.client import ERRORS as ERROR_ENTRIES
from tests.precompiles.client import METHODS, Reply, calldata, decode_error, send, topic
from tests.precompiles.world import (
    ALICE,
    BOB,
    CAROL,
    COIN,
    FUNDS,
    GOLD,
    GOLD_TERMS,
    OWNER,
    RECIPIENT,
    SILVER,
    fund,
    new_world,
)

NOWHERE = Address(b"\x99" * 20)
BALANCE_OF, TRANSFER = bytes.fromhex("70a08231"), bytes.fromhex("a9059cbb")
TRUE = (1).to_bytes(32, "big")


def field(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


def terms(**changes: Any) -> tuple[Any, ...]:
    """Arguments of listMarket for a new asset."""
    names = ("asset", "quote", "baseUnit", "tick", "lot", "makerFee", "takerFee", "mode", "to")
    return tuple(
        ({**dict(zip(names, GOLD_TERMS, strict=True)), "asset": NOWHERE} | changes).values()
    )


ERRORS: list[tuple[Address, tuple[Any, ...], tuple[Any, ...]]] = [
    # caller, call, error; order 1 is Alice's bid for 20 at 50, order 2 Bob's cancelled ask,
    # order 3 Bob's ask for 20 at 100 with client id 7, half of it filled
    (ALICE, ("placeOrder", NOWHERE, 2, 5, True), ("UnknownMarket", NOWHERE)),
    (ALICE, ("getDepth", NOWHERE, 1), ("UnknownMarket", NOWHERE)),
    (ALICE, ("placeOrder", GOLD, 0, 5, True), ("AmountZero",)),
    (ALICE, ("withdraw", GOLD, 0), ("AmountZero",)),
    (ALICE, ("deposit", GOLD, 0), ("AmountZero",)),
    (ALICE, ("depositNative",), ("AmountZero",)),
    (ALICE, ("placeOrder", GOLD, 2, 0, True), ("PriceZero",)),
    (
        ALICE,
        ("placeOrder", GOLD, 2**128, 5, True),
        ("AmountTooLarge", 2**128, MAX_AMOUNT),
    ),
    (
        ALICE,
        ("placeOrder", GOLD, 2**127, 5 * 2**120, True),
        ("AmountTooLarge", 2**246, MAX_AMOUNT),
    ),
    (
        ALICE,
        ("deposit", GOLD, MAX_AMOUNT),
        ("AmountTooLarge", MAX_AMOUNT, MAX_AMOUNT - 3 * FUNDS),
    ),
    (ALICE, ("placeOrder", GOLD, 3, 5, True), ("AmountNotMultipleOfLot", 3, 2)),
    (ALICE, ("placeOrder", GOLD, 2, 7, True), ("PriceNotMultipleOfTick", 7, 5)),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 2, 5, True, 4, 0),
        ("InvalidTimeInForce", 4),
    ),
    (
        ALICE,
        ("placeOrder", GOLD, 2 * FUNDS, 5, False),
        ("InsufficientBalance", GOLD, FUNDS + 9, 2 * FUNDS),
    ),
    (ALICE, ("withdraw", SILVER, FUNDS + 1), ("InsufficientBalance", SILVER, FUNDS, FUNDS + 1)),
    (ALICE, ("cancelOrder", 99), ("OrderNotFound", 99)),
    (ALICE, ("getOrder", 0), ("OrderNotFound", 0)),
    (ALICE, ("getOrderStatus", 2**255), ("OrderNotFound", 2**255)),
    (ALICE, ("cancelOrder", 3), ("NotOrderOwner", 3, ALICE, BOB)),
    (ALICE, ("replaceOrder", 2, 2, 5), ("NotOrderOwner", 2, ALICE, BOB)),
    (BOB, ("cancelOrder", 2), ("OrderNotActive", 2, 4)),
    (BOB, ("placeOrderWithOptions", GOLD, 2, 100, False, 0, 7), ("ClientOrderIdInUse", 7, 3)),
    (ALICE, ("cancelOrderByClientId", 7), ("ClientOrderIdNotFound", 7)),
    (BOB, ("cancelOrderByClientId", 0), ("ClientOrderIdNotFound", 0)),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 2, 105, True, 3, 0),
        ("WouldTakeLiquidity", 105, 100),
    ),
    (
        ALICE,
        ("placeOrderWithOptions", GOLD, 12, 100, True, 2, 0),
        ("CannotFillCompletely", 12, 10),
    ),
    (BOB, ("replaceOrder", 3, 10, 100), ("AmountBelowFilled", 10, 10)),
    (ALICE, ("getDepth", GOLD, 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("getMarkets", 0, 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("getOpenOrders", BOB, 0, 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("cancelOrders", [1] * 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("placeOrders", [(GOLD, 2, 5, True, 0, 0)] * 101), ("LimitTooLarge", 101, 100)),
    (ALICE, ("listMarket", *terms()), ("NotExchangeOwner", ALICE, OWNER)),
    (ALICE, ("transferOwnership", ALICE), ("NotExchangeOwner", ALICE, OWNER)),
    (OWNER, ("listMarket", *GOLD_TERMS), ("MarketExists", GOLD)),
    (OWNER, ("listMarket", *terms(asset=bytes(20))), ("InvalidMarket", field("asset"))),
    (OWNER, ("listMarket", *terms(quote=NOWHERE)), ("InvalidMarket", field("quote"))),
    (OWNER, ("listMarket", *terms(baseUnit=0)), ("InvalidMarket", field("baseUnit"))),
    (OWNER, ("listMarket", *terms(tick=2**128)), ("InvalidMarket", field("tick"))),
    (OWNER, ("listMarket", *terms(lot=0)), ("InvalidMarket", field("lot"))),
    (OWNER, ("listMarket", *terms(makerFee=10_001)), ("InvalidMarket", field("makerFee"))),
    (OWNER, ("listMarket", *terms(takerFee=10_001)), ("InvalidMarket", field("takerFee"))),
    (
        OWNER,
        ("listMarket", *terms(mode=5)),
        ("InvalidMarket", field("selfTradePrevention")),
    ),
    (OWNER, ("listMarket", *terms(to=bytes(20))), ("InvalidMarket", field("feeRecipient"))),
    (ALICE, ("deposit", NOWHERE, 1), ("TokenCallFailed", NOWHERE)),
    (ALICE, ("deposit", COIN, 1), ("TokenCallFailed", COIN)),
    (ALICE, ("withdraw", GOLD, 1), ("TokenCallFailed", GOLD)),
]
CALL_RULES: list[tuple[dict[str, Any], bytes, tuple[Any, ...]]] = [
    ({}, b"", ("UnknownMethod", bytes(4))),
    ({}, b"\x01\x02", ("UnknownMethod", b"\x01\x02\0\0")),
    ({}, b"\xff" * 40, ("UnknownMethod", b"\xff" * 4)),
    ({}, calldata("getOrder", 1)[:-1], ("MalformedCalldata", 35)),
    ({}, topic(METHODS["getBestPrices"])[:4] + b"\x01" * 32, ("MalformedCalldata", 4)),
    ({"value": 9}, calldata("cancelOrder", 1), ("ValueNotAccepted", 9)),
    ({"value": 9}, calldata("getOrder", 1), ("ValueNotAccepted", 9)),
]


def prepared() -> Precompile:
    world = new_world()
    assert send(world.spot, ALICE, "placeOrder", GOLD, 20, 50, True).values == (1,)
    assert send(world.spot, BOB, "placeOrder", GOLD, 20, 100, False).values == (2,)
    assert send(world.spot, BOB, "cancelOrder", 2).values == (True,)
    send(world.spot, BOB, "placeOrderWithOptions", GOLD, 20, 100, False, 0, 7)
    assert send(world.spot, ALICE, "placeOrder", GOLD, 10, 100, True).values == (4,)
    world.end_block()
    return world.spot


@pytest.mark.parametrize(("caller", "attempt", "error"), ERRORS, ids=lambda value: str(value)[:60])
def test_each_broken_rule_has_its_error(
    caller: Address, attempt: tuple[Any, ...], error: tuple[Any, ...]
) -> None:
    """With the fields that explain it; and nothing has changed."""
    spot = prepared()
    reply = send(spot, caller, *attempt)
    assert (reply.error, *reply.values) == error
    assert spot.ledger.journal.mark() == 0


@pytest.mark.parametrize(("context", "data", "error"), CALL_RULES)
def test_each_broken_rule_of_calling_has_its_error(
    context: dict[str, Any], data: bytes, error: tuple[Any, ...]
) -> None:
    outcome = call(prepared(), StandaloneContext(ALICE, **context), data)
    name, fields = decode_error(outcome.output)
    assert (name, *fields) == error


def test_every_error_is_reached() -> None:
    """By this module: no error of the interface is dead."""
    reached = {error[0] for _, _, error in ERRORS + CALL_RULES}
    elsewhere = {"StaticCallNotAllowed", "DelegateCallNotAllowed", "ActsThroughCoreWriter"}
    tokens = {"ReentrantCall", "TokenAmountMismatch"}
    assert reached | elsewhere | tokens == {entry["name"] for entry in ERROR_ENTRIES.values()}


@pytest.mark.parametrize("name", METHODS)
def test_static_and_delegate_calls(name: str) -> None:
    """Views answer static calls, nothing else does; nothing answers delegate calls."""
    selector = topic(METHODS[name])[:4]
    is_view = METHODS[name]["stateMutability"] == "view"
    static = call(prepared(), StandaloneContext(ALICE, is_static=True), selector + bytes(400))
    refusal = ("StaticCallNotAllowed", (selector,))
    assert is_view == (static.success or decode_error(static.output) != refusal)
    for is_static in (False, True):
        context = StandaloneContext(ALICE, is_delegate=True, is_static=is_static)
        outcome = call(prepared(), context, selector + bytes(400))
        assert decode_error(outcome.output) == ("DelegateCallNotAllowed", ())


class Token:
    """An ERC-20 that moves a little less than asked, or answers something else than true."""

    def __init__(self, *, keeps: int = 0, answer: bytes = TRUE, works: bool = True) -> None:
        self.keeps, self.answer, self.works = keeps, answer, works
        self.held = FUNDS
        self.during: Callable[[], object] | None = None

    def __call__(self, to: Address, value: int, data: bytes) -> tuple[bool, bytes]:
        del to, value
        if data[:4] == BALANCE_OF:
            return True, self.held.to_bytes(32, "big")
        amount = int.from_bytes(data[-32:], "big") - self.keeps
        self.held += -amount if data[:4] == TRANSFER else amount
        if self.during:
            self.during()
        return self.works, self.answer


@pytest.mark.parametrize("name", ["deposit", "withdraw"])
@pytest.mark.parametrize(
    ("token", "error", "fields"),
    [
        (Token(), None, None),
        (Token(answer=b""), None, None),
        (Token(works=False), "TokenCallFailed", (GOLD,)),
        (Token(answer=bytes(32)), "TokenCallFailed", (GOLD,)),
        (Token(answer=TRUE[:-1]), "TokenCallFailed", (GOLD,)),
        (Token(answer=(2).to_bytes(32, "big")), "TokenCallFailed", (GOLD,)),
        (Token(keeps=3), "TokenAmountMismatch", (GOLD, 100, 97)),
        (Token(keeps=-1), "TokenAmountMismatch", (GOLD, 100, 101)),
        (Token(keeps=200), "TokenAmountMismatch", (GOLD, 100, 0)),
    ],
)
def test_tokens_are_believed_only_as_far_as_their_balances(
    name: str, token: Token, error: str | None, fields: tuple[Any, ...] | None
) -> None:
    """A token that fails, says no, or moves another amount changes nobody's balance."""
    world = new_world()
    mark = world.ledger.journal.mark()
    reply = send(world.spot, CAROL, name, GOLD, 100, contracts=token)
    if error:
        assert (reply.error, reply.values) == (error, fields)
        assert world.ledger.journal.mark() == mark
    else:
        change = 100 if name == "deposit" else -100
        assert world.ledger.spot.balance(CAROL, GOLD).total == FUNDS + change
        assert world.ledger.spot.token_total(GOLD) == 3 * FUNDS + change


@pytest.mark.parametrize("name", ["deposit", "withdraw"])
def test_a_token_may_look_but_not_touch(name: str) -> None:
    """While a token runs, every changing method is refused and every view answers."""
    world = new_world()
    answers: dict[str, Reply] = {}

    def reenter() -> None:
        calls: list[tuple[Any, ...]] = [
            ("deposit", GOLD, 1),
            ("withdraw", GOLD, 1),
            ("placeOrder", GOLD, 2, 5, True),
            ("cancelAllOrders", bytes(20)),
            ("getBalance", CAROL, GOLD),
            ("getBestPrices", GOLD),
        ]
        for attempt in calls:
            answers[attempt[0]] = send(world.spot, CAROL, *attempt)

    token = Token()
    token.during = reenter
    assert send(world.spot, CAROL, name, GOLD, 100, contracts=token).error is None
    for attempt, reply in answers.items():
        view = METHODS[attempt]["stateMutability"] == "view"
        assert reply.error == (None if view else "ReentrantCall")
    available = FUNDS if name == "deposit" else FUNDS - 100
    assert answers["getBalance"].values == (available, 0), "credited after, debited before"
    assert send(world.spot, CAROL, "placeOrder", GOLD, 2, 5, True).error is None


def test_the_guard_opens_again_after_a_failure() -> None:
    """Also when the token, or the exchange itself, fails while it is closed."""
    world = new_world()
    send(world.spot, CAROL, "deposit", GOLD, 100, contracts=Token(works=False))

    def explode() -> None:
        raise RuntimeError

    token = Token()
    token.during = explode
    with pytest.raises(RuntimeError):
        send(world.spot, CAROL, "deposit", GOLD, 100, contracts=token)
    assert send(world.spot, CAROL, "placeOrder", GOLD, 2, 5, True).error is None


def test_coins_that_are_not_taken_stay() -> None:
    """A receiver that refuses the coin keeps its balance here."""
    world = new_world()
    reply = send(world.spot, CAROL, "withdraw", COIN, 5, contracts=lambda *_: (False, b""))
    assert reply[:2] == ("TokenCallFailed", (COIN,))
    assert world.ledger.spot.balance(CAROL, COIN).total == FUNDS


def test_running_out_of_gas_on_the_way_leaves_nothing() -> None:
    """Each order met is paid for before it is touched; one unit short and all of it is undone."""
    world = new_world()
    fund(world.ledger, RECIPIENT, GOLD, 40)
    for _ in range(2):
        send(world.spot, BOB, "placeOrder", GOLD, 20, 100, False)
    mark = world.ledger.journal.mark()
    data = calldata("placeOrder", GOLD, 40, 100, True)
    needed = 50_000 + 2 * 30_000
    short = call(world.spot, StandaloneContext(ALICE, gas=needed - 1), data)
    assert (short.success, short.output, short.logs) == (False, b"", ())
    assert world.ledger.journal.mark() == mark
    assert call(world.spot, StandaloneContext(ALICE, gas=needed), data).success
