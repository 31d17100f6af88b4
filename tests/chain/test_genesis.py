"""Genesis files: what they put into block 0, and what broken ones are told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from checkpoint.memory_store import MemoryStore
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.chain.genesis.genesis_file import default_genesis_file, read_genesis_file
from evm_dex.chain.genesis.resolved import resolve_genesis, token_address
from evm_dex.chain.open_chain import open_chain
from evm_dex.errors import GenesisError, GenesisMismatch
from precompiles.ledger.checks import check
from precompiles.types import NATIVE_COIN, SPOT_ADDRESS

TOML = """
chain_id = 1337
timestamp = 1_800_000_000
owner = "account1"

[accounts]
account3 = "7"
0x00000000000000000000000000000000000000aa = 5

[[tokens]]
symbol = "BTC"
decimals = 8
[tokens.balances]
account0 = "340282366920938463463374607431768211455"

[[tokens]]
symbol = "USD"
name = "Dollar"
decimals = 2
address = "0x1111111111111111111111111111111111111111"

[[markets]]
base = "BTC"
quote = "USD"
tick = 5
lot = "100"
self_trade_prevention = "decrement"

[[markets]]
base = "ETH"
quote = "USD"
tick = 1
lot = 1
taker_fee = 10

[deposits.account2]
BTC = 10
ETH = "20"
"""


def test_toml_json_and_dict_mean_the_same(tmp_path: Path) -> None:
    toml_file, json_file = tmp_path / "genesis.toml", tmp_path / "genesis.json"
    toml_file.write_text(TOML)
    content = tomllib.loads(TOML)
    json_file.write_text(json.dumps(content))
    resolved = [resolve_genesis(read_genesis_file(s)) for s in (toml_file, json_file, content)]
    assert resolved[0] == resolved[1] == resolved[2]


def test_block_0_holds_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "genesis.toml"
    path.write_text(TOML)
    chain = open_chain(MemoryStore(), path)
    accounts = [account.address for account in default_accounts()]
    state, ledger = chain.state, chain.ledger
    assert (chain.chain_id, chain.head.timestamp) == (1337, 1_800_000_000)
    assert ledger.owner == accounts[1]
    assert state.get_balance(accounts[3]) == 7
    assert state.get_balance(accounts[0]) == 10_000 * 10**18
    assert state.get_balance(bytes(19) + b"\xaa") == 5
    assert state.get_balance(SPOT_ADDRESS) == 20
    assert state.get_nonce(SPOT_ADDRESS) == 1
    assert state.get_code(SPOT_ADDRESS) == b"\xfe"
    btc = token_address("BTC")
    assert ledger.spot.balance(accounts[2], btc).total == 10
    assert ledger.spot.balance(accounts[2], NATIVE_COIN).total == 20
    markets = list(ledger.spot.markets.rows.values())
    assert [(m.asset, m.base_unit, m.tick, m.lot) for m in markets] == [
        (btc, 10**8, 5, 100),
        (NATIVE_COIN, 10**18, 1, 1),
    ]
    assert markets[1].fee_recipient == accounts[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chainid": 1}, r"unknown field `chainid`"),
        ({"chain_id": "1"}, r"Expected `int`, got `str` - at `\$.chain_id`"),
        ({"chain_id": 0}, r"0 is out of range; expected 1 to \d+ - at `\$.chain_id`"),
        ({"gas_limit": 5}, r"at `\$.gas_limit`"),
        ({"timestamp": -1}, r"at `\$.timestamp`"),
        ({"owner": "bob"}, r"'bob' is not an address; expected 0x and 40 hex digits.*\$.owner"),
        ({"accounts": {"account11": 1}}, r"'account11' is not an address.*\$.accounts.account11"),
        (
            {"accounts": {"account1": "1 ether"}},
            r"'1 ether' is not an amount.*\$.accounts.account1",
        ),
        ({"accounts": {"account1": -1}}, r"-1 is out of range.*\$.accounts.account1"),
        ({"accounts": {"account1": 1.5}}, r"Expected `int \| str`, got `float`"),
        ({"tokens": {}}, r"Expected `array`, got `object` - at `\$.tokens`"),
        ({"tokens": [{}]}, r"missing required field `symbol` - at `\$.tokens\[0\]`"),
        ({"tokens": [{"symbol": ""}]}, r"expected 1 to 31 bytes.*\$.tokens\[0\].symbol"),
        ({"tokens": [{"symbol": "A", "name": "x" * 32}]}, r"1 to 31 bytes.*tokens\[0\].name"),
        ({"tokens": [{"symbol": "A"}, {"symbol": "A"}]}, r"'A' is taken.*\$.tokens\[1\].symbol"),
        ({"tokens": [{"symbol": "ETH"}]}, r"'ETH' is taken"),
        ({"tokens": [{"symbol": "A", "decimals": 39}]}, r"39 is out of range; expected 0 to 38"),
        ({"tokens": [{"symbol": "A", "address": "0x1"}]}, r"'0x1' is not an address"),
        ({"tokens": [{"symbol": "A", "address": "0x" + "00" * 19 + "05"}]}, r"for precompiles"),
        (
            {"tokens": [{"symbol": s, "address": "0x" + "12" * 20} for s in "AB"]},
            r"is taken by token A - at `\$.tokens\[1\].address`",
        ),
        (
            {"accounts": {"0x" + "Aa" * 20: 1, "0x" + "aA" * 20: 1}},
            r"the same account is listed twice",
        ),
        ({"markets": [{"base": "X", "quote": "ETH", "tick": 1, "lot": 1}]}, r"unknown token 'X'"),
        ({"markets": [{"base": "A", "quote": "A", "tick": 1, "lot": 1}]}, r"the base token itself"),
        ({"markets": [{"base": "A", "quote": "ETH", "lot": 1}]}, r"missing.*`tick`"),
        ({"markets": [{"base": "A", "quote": "ETH", "tick": 0, "lot": 1}]}, r"0\].tick"),
        ({"markets": [{"base": "A", "quote": "ETH", "tick": 1, "lot": 2**128}]}, r"0\].lot"),
        (
            {"markets": [{"base": "A", "quote": "ETH", "tick": 1, "lot": 1, "base_unit": 0}]},
            r"0\].base_unit",
        ),
        (
            {"markets": [{"base": "A", "quote": "ETH", "tick": 1, "lot": 1, "taker_fee": 10_001}]},
            r"expected 0 to 10000 - at `\$.markets\[0\].taker_fee`",
        ),
        (
            {
                "markets": [
                    {
                        "base": "A",
                        "quote": "ETH",
                        "tick": 1,
                        "lot": 1,
                        "self_trade_prevention": "no",
                    }
                ]
            },
            r"expected one of expire_maker, expire_taker",
        ),
        ({"markets": [{"base": "A", "quote": "ETH", "tick": 1, "lot": 1}] * 2}, r"has a market"),
        ({"deposits": {"account0": {"B": 1}}}, r"unknown token 'B'.*\$.deposits.account0.B"),
        ({"deposits": {"account0": {"A": 2**128}}}, r"\$.deposits.account0.A"),
        (
            {"deposits": {f"account{i}": {"A": 2**127} for i in range(2)}},
            r"all deposits of A together exceed",
        ),
    ],
)
def test_a_broken_genesis_names_the_field_and_what_was_expected(
    change: dict[str, Any], message: str
) -> None:
    content = {"tokens": [{"symbol": "A"}], **change}
    with pytest.raises(GenesisError, match=message):
        resolve_genesis(read_genesis_file(content))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("genesis.yaml", "", "ends in .toml or .json"),
        ("genesis.toml", "a = \n", "line 1"),
        ("genesis.json", "{", "line 1"),
        ("genesis.json", "[]", "it must be an object, got a list"),
    ],
)
def test_a_file_that_does_not_parse_is_named(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(GenesisError, match=message):
        read_genesis_file(path)
    with pytest.raises(GenesisError, match="No such file"):
        read_genesis_file(tmp_path / "missing.toml")


def test_reopening_takes_the_same_genesis_or_none_and_refuses_another() -> None:
    store = MemoryStore()
    first = open_chain(store, {"chain_id": 5, "tokens": [{"symbol": "A"}]})
    assert open_chain(store).head == first.head
    assert open_chain(store, {"tokens": [{"symbol": "A"}], "chain_id": 5}).head == first.head
    with pytest.raises(GenesisMismatch, match=r"they differ in: chain_id, tokens\)"):
        open_chain(store, {"chain_id": 6, "tokens": [{"symbol": "B"}]})


def test_the_default_genesis_is_sound_and_its_deposits_are_backed() -> None:
    chain = open_chain(MemoryStore())
    genesis = resolve_genesis(default_genesis_file())
    assert check(chain.ledger) == []
    assert {market.asset for market in genesis.markets} == set(chain.ledger.spot.markets.rows)
