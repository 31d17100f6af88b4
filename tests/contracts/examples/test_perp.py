"""The plain examples for the perpetuals exchange, as real bytecode, against the real exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evm_dex
from precompiles.types import PERP_ADDRESS
from tests.perp_world import (
    FUNDS,
    GENESIS,
    LEVERAGE,
    PRICE,
    USDC,
    WETH,
    World,
    error_name,
    open_world,
)


@pytest.fixture
def world() -> Iterator[World]:
    with open_world() as opened:
        yield opened


# PerpTrader


def test_a_trader_opens_gains_closes_and_takes_its_money_home(world: World) -> None:
    trader = world.fund("PerpTrader")
    position_id = trader.call("open", world.weth, 2 * WETH, LEVERAGE, True)
    trader.send("open", world.weth, 2 * WETH, LEVERAGE, True)
    assert world.perp.call("getPosition", position_id) == (
        position_id,
        trader.address,
        world.weth.address,
        2 * WETH,
        PRICE,
        LEVERAGE,
        True,
        True,
    )
    assert world.perp.call("getAccount", trader).cash == FUNDS - 2 * PRICE // LEVERAGE

    world.post(PRICE + 100 * USDC)
    gain = 2 * 100 * USDC
    liquidation_price = PRICE * (10_000 - 9_000 // LEVERAGE) // 10_000
    assert world.perp.call("calculatePnL", position_id) == (
        2 * (PRICE + 100 * USDC),
        gain,
        liquidation_price,
    )
    assert trader.call("close", position_id) == gain
    trader.send("close", position_id)
    assert not world.perp.call("getPosition", position_id).isOpen

    trader.send("withdrawCollateral", FUNDS + gain)
    trader.send("collect", world.usdc, FUNDS + gain)
    assert world.perp.call("getAccount", trader).cash == 0
    assert world.usdc.call("balanceOf", trader) == 0


@pytest.mark.parametrize(
    ("size", "leverage", "refusal"),
    [
        (0, LEVERAGE, "AmountZero"),
        (WETH + 1, LEVERAGE, "AmountNotMultipleOfLot"),
        (WETH, 0, "InvalidLeverage"),
        (WETH, 51, "InvalidLeverage"),
        (1_000 * WETH, LEVERAGE, "InsufficientMargin"),
        (10_000 * WETH, LEVERAGE, "CannotFillCompletely"),
    ],
)
def test_a_caught_refusal_changes_nothing_and_the_contract_goes_on(
    world: World, size: int, leverage: int, refusal: str
) -> None:
    trader = world.fund("PerpTrader")
    before = world.digest()
    position_id, reason = trader.call("tryOpen", world.weth, size, leverage, True)
    assert (position_id, error_name(reason)) == (0, refusal)
    assert trader.send("tryOpen", world.weth, size, leverage, True).succeeded
    assert world.digest() == before
    assert trader.call("tryOpen", world.weth, WETH, LEVERAGE, True)[1] == b""


# RevertAfterOpen


def test_a_position_opened_in_a_call_that_reverts_never_was(world: World) -> None:
    """Part of it in the book, part with the liquidity vault: both are as before."""
    contract = world.fund("RevertAfterOpen")
    world.order(WETH, PRICE, is_buy=False)
    before = world.digest()
    arguments = (world.weth, 2 * WETH, LEVERAGE, True)
    with pytest.raises(evm_dex.Reverted, match="Regretted"):
        contract.send("openAndRevert", *arguments)
    receipt = contract.send("openAndRevert", *arguments, gas=1_000_000)
    assert not receipt.succeeded
    assert receipt.logs == ()
    assert world.digest() == before


def test_what_a_caught_inner_frame_opened_is_gone_and_the_outer_positions_stay(
    world: World,
) -> None:
    contract = world.fund("RevertAfterOpen")
    arguments = (world.weth, WETH, LEVERAGE, False)
    first, reason, last = contract.call("openAroundRevert", *arguments)
    assert reason[-32:] == (first + 1).to_bytes(32, "big"), "the inner frame did open a position"
    assert last == first + 1, "and its id went to the next one"
    contract.send("openAroundRevert", *arguments)
    account = world.perp.call("getAccount", contract)
    assert account.positionIds == (first, last)
    assert account.cash == FUNDS - 2 * PRICE // LEVERAGE
    assert world.perp.call("getOpenInterest", world.weth) == 2 * WETH


# Cheater


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trick", "value", "answer"),
    [
        ("byDelegatecall", 0, "DelegateCallNotAllowed"),
        ("byCallcode", 0, "DelegateCallNotAllowed"),
        ("byStaticcall", 0, "StaticCallNotAllowed"),
        ("withValue", 1, "ValueNotAccepted"),
        ("byReentrancy", 0, "ReentrantCall"),
    ],
)
@pytest.mark.parametrize("method", ["openPosition", "liquidate", "setOraclePrice", "keep"])
def test_the_exchange_falls_for_no_trick(
    world: World, method: str, trick: str, value: int, answer: str
) -> None:
    arguments = {
        "openPosition": (world.weth, WETH, LEVERAGE, True),
        "liquidate": (1,),
        "setOraclePrice": (world.weth, PRICE),
        "keep": (1,),
    }
    cheater = world.dex.deploy("Cheater", world.perp)
    payload = world.perp.encode(method, *arguments[method])
    succeeded, result = cheater.call(trick, payload, value=value)
    assert not succeeded
    assert error_name(result) == answer


def test_a_static_call_may_look(world: World) -> None:
    cheater = world.dex.deploy("Cheater", world.perp)
    succeeded, result = cheater.call("byStaticcall", world.perp.encode("getMarkPrice", world.weth))
    assert succeeded
    assert int.from_bytes(result, "big") == PRICE


def test_a_collateral_that_calls_back_is_refused() -> None:
    """The inner call fails, the deposit it came from goes through."""
    with evm_dex.open(genesis=GENESIS) as dex:
        perp, token = dex.contract(PERP_ADDRESS, "IPerp"), dex.deploy("ReenteringToken")
        perp.send("setCollateral", token)
        token.send("setCall", perp, perp.encode("withdraw", 1))
        token.send("mint", dex.accounts[0], 1_000)
        token.send("approve", perp, 1_000)
        perp.send("deposit", 1_000)
        assert not token.call("succeeded")
        assert error_name(token.call("result")) == "ReentrantCall"
        assert perp.call("getAccount", dex.accounts[0]).cash == 1_000
        assert dex.self_check() == []
