"""Contracts by real compilers do the same compiled as interpreted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import evm_dex
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.evm.calls import Call
from evm_dex.evm.config import ExecutionConfig
from tests.evm.compiler.support import hot_after

ETHER = 10**18


@pytest.fixture(scope="module")
def dex() -> Iterator[Dex]:
    with evm_dex.open() as chain:
        yield chain


@pytest.mark.parametrize("hot", [0, 1])
@pytest.mark.parametrize("gas", [50_000, 400_000, 2_000_000])
@pytest.mark.parametrize(
    ("kernel", "rounds"),
    [("loop", 30), ("hashes", 20), ("products", 12), ("sort", 15), ("store", 20)],
)
def test_kernels(dex: Dex, hot: int, gas: int, kernel: str, rounds: int) -> None:
    contract = dex.deploy("Kernels")
    with hot_after(hot):
        found = [_result(dex, contract, kernel, (rounds,), gas, is_compiled=False)]
        found += [
            _result(dex, contract, kernel, (rounds,), gas, is_compiled=True) for _ in range(3)
        ]
    assert all(it == found[0] for it in found)


def _result(
    dex: Dex, contract: Contract, function: str, args: Any, gas: int, *, is_compiled: bool
) -> Any:
    config = ExecutionConfig(is_compiled=is_compiled)
    data = contract.encode(function, *args)
    return dex.chain.attempt(Call(to=contract.raw_address, data=data, gas=gas, config=config))


def trade() -> list[Any]:
    """A life of tokens, a pair, a vault and a trader on the exchange; all that came of it."""
    with hot_after(0), evm_dex.open() as dex:
        me, other = dex.accounts[:2]
        base, quote = (dex.deploy("TestToken", name, name, 18) for name in ("Base", "Quote"))
        pair, vault = dex.deploy("Pair", base, quote), dex.deploy("ShareVault", base)
        trader, weth = dex.deploy("Trader"), dex.tokens["WETH"]
        for token in (base, quote):
            token.send("mint", me, 10**30)
            for spender in (pair, vault):
                token.send("approve", spender, 2**255)
        pair.send("provide", 10**24, 3 * 10**27)
        for symbol in ("WETH", "USDC"):
            dex.cheats.deal_on_spot(symbol, trader, 10**24)
            dex.cheats.deal_on_spot(symbol, other, 10**24)
        price = 3_000 * 10**6
        dex.spot.send("placeOrder", weth, 10 * ETHER, price, False, sender=other)
        receipts = []
        for amount in (1, ETHER, 3 * ETHER):
            receipts += [
                base.send("transfer", other, amount),
                pair.send("swap", amount, 0, True),
                pair.send("swap", amount, 0, False),
                vault.send("deposit", amount, me),
                trader.send("trade", weth, 10**16, price, True),
            ]
        receipts.append(pair.send("swap", ETHER, 10**30, True, gas=300_000))
        receipts.append(base.send("transfer", other, 10**40, gas=300_000))
        assert dex.self_check() == []
        assert [it.succeeded for it in receipts[-3:]] == [True, False, False]
        return [*receipts, dex.chain.head.state_root]


def test_trading(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = trade()
    monkeypatch.setattr(ExecutionConfig, "needs_interpreter", True)
    assert trade() == compiled
