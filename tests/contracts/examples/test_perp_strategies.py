"""The examples that run a strategy: hedger, keeper, and vault, against the real exchanges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evm_dex
from evm_dex.blocks.addresses import Account
from evm_dex.client.contract import Contract
from precompiles.types import CloseReason, TimeInForce
from tests.perp_world import (
    FUNDS,
    MAX_PRICE_AGE,
    PRICE,
    USDC,
    WETH,
    World,
    error_name,
    open_world,
    refused_with,
)


@pytest.fixture
def world() -> Iterator[World]:
    with open_world() as opened:
        yield opened


# Hedger


def spot_order(world: World, size: int, price: int, *, is_buy: bool) -> None:
    world.dex.spot.send("placeOrder", world.weth, size, price, is_buy, sender=world.dealer)


def worth(world: World, owner: Contract) -> int:
    """Of both accounts together at the mark price, in collateral; nothing is on hold."""
    asset, quote = (
        world.dex.spot.call("getBalance", owner, token).available
        for token in (world.weth, world.usdc)
    )
    mark = world.perp.call("getMarkPrice", world.weth)
    return int(world.perp.call("getAccount", owner).equity + quote + asset * mark // WETH)


def test_a_hedge_is_worth_the_same_whatever_the_price(world: World) -> None:
    """The spot fee, taken in the asset, is not sold short: 0.05 % of one WETH here."""
    hedger = world.fund("Hedger")
    spot_order(world, WETH, PRICE, is_buy=False)
    world.order(WETH, PRICE + 10 * USDC, is_buy=True)
    size = hedger.call("hedge", world.weth, WETH, PRICE, PRICE + 10 * USDC)
    assert size == WETH - WETH * 50 // 100_000
    hedger.send("hedge", world.weth, WETH, PRICE, PRICE + 10 * USDC)
    assert world.dex.spot.call("getBalance", hedger, world.weth).available == size
    assert world.size_of(hedger) == -size

    values = set()
    for price in (PRICE, 2 * PRICE, PRICE // 2):
        world.post(price)
        values.add(worth(world, hedger))
    assert len(values) == 1
    world.post(PRICE)

    world.order(size, PRICE - 10 * USDC, is_buy=False)
    spot_order(world, size, PRICE - 10 * USDC, is_buy=True)
    hedger.send("unwind", world.weth, size, PRICE - 10 * USDC, PRICE - 10 * USDC)
    assert world.size_of(hedger) == 0
    assert world.dex.spot.call("getBalance", hedger, world.weth).available == 0


@pytest.mark.parametrize(
    ("spot_price", "perp_price"), [(PRICE + USDC, PRICE), (PRICE, PRICE - USDC)]
)
def test_a_hedge_whose_one_leg_fails_leaves_no_other_leg(
    world: World, spot_price: int, perp_price: int
) -> None:
    """One of the two books is a little too dear; both are as before."""
    hedger = world.fund("Hedger")
    spot_order(world, WETH, spot_price, is_buy=False)
    world.order(WETH, perp_price, is_buy=True)
    before = world.digest()
    with refused_with("CannotFillCompletely"):
        hedger.send("hedge", world.weth, WETH, PRICE, PRICE)
    assert not hedger.send("hedge", world.weth, WETH, PRICE, PRICE, gas=1_000_000).succeeded
    assert world.digest() == before


@pytest.mark.parametrize(
    ("spot_price", "perp_price"), [(PRICE - USDC, PRICE), (PRICE, PRICE + USDC)]
)
def test_a_hedge_is_unwound_as_a_whole_or_not_at_all(
    world: World, spot_price: int, perp_price: int
) -> None:
    hedger = world.fund("Hedger")
    spot_order(world, WETH, PRICE, is_buy=False)
    world.order(WETH, PRICE, is_buy=True)
    hedger.send("hedge", world.weth, WETH, PRICE, PRICE)
    size = -world.size_of(hedger)
    spot_order(world, size, spot_price, is_buy=True)
    world.order(size, perp_price, is_buy=False)
    before = world.digest()
    with refused_with("CannotFillCompletely"):
        hedger.send("unwind", world.weth, size, PRICE, PRICE)
    assert not hedger.send("unwind", world.weth, size, PRICE, PRICE, gas=1_000_000).succeeded
    assert world.digest() == before


def test_a_hedge_smaller_than_the_lot_is_refused(world: World) -> None:
    """One lot less the spot market's fee is no lot any more."""
    hedger = world.fund("Hedger")
    spot_order(world, WETH, PRICE, is_buy=False)
    with pytest.raises(evm_dex.Reverted, match="TooSmall"):
        hedger.call("hedge", world.weth, 10**14, PRICE, PRICE)


