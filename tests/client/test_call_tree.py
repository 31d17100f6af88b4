"""Trees of calls: what a failing test shows without a word of configuration."""

from __future__ import annotations

import time
import traceback

import pytest

from evm_dex import Reverted
from evm_dex.abi.contract_interface import DecodedError
from evm_dex.client.call_tree import explained
from evm_dex.client.dex import Dex
from tests.bytecode import assemble
from tests.printing import calling

pytest_plugins = ["pytester"]
RUN = [{"type": "function", "name": "run", "inputs": [], "outputs": [], "stateMutability": "view"}]
PRICE = 3_000 * 10**6


def test_a_receipt_shows_its_calls_decoded(dex: Dex) -> None:
    weth, maker = dex.tokens["WETH"], dex.accounts[1]
    dex.spot.send("placeOrder", weth, 10**18, PRICE, False, sender=maker)
    trader = dex.deploy("Trader")
    dex.cheats.deal_on_spot("USDC", trader, 2 * PRICE)
    tree = trader.send("trade", weth, 10**18, PRICE, True).trace()
    lines = tree.splitlines()
    assert lines[0].startswith(f"Trader.trade(asset={weth.address}")
    assert lines[0].endswith(" gas]")
    assert any("─ ISpot.placeOrderWithOptions(asset=" in line for line in lines)
    assert any("emit Trade(asset=" in line and "price=3000000000" in line for line in lines)


def test_an_error_of_a_contract_inside_another_is_named(dex: Dex) -> None:
    trader = dex.deploy("Trader")
    with pytest.raises(Reverted) as refused:
        trader.call("trade", dex.tokens["WETH"], 10**18, PRICE, True)
    error = refused.value
    assert error.name == "InsufficientBalance"
    lines = error.tree.splitlines()
    assert lines[0].startswith("Trader.trade(")
    assert "reverted: InsufficientBalance(" in lines[-2]
    assert lines[-2].startswith("└─ ")
    assert lines[-1].startswith("   at Trader.trade (contracts/examples/Trader.sol:")
    shown = "".join(traceback.format_exception(error))
    assert error.tree in shown
    error.add_note("and this")
    assert error.__notes__[0] == "and this"


def test_a_tree_is_of_the_chain_as_it_was(dex: Dex) -> None:
    weth, maker = dex.tokens["WETH"], dex.accounts[1]
    whale = dex.accounts[2]
    with pytest.raises(Reverted) as refused:
        dex.spot.send("placeOrder", weth, 10**30, PRICE, False, sender=whale)
    for _ in range(3):
        dex.spot.send("placeOrder", weth, 10**18, PRICE, False, sender=maker)
    assert "reverted: InsufficientBalance(" in refused.value.tree
    with pytest.raises(Reverted) as failed:
        dex.spot.send("cancelOrder", 999, sender=whale, gas=None)
    assert "ISpot.cancelOrder(orderId=999)" in failed.value.tree
    assert "reverted: OrderNotFound(orderId=999)" in failed.value.tree


def test_what_nobody_gave_an_abi_of_is_shown_in_hex(dex: Dex) -> None:
    # Returns 32 bytes of zeros to anything, with a log: PUSH0 PUSH0 LOG0, PUSH1 32 PUSH0 RETURN.
    code = bytes.fromhex("60085f8160095f39f35f5fa060205ff300")
    receipt = dex.send(data=code, sender=dex.accounts[7])
    assert receipt.contract_address is not None
    sent = dex.send(to=receipt.contract_address, data=bytes.fromhex("12345678" + "00" * 32))
    first, second = sent.trace().splitlines()
    assert first.startswith(f"{receipt.contract_address}.0x12345678(0x0000")
    assert second.startswith("└─ emit log of 0x")


def test_panics_and_strings_are_told_in_words() -> None:
    assert explained(DecodedError("Panic", {"code": 0x11})) == (
        "Panic(0x11): an arithmetic overflow or underflow"
    )
    assert explained(DecodedError("Error", {"message": "too late"})) == "too late"


def test_a_tree_of_a_hundred_calls_takes_less_than_50_ms(dex: Dex) -> None:
    token = dex.tokens["WETH"]
    look = calling(token.raw_address, token.encode("balanceOf", dex.accounts[1]))
    dex.cheats.set_code(b"\xc0" * 20, look * 100 + assemble("PUSH0 PUSH0 REVERT"))
    outer = dex.contract(b"\xc0" * 20, {"abi": RUN, "contractName": "Outer"})
    took = []
    for _ in range(3):
        with pytest.raises(Reverted) as refused:
            outer.call("run")
        began = time.process_time()
        lines = refused.value.tree.splitlines()
        took.append(time.process_time() - began)
        assert sum("TestToken.balanceOf(account=0x" in line for line in lines) == 100
        assert lines[-1] == "└─ reverted"
    assert min(took) < 0.05


def test_pytest_shows_the_tree(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(dex):
            trader = dex.deploy("Trader")
            trader.send("trade", dex.tokens["WETH"], 10**18, 3_000 * 10**6, True)
        """
    )
    shown = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").stdout.str()
    assert "ISpot.placeOrderWithOptions(asset=0x" in shown
    assert "reverted: InsufficientBalance(" in shown
