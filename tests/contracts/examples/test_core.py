"""Contracts that act on HyperCore: one that trades and bridges, and the classic mistakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evm_dex
from evm_dex.client.contract import Contract
from evm_dex.client.core_actions import CoreAction
from evm_dex.client.dex import Dex
from precompiles.hyper.encoding import LimitOrder, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER

HYPE, USD, E8 = 150, 10**6, 10**8
BTC = 0


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open(profile="hyperevm") as chain:
        chain.core.set_delay(0)
        yield chain
        assert chain.self_check() == []


@pytest.fixture
def trader(dex: Dex) -> Contract:
    """With HYPE on the EVM, and USDC and HYPE on HyperCore."""
    contract = dex.deploy("CoreTrader")
    dex.send(to=contract, value=10 * 10**18)
    dex.core.assert_all_done(contract.send("toCore", 5 * 10**18))
    dex.core.force_spot_balance(contract, 0, 1_000 * E8)
    return contract


def the_reason(dex: Dex, contract: Contract, name: str, *args: object) -> CoreAction:
    """Of the one action that a call sends, and that does nothing."""
    (action,) = dex.core.actions(contract.send(name, *args))
    assert action.outcome == "dropped"
    return action


def test_a_contract_bridges_trades_and_comes_back(dex: Dex, trader: Contract) -> None:
    writer = dex.contract(CORE_WRITER, "CoreWriter")
    dex.core.assert_all_done(trader.send("classTransfer", 900 * USD, True))
    sell = LimitOrder(BTC, False, 80_000 * E8, 10**6, False, 2, 0)
    writer.send("sendRawAction", encode_action(sell), sender=dex.accounts[1])
    dex.core.assert_all_done(trader.send("order", BTC, True, 80_000 * E8, 10**6, 7))
    assert tuple(trader.call("account", BTC)) == (5 * E8, 1_000)
    dex.core.assert_all_done(trader.send("order", BTC, False, 90_000 * E8, 10**6, 8))
    dex.core.assert_all_done(trader.send("cancel", BTC, 8))
    before = dex.balance(trader)
    dex.core.assert_all_done(trader.send("toEvm", 2 * E8))
    assert dex.balance(trader) == before
    dex.mine()
    assert dex.balance(trader) == before + 2 * 10**18


def test_funding_and_acting_in_one_block_is_too_early(dex: Dex) -> None:
    contract = dex.deploy("CoreTrader")
    dex.send(to=contract, value=10**18)
    dex.cheats.automine(on=False)
    contract.submit("toCore", 10**18)
    late = contract.submit("classTransfer", USD, True)
    dex.mine()
    (action,) = dex.core.actions(late)
    assert (action.outcome, action.reason) == ("dropped", "UnknownUser")


def test_prices_are_times_1e8(dex: Dex, trader: Contract) -> None:
    trader.send("classTransfer", 900 * USD, True)
    action = the_reason(dex, trader, "order", BTC, True, 80_000 * 10**6, 10**6, 0)
    assert action.reason == "PriceNotTimes1e8"


def test_margin_must_be_in_the_perpetuals_wallet(dex: Dex, trader: Contract) -> None:
    action = the_reason(dex, trader, "order", BTC, True, 80_000 * E8, 10**6, 0)
    assert action.reason == "FundsInOtherWallet"
    assert action.reason_fields["inOtherWallet"] == 1_000 * USD


def test_all_of_the_hype_can_not_pay_its_own_way_home(dex: Dex, trader: Contract) -> None:
    dex.core.force_spot_balance(trader, 0, 0)
    assert the_reason(dex, trader, "toEvm", 5 * E8).reason == "TransferFeeNotPayable"


def test_dust_is_lost_where_nobody_looks(trader: Contract) -> None:
    with pytest.raises(evm_dex.Reverted, match="DustWouldBeLost"):
        trader.send("toCore", 10**18 + 1)


@pytest.mark.parametrize(
    ("price", "size", "reason"),
    [
        (80_000 * E8 + 5 * 10**7, 10**6, "InvalidPrice"),
        (80_000 * E8, 10**2, "InvalidSize"),
        (80_000 * E8, 10**4, "BelowMinimumNotional"),
        (150_000 * E8, 10**6, "PriceOutOfBand"),
    ],
)
def test_the_grid_the_minimum_and_the_band(
    dex: Dex, trader: Contract, price: int, size: int, reason: str
) -> None:
    trader.send("classTransfer", 900 * USD, True)
    assert the_reason(dex, trader, "order", BTC, True, price, size, 0).reason == reason
