"""Promises of a vault to its users and its manager.

The fixtures `dex`, `dex_accounts` and `dex_markets` come with evm-dex; each test finds the chain
as new.
"""

from __future__ import annotations

import pytest

import evm_dex
from evm_dex import Reverted

USDC, WETH = 10**6, 10**18
PRICE = 2_000 * USDC


@pytest.fixture
def saver(dex, dex_accounts, dex_markets, vault):
    """An account with 10,000 USDC, which the vault may take."""
    account = dex_accounts[1]
    dex.cheats.deal("USDC", account, 10_000 * USDC)
    dex_markets.usdc.send("approve", vault, 2**256 - 1, sender=account)
    return account


@pytest.fixture
def book(dex, dex_accounts, dex_markets):
    """Somebody who buys and sells 5 WETH around the price."""
    maker = dex_accounts[2]
    for price, is_buy in ((PRICE - 10 * USDC, True), (PRICE + 10 * USDC, False)):
        dex.spot.send("placeOrder", dex_markets.weth, 5 * WETH, price, is_buy, sender=maker)
    return maker


def test_who_comes_first_gets_a_share_for_each_unit(vault, saver, dex_markets):
    vault.send("deposit", 10_000 * USDC, sender=saver)
    assert vault.call("sharesOf", saver) == 10_000 * USDC
    assert dex_markets.usdc.call("balanceOf", saver) == 0


def test_the_manager_buys_and_users_share_the_gain(dex, vault, saver, book, dex_markets):
    vault.send("deposit", 10_000 * USDC, sender=saver)
    vault.send("trade", 4 * WETH, PRICE + 10 * USDC, True)
    assert dex.spot.call("getBalance", vault, dex_markets.weth).available > 3 * WETH

    dex.spot.send("cancelAllOrders", dex_markets.weth, sender=book)
    bid = 3_000 * USDC
    dex.spot.send("placeOrder", dex_markets.weth, 5 * WETH, bid, True, sender=book)
    assert vault.call("worth") > 13_000 * USDC


def test_what_is_in_ether_is_not_paid_out(vault, saver, book):
    vault.send("deposit", 10_000 * USDC, sender=saver)
    vault.send("trade", 4 * WETH, PRICE + 10 * USDC, True)
    with pytest.raises(Reverted) as refused:
        vault.send("redeem", 10_000 * USDC, sender=saver)
    assert refused.value.name == "NotInDollars"
    assert refused.value.fields["available"] < refused.value.fields["needed"]


def test_an_error_of_the_exchange_comes_through_with_its_numbers(vault, book):
    with pytest.raises(Reverted, match=r"InsufficientBalance\(.*available=0, needed="):
        vault.send("trade", WETH, PRICE + 10 * USDC, True)


def test_nobody_else_trades(vault, saver):
    with pytest.raises(Reverted, match="NotManager"):
        vault.send("trade", WETH, PRICE, True, sender=saver)


@pytest.mark.parametrize("amount", [1, 999_999, 10_000 * USDC])
def test_coming_and_going_gains_nothing(vault, saver, dex_markets, amount):
    vault.send("deposit", amount, sender=saver)
    vault.send("redeem", vault.call("sharesOf", saver), sender=saver)
    assert dex_markets.usdc.call("balanceOf", saver) == 10_000 * USDC


def test_shares_outlive_the_process(dex_on_disk, compiled, tmp_path):
    """On a chain of its own, that is closed and opened again."""
    dex = dex_on_disk
    usdc, weth = dex.tokens["USDC"], dex.tokens["WETH"]
    vault = dex.deploy(compiled, usdc, weth, dex.accounts[0])
    usdc.send("approve", vault, 7)
    vault.send("deposit", 7)
    dex.close()
    with evm_dex.open(tmp_path / "chain") as again:
        same = again.contract(vault.address, compiled)
        assert same.call("sharesOf", again.accounts[0]) == 7
