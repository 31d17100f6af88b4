"""The example contracts, as real bytecode, against the real exchange."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import evm_dex
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.errors import CallFailed
from precompiles.errors import ContractError

WETH, USDC = 10**18, 10**6
FUNDS = {"WETH": 100 * WETH, "USDC": 1_000_000 * USDC}


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open() as chain:
        yield chain
        assert chain.self_check() == []


def funded(dex: Dex, name: str) -> Contract:
    """An example contract with tokens on the exchange."""
    contract = dex.deploy(name)
    for symbol, amount in FUNDS.items():
        dex.tokens[symbol].send("mint", contract, amount)
        contract.send("deposit", dex.tokens[symbol], amount)
    return contract


def balances(dex: Dex, owner: Any) -> list[tuple[int, int]]:
    return [tuple(dex.spot.call("getBalance", owner, token)) for token in dex.tokens.values()]


def error_name(revert_data: bytes) -> str:
    return ContractError.known[revert_data[:4]].__name__


def test_a_trader_deposits_trades_cancels_and_takes_its_tokens_home(dex: Dex) -> None:
    weth, trader = dex.tokens["WETH"], funded(dex, "Trader")
    dex.spot.send("placeOrder", weth, 3 * WETH, 3_000 * USDC, False, sender=dex.accounts[1])
    assert trader.call("trade", weth, 5 * WETH, 3_000 * USDC, True) == 3 * WETH
    trader.send("trade", weth, 5 * WETH, 3_000 * USDC, True)
    assert tuple(dex.spot.call("getBestPrices", weth)) == (0, 0)

    trader.send("placeLimit", weth, 2 * WETH, 2_900 * USDC, True)
    (order_id,) = dex.spot.call("getOpenOrders", trader, 0, 10)
    trader.send("replace", order_id, 1 * WETH, 2_900 * USDC)
    assert dex.spot.call("getOrderStatus", order_id).remaining == WETH
    trader.send("cancel", order_id)
    assert dex.spot.call("getOpenOrders", trader, 0, 10) == ()

    available = dex.spot.call("getBalance", trader, weth).available
    fee = 3 * WETH * 50 // 100_000
    assert available == FUNDS["WETH"] + 3 * WETH - fee
    trader.send("withdraw", weth, available)
    trader.send("collect", weth, available)
    assert dex.tokens["WETH"].call("balanceOf", trader) == 0


def test_a_market_maker_quotes_a_ladder_and_replaces_it(dex: Dex) -> None:
    weth, maker = dex.tokens["WETH"], funded(dex, "MarketMaker")
    maker.send("quote", weth, 3_000 * USDC, 10 * USDC, WETH, 5)
    depth = dex.spot.call("getDepth", weth, 10)
    assert depth.bidPrices == tuple((3_000 - 10 * step) * USDC for step in range(1, 6))
    assert depth.askPrices == tuple((3_000 + 10 * step) * USDC for step in range(1, 6))
    first = maker.call("getOrderIds", weth)
    maker.send("quote", weth, 3_100 * USDC, 10 * USDC, WETH, 3)
    depth = dex.spot.call("getDepth", weth, 10)
    assert depth.askPrices == (3_110 * USDC, 3_120 * USDC, 3_130 * USDC)
    assert not set(first) & set(maker.call("getOrderIds", weth))
    maker.send("stop", weth)
    assert tuple(dex.spot.call("getBestPrices", weth)) == (0, 0)
    assert all(hold == 0 for _, hold in balances(dex, maker))


def test_a_trade_in_a_call_that_reverts_never_was(dex: Dex) -> None:
    weth, contract = dex.tokens["WETH"], funded(dex, "RevertAfterTrade")
    dex.spot.send("placeOrder", weth, 3 * WETH, 3_000 * USDC, False, sender=dex.accounts[1])
    before = (balances(dex, contract), dex.spot.call("getDepth", weth, 10), dex.counts())
    with pytest.raises(evm_dex.Reverted, match="Regretted"):
        contract.send("tradeAndRevert", weth, WETH, 3_000 * USDC, True)
    receipt = contract.send("tradeAndRevert", weth, WETH, 3_000 * USDC, True, gas=500_000)
    assert not receipt.succeeded
    assert receipt.logs == ()
    assert (balances(dex, contract), dex.spot.call("getDepth", weth, 10), dex.counts()) == before


def test_what_a_caught_inner_frame_traded_is_gone_and_the_outer_trades_stay(dex: Dex) -> None:
    weth, contract = dex.tokens["WETH"], funded(dex, "RevertAfterTrade")
    first, reason, last = contract.call("tradeAroundRevert", weth, WETH, 3_000 * USDC, True)
    assert reason[-32:] == (first + 1).to_bytes(32, "big"), "the inner frame did place an order"
    assert last == first + 1, "and its id went to the next one"
    contract.send("tradeAroundRevert", weth, WETH, 3_000 * USDC, True)
    assert dex.spot.call("getOpenOrders", contract, 0, 10) == (first, last)
    assert dex.spot.call("getDepth", weth, 10).bidAmounts == (2 * WETH,)


@pytest.mark.parametrize("reverting", range(8))
def test_nested_frames_keep_exactly_what_no_enclosing_frame_reverted(
    dex: Dex, reverting: int
) -> None:
    weth, contract = dex.tokens["WETH"], funded(dex, "RevertAfterTrade")
    depth = 2
    receipt = contract.send(
        "tradeNested", weth, WETH, 3_000 * USDC, True, depth, reverting, gas=3_000_000
    )
    assert receipt.succeeded == (not reverting >> depth & 1)
    kept = 0
    for frame in range(depth, -1, -1):
        if reverting >> frame & 1:
            break
        kept += 2
    assert len(dex.spot.call("getOpenOrders", contract, 0, 10)) == kept
    assert sum(dex.spot.call("getDepth", weth, 1).bidAmounts) == kept * WETH


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
def test_the_exchange_falls_for_no_trick(dex: Dex, trick: str, value: int, answer: str) -> None:
    weth, cheater = dex.tokens["WETH"], dex.deploy("Cheater", dex.spot)
    payload = dex.spot.encode("placeOrder", weth, WETH, 3_000 * USDC, True)
    succeeded, result = cheater.call(trick, payload, value=value)
    assert not succeeded
    assert error_name(result) == answer


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ("FeeOnTransferToken", "TokenAmountMismatch"),
        ("IdleToken", "TokenAmountMismatch"),
        ("FalseReturningToken", "TokenCallFailed"),
        ("RevertingToken", "TokenCallFailed"),
        ("GasBurningToken", "TokenCallFailed"),
    ],
)
def test_a_token_that_misbehaves_is_refused_on_deposit(dex: Dex, token: str, answer: str) -> None:
    contract = dex.deploy(token)
    contract.send("mint", dex.accounts[0], 1_000)
    contract.send("approve", dex.spot, 1_000)
    with pytest.raises(CallFailed) as failed:
        dex.spot.call("deposit", contract, 1_000)
    assert error_name(failed.value.output) == answer
    assert dex.spot.call("getBalance", dex.accounts[0], contract).available == 0


def test_a_token_that_returns_nothing_works(dex: Dex) -> None:
    token = dex.deploy("SilentToken")
    token.send("mint", dex.accounts[0], 1_000)
    token.send("approve", dex.spot, 1_000)
    dex.spot.send("deposit", token, 1_000)
    dex.spot.send("withdraw", token, 400)
    assert dex.spot.call("getBalance", dex.accounts[0], token).available == 600
    assert token.call("balanceOf", dex.accounts[0]) == 400


def test_the_native_coin_comes_in_and_goes_out(dex: Dex) -> None:
    native = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
    before = dex.balance(dex.spot)
    dex.spot.send("depositNative", value=1_000)
    assert dex.spot.call("getBalance", dex.accounts[0], native).available == 1_000
    assert dex.balance(dex.spot) == before + 1_000
    dex.spot.send("withdraw", native, 1_000)
    assert dex.balance(dex.spot) == before
