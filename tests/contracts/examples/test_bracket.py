"""A stop loss and a take profit placed by a contract, as real bytecode, fired by the exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evm_dex
from evm_dex.client.contract import Contract
from tests.perp_world import FUNDS, PRICE, USDC, WETH, World, open_world, refused_with

BELOW, ABOVE = PRICE - 100 * USDC, PRICE + 200 * USDC
SIZE = 2 * WETH
UNTRIGGERED = 7


@pytest.fixture
def world() -> Iterator[World]:
    with open_world() as opened:
        yield opened


def entered(world: World, *, is_long: bool = True) -> Contract:
    """A bracket with a position; one of its triggers is below the price, the other above."""
    bracket = world.fund("Bracket")
    enter(world, bracket, is_long=is_long)
    return bracket


def enter(world: World, bracket: Contract, *, is_long: bool = True) -> None:
    world.order(SIZE, PRICE, is_buy=not is_long)
    stop, profit = (BELOW, ABOVE) if is_long else (ABOVE, BELOW)
    bracket.send("enter", world.weth, SIZE, PRICE, is_long, stop, profit)
    assert world.size_of(bracket) == (SIZE if is_long else -SIZE)


def waiting(world: World, bracket: Contract) -> list[bool]:
    """Whether the stop loss and the take profit wait."""
    return [
        order_id != 0 and world.perp.call("getOrderStatus", order_id).status == UNTRIGGERED
        for order_id in bracket.call("exitsOf", world.weth)
    ]


def live(world: World, bracket: Contract) -> int:
    """How many orders and triggers it has."""
    return len(world.perp.call("getOpenOrders", bracket, 0, 10))


def keep(world: World) -> int:
    """Let a stranger keep the exchange; how much there was to do."""
    done: int = world.perp.call("keep", 10)
    world.perp.send("keep", 10, sender=world.dex.accounts[3])
    return done


@pytest.mark.parametrize("is_long", [True, False], ids=["long", "short"])
@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
def test_whichever_price_comes_ends_the_position_and_anyone_tidies_up(
    world: World, is_long: bool, is_up: bool
) -> None:
    bracket = entered(world, is_long=is_long)
    almost, price = (ABOVE - USDC, ABOVE) if is_up else (BELOW + USDC, BELOW)
    world.post(almost)
    assert keep(world) == 0
    assert waiting(world, bracket) == [True, True]

    world.post(price)
    world.order(SIZE, price, is_buy=is_long)
    assert keep(world) == 1
    assert world.size_of(bracket) == 0
    direction = 1 if is_long else -1
    assert world.perp.call("getAccount", bracket).cash == FUNDS + (price - PRICE) * 2 * direction
    gained = is_up == is_long
    assert waiting(world, bracket) == [gained, not gained]

    bracket.send("tidy", world.weth, sender=world.dex.accounts[5])
    assert (waiting(world, bracket), live(world, bracket)) == ([False, False], 0)


def test_what_is_left_of_one_bracket_does_not_touch_the_next(world: World) -> None:
    """The take profit of the first would end the second too early."""
    bracket = entered(world)
    world.post(BELOW)
    world.order(SIZE, BELOW, is_buy=True)
    assert keep(world) == 1
    world.post(PRICE)
    enter(world, bracket)
    assert (waiting(world, bracket), live(world, bracket)) == ([True, True], 2)


def test_a_stop_follows_a_price_that_goes_well(world: World) -> None:
    bracket = entered(world)
    world.post(ABOVE - USDC)
    bracket.send("moveStop", world.weth, PRICE + 100 * USDC)
    assert (waiting(world, bracket), live(world, bracket)) == ([True, True], 2)
    world.post(PRICE + 100 * USDC)
    world.order(SIZE, PRICE + 100 * USDC, is_buy=True)
    assert keep(world) == 1
    assert world.perp.call("getAccount", bracket).cash == FUNDS + 2 * 100 * USDC
    with refused_with("OrderNotFound"):
        bracket.send("moveStop", world.weth, PRICE)


def test_the_owner_leaves_by_hand_and_both_triggers_are_gone(world: World) -> None:
    bracket = entered(world)
    world.order(SIZE, PRICE, is_buy=True)
    bracket.send("exit", world.weth, PRICE)
    assert (world.size_of(bracket), live(world, bracket)) == (0, 0)


@pytest.mark.parametrize(
    ("stop", "profit", "refusal"),
    [
        (PRICE, ABOVE, "InvalidTrigger"),
        (BELOW, PRICE, "InvalidTrigger"),
        (0, ABOVE, "PriceZero"),
        (BELOW + 1, ABOVE, "PriceNotMultipleOfTick"),
    ],
)
def test_without_both_triggers_there_is_no_position(
    world: World, stop: int, profit: int, refusal: str
) -> None:
    bracket = world.fund("Bracket")
    world.order(SIZE, PRICE, is_buy=False)
    before = world.digest()
    with refused_with(refusal):
        bracket.send("enter", world.weth, SIZE, PRICE, True, stop, profit)
    assert world.digest() == before


def test_a_position_has_one_bracket_which_is_needed_while_it_is_open(world: World) -> None:
    bracket = entered(world)
    with pytest.raises(evm_dex.Reverted, match="AlreadyIn"):
        bracket.send("enter", world.weth, SIZE, PRICE, True, BELOW, ABOVE)
    with pytest.raises(evm_dex.Reverted, match="StillIn"):
        bracket.send("tidy", world.weth)
    assert waiting(world, bracket) == [True, True]


def test_only_the_owner_trades(world: World) -> None:
    bracket, stranger = entered(world), world.dex.accounts[5]
    with pytest.raises(evm_dex.Reverted, match="NotOwner"):
        bracket.send("moveStop", world.weth, BELOW, sender=stranger)
    with pytest.raises(evm_dex.Reverted, match="NotOwner"):
        bracket.send("exit", world.weth, PRICE, sender=stranger)
    with pytest.raises(evm_dex.Reverted, match="NotOwner"):
        bracket.send("enter", world.weth, SIZE, PRICE, True, BELOW, ABOVE, sender=stranger)
    assert waiting(world, bracket) == [True, True]