def test_markets_that_count_in_different_units_are_refused(world: World) -> None:
    hedger, token = world.fund("Hedger"), world.dex.deploy("TestToken", "Other", "OTHER", 18)
    terms = (10**18, 1, 1, 0, 0, 0, world.dealer)
    world.dex.spot.send("listMarket", token, world.usdc, *terms)
    world.perp.send("listMarket", token, 10**9, 1, 1, 50, world.feeder)
    with pytest.raises(evm_dex.Reverted, match="UnitsDiffer"):
        hedger.call("hedge", token, 1, 1, 1)


def test_unwinding_more_than_is_short_makes_no_long(world: World) -> None:
    hedger = world.fund("Hedger")
    spot_order(world, WETH, PRICE, is_buy=False)
    world.order(WETH, PRICE, is_buy=True)
    hedger.send("hedge", world.weth, WETH, PRICE, PRICE)
    with refused_with("WouldNotReduce"):
        hedger.call("unwind", world.weth, WETH, PRICE, PRICE)


# Keeper


def test_a_keeper_liquidates_what_it_can_and_says_what_it_could_not(world: World) -> None:
    """At 10x the margin of a long at 3,000 is 300: at 2,720 it has 20 left, at least two thirds of
    its maintenance margin of 30, so the book takes it, at the best bid."""
    keeper = world.dex.deploy("Keeper")
    users = world.dex.accounts[1:4]
    for user in users:
        world.deposit(user, FUNDS)
    risky, cautious, other = (
        world.open(user, leverage) for user, leverage in zip(users, (10, 2, 10), strict=True)
    )
    low = 2_720 * USDC
    world.order(2 * WETH, low, is_buy=True)
    world.post(low)
    receipt = keeper.send("run", [cautious, risky, 999], 5)

    refused, liquidated, unknown, kept = keeper.events(receipt)
    assert refused.name == unknown.name == "LiquidationRefused"
    assert (refused.args["positionId"], unknown.args["positionId"]) == (cautious, 999)
    assert error_name(refused.args["reason"]) == "PositionHealthy"
    assert error_name(unknown.args["reason"]) == "PositionNotFound"
    assert (liquidated.name, liquidated.args) == (
        "PositionLiquidated",
        {"positionId": risky, "price": low},
    )
    assert (kept.name, kept.args) == ("Kept", {"done": 1})
    assert [world.perp.call("getPosition", p).isOpen for p in (risky, cautious, other)] == [
        False,
        True,
        False,
    ]
    left = 20 * USDC
    assert world.perp.call("getAccount", users[0]).cash == FUNDS - PRICE // 10 + left


# StrategyVault

MAX_LEVERAGE = 5
GTC, IOC = TimeInForce.GTC, TimeInForce.IOC


def make_vault(world: World) -> tuple[Contract, Account]:
    """A vault, and its strategist."""
    strategist = world.dex.accounts[3]
    vault = world.dex.deploy("StrategyVault", strategist, world.weth, MAX_LEVERAGE)
    return vault, strategist


def join(world: World, vault: Contract, user: Account, amount: int) -> int:
    """The shares that a user's deposit makes."""
    world.usdc.send("approve", vault, amount, sender=user)
    shares: int = vault.call("deposit", amount, 0, sender=user)
    vault.send("deposit", amount, shares, sender=user)
    return shares


def equity_of(world: World, vault: Contract) -> int:
    return int(world.perp.call("getAccount", vault).equity)


def test_a_share_is_worth_its_part_of_what_the_strategist_made(world: World) -> None:
    vault, strategist = make_vault(world)
    early, late = world.dex.accounts[1:3]
    assert join(world, vault, early, 1_000 * USDC) == 1_000 * USDC
    world.order(WETH, PRICE, is_buy=False)
    vault.send("placeOrder", WETH, PRICE, True, IOC, False, sender=strategist)
    world.post(PRICE + 250 * USDC)
    assert equity_of(world, vault) == 1_250 * USDC
    assert join(world, vault, late, 625 * USDC) == 500 * USDC

    world.order(WETH, PRICE + 250 * USDC, is_buy=True)
    vault.send("placeOrder", WETH, PRICE + 250 * USDC, False, IOC, True, sender=strategist)
    for user, paid in ((early, 1_250 * USDC), (late, 625 * USDC)):
        shares = vault.call("sharesOf", user)
        before = world.usdc.call("balanceOf", user)
        vault.send("redeem", shares, paid, sender=user)
        assert world.usdc.call("balanceOf", user) == before + paid
    assert vault.call("totalShares") == equity_of(world, vault) == 0


