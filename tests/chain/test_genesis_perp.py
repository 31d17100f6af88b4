"""The perpetuals exchange of a genesis: what is put into block 0, and what broken ones are told."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest

import evm_dex
from evm_dex.blocks.addresses import checksum
from evm_dex.chain.genesis.genesis_file import read_genesis_file
from evm_dex.chain.genesis.genesis_perp import market_address
from evm_dex.chain.genesis.resolved import resolve_genesis
from evm_dex.errors import GenesisError

TOML = """
[[tokens]]
symbol = "USD"
decimals = 2

[perp]
collateral = "USD"
backstop = "account9"
insurance = 700

[[perp.markets]]
market = "USD"
tick = 1
lot = 1

[[perp.markets]]
market = "BTC"
base_unit = 100
tick = 5
lot = "10"
tiers = [[0, 40], [1000000, 20]]
price = 5000000
feeder = "account3"
maker_fee = 1
taker_fee = 2
liquidation_fee = 3
max_price_age = 90
max_slippage = 200
partial_notional = 10
cooldown = 11
max_open_interest = 12
minimum_notional = 13
price_band = 14
impact_notional = 15
vault = "account8"
vault_limit = 16

[perp.deposits]
account1 = 1000
account2 = "2000"
"""
GENESIS: dict[str, Any] = tomllib.loads(TOML)


def test_block_0_holds_what_the_file_says() -> None:
    with evm_dex.open(genesis=GENESIS) as dex:
        accounts, usd = dex.accounts, dex.tokens["USD"]
        assert dex.perp_markets == {
            "USD": dex.tokens["USD"].address,
            "BTC": checksum(market_address("BTC")),
        }
        assert list(dex.perp_markets.values()) == list(dex.perp.call("getMarkets", 0, 9))
        btc = dex.perp_markets["BTC"]
        assert dex.perp.call("collateral") == usd.address
        assert dex.perp.call("getBackstop") == accounts[9].address
        assert tuple(dex.perp.call("getInsurance")) == (700, 0)
        assert dex.perp.call("getAccount", accounts[2]).cash == 2_000
        assert usd.call("balanceOf", dex.perp) == 3_700
        market = dex.perp.call("getMarket", btc)
        assert tuple(market) == (
            *(100, 5, 10, 40, 1, 2, 3, accounts[0].address, 0, accounts[8].address, 16),
        )
        assert tuple(dex.perp.call("getRisk", btc)) == (90, 200, 10, 11, 12, 13, 14, 15)
        assert [tuple(tier) for tier in dex.perp.call("getTiers", btc)] == [
            (0, 40),
            (1_000_000, 20),
        ]
        assert dex.perp.call("getMarkPrice", btc) == 5_000_000
        assert dex.perp.call("getOracle", btc).feeder == accounts[3].address
        assert dex.self_check() == []


def test_a_market_without_a_price_says_so() -> None:
    with evm_dex.open(genesis=GENESIS) as dex, pytest.raises(evm_dex.Reverted) as caught:
        dex.perp.call("getMarkPrice", dex.perp_markets["USD"])
    assert caught.value.name == "NoOraclePrice"


BROKEN: tuple[tuple[tuple[Any, ...], Any, str], ...] = (
    (("perp", "collateral"), "EUR", "unknown token 'EUR'"),
    (("perp", "collateral"), "ETH", "expected a token, not the native coin"),
    (("perp", "backstop"), "nobody", "'nobody' is not an address"),
    (("perp", "insurance"), -1, "out of range"),
    (("perp", "insurance"), 2**128 - 1, "with the insurance they exceed"),
    (("perp", "markets", 1, "market"), "USD", "'USD' is listed twice"),
    (("perp", "markets", 1, "tick"), 0, "perp.markets[1].tick"),
    (("perp", "markets", 1, "max_leverage"), 51, "51 is out of range; expected 1 to 50"),
    (("perp", "markets", 1, "maker_fee"), 10_001, "expected 0 to 10000"),
    (("perp", "markets", 1, "price_band"), 100_000, "expected 0 to 99999"),
    (("perp", "markets", 1, "tiers"), [[1, 40]], "the first bound is 0"),
    (("perp", "markets", 1, "tiers"), [[0, 20], [5, 40]], "leverages fall"),
    (("perp", "markets", 1, "tiers"), [[0, 0]], "perp.markets[1].tiers"),
    (("perp", "markets", 1, "price"), 0, "perp.markets[1].price"),
    (("perp", "markets", 1, "self_trade_prevention"), "maybe", "expected one of expire_maker"),
    (("perp", "markets", 1, "surprise"), 1, "unknown field `surprise`"),
    (("perp", "deposits", "account1"), "much", "'much' is not an amount"),
)


@pytest.mark.parametrize(("place", "value", "told"), BROKEN)
def test_what_is_wrong_is_named(place: tuple[Any, ...], value: Any, told: str) -> None:
    genesis = copy.deepcopy(GENESIS)
    inner: Any = genesis
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(GenesisError) as caught:
        resolve_genesis(read_genesis_file(genesis))
    assert told in str(caught.value)


def test_a_genesis_without_perpetuals_is_what_it_was() -> None:
    """Its encoding has no word of them, so chains that were begun before still open with it."""
    plain = resolve_genesis(read_genesis_file({"tokens": GENESIS["tokens"]}))
    assert b"perp" not in plain.encode()