def test_rounding_is_in_the_favour_of_those_who_stay(world: World) -> None:
    """A share is worth 4/3 here: whatever is put in buys no more than its part, rounded down,
    and comes out as no more than was put in."""
    vault, strategist = make_vault(world)
    join(world, vault, world.dex.accounts[1], 750 * USDC)
    world.order(WETH, PRICE, is_buy=False)
    vault.send("placeOrder", WETH, PRICE, True, IOC, False, sender=strategist)
    world.post(PRICE + 250 * USDC)
    for amount in (2, 3, 4, 5, 1_000_001):
        equity, total = equity_of(world, vault), vault.call("totalShares")
        shares = join(world, vault, world.dex.accounts[2], amount)
        assert shares == amount * total // equity
        assert vault.call("previewRedeem", shares) <= amount
        assert equity_of(world, vault) * total >= equity * vault.call("totalShares")
    with pytest.raises(evm_dex.Reverted, match="TooFewShares"):
        join(world, vault, world.dex.accounts[2], 1)


def test_the_exchange_holds_the_strategist_to_the_leverage(world: World) -> None:
    """Also for orders that rest: nothing is put aside for them, but the second, which can't be
    afforded any more when its turn comes, is cancelled."""
    vault, strategist = make_vault(world)
    join(world, vault, world.dex.accounts[1], 1_000 * USDC)
    size = 16 * WETH // 10
    world.order(2 * WETH, PRICE, is_buy=False)
    for too_much in (17 * WETH // 10, 2 * WETH):
        with refused_with("InsufficientMargin"):
            vault.send("placeOrder", too_much, PRICE, True, IOC, False, sender=strategist)
    world.perp.send("cancelAllOrders", world.weth, sender=world.dealer)

    for _ in range(2):
        vault.send("placeOrder", size, PRICE, True, GTC, False, sender=strategist)
    first, second = world.perp.call("getOpenOrders", vault, 0, 10)
    world.order(2 * size, PRICE, is_buy=False)
    assert world.size_of(vault) == size
    assert world.perp.call("getOrderStatus", first).remaining == 0
    assert world.perp.call("getOrderStatus", second).reason == CloseReason.INSUFFICIENT_MARGIN


def test_users_wait_for_free_collateral_and_for_a_price(world: World) -> None:
    vault, strategist = make_vault(world)
    user = world.dex.accounts[1]
    join(world, vault, user, 1_000 * USDC)
    world.order(WETH, PRICE, is_buy=False)
    vault.send("placeOrder", WETH, PRICE, True, IOC, False, sender=strategist)
    vault.send("redeem", 400 * USDC, 400 * USDC, sender=user)
    with refused_with("InsufficientMargin"):
        vault.send("redeem", 1 * USDC, 0, sender=user)

    world.usdc.send("approve", vault, USDC, sender=user)
    world.dex.mine(timestamp=world.dex.head.timestamp + MAX_PRICE_AGE + 1)
    with pytest.raises(evm_dex.Reverted, match="PriceTooOld"):
        vault.send("deposit", USDC, 0, sender=user)
    with refused_with("StalePrice"):
        vault.send("redeem", 1 * USDC, 0, sender=user)


def test_a_vault_serves_its_strategist_and_its_shareholders_alone(world: World) -> None:
    vault, strategist = make_vault(world)
    user, stranger = world.dex.accounts[1:3]
    join(world, vault, user, 1_000 * USDC)
    for call in (
        ("placeOrder", WETH, PRICE, True, GTC, False),
        ("cancelOrder", 1),
        ("cancelAllOrders",),
    ):
        with pytest.raises(evm_dex.Reverted, match="NotStrategist"):
            vault.call(*call, sender=user)
    for thief in (stranger, strategist):
        with pytest.raises(evm_dex.Reverted, match="TooFewShares"):
            vault.call("redeem", 1, 0, sender=thief)
    with pytest.raises(evm_dex.Reverted, match="TooLittlePaid"):
        vault.call("redeem", USDC, USDC + 1, sender=user)
