"""What contracts of any kind say and are told, by their ABI."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

import evm_dex
from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import (
    ERROR_STRING,
    PANIC,
    DecodedError,
    Interface,
    decode_outputs,
)
from evm_dex.blocks.addresses import checksum
from evm_dex.blocks.receipt import Log
from precompiles.types import Address
from tests.bytecode import assemble

WHO, OTHER = checksum(b"\xab" * 20), checksum(b"\xcd" * 20)
ORDER: dict[str, Any] = {
    "name": "order",
    "type": "tuple",
    "internalType": "struct Shop.Order",
    "components": [
        {"name": "amount", "type": "uint256"},
        {"name": "price", "type": "uint256"},
        {"name": "owner", "type": "address"},
    ],
}


def function(name: str, inputs: list[Any] | None = None, outputs: list[Any] | None = None) -> Any:
    return {"type": "function", "name": name, "inputs": inputs or [], "outputs": outputs or []}


def test_a_struct_by_names_is_encoded_in_the_order_of_its_fields() -> None:
    shop = Interface([function("buy", [ORDER]), function("all", [{**ORDER, "type": "tuple[]"}])])
    by_place = (7, 9, WHO)
    by_name = {"owner": WHO, "price": 9, "amount": 7}
    buy, several = shop.function("buy", 1), shop.function("all", 1)
    assert shop.encode_call(buy, [by_name]) == shop.encode_call(buy, [by_place])
    assert shop.encode_call(several, [[by_name] * 2]) == shop.encode_call(several, [[by_place] * 2])
    with pytest.raises(TypeError, match="order has the fields amount, price, owner, not amount"):
        shop.encode_call(buy, [{"amount": 7}])


def test_a_wrong_argument_is_named() -> None:
    inputs = [{"name": "asset", "type": "address"}, {"name": "amount", "type": "uint256"}]
    shop = Interface([function("buy", inputs), function("sell", [{"name": "", "type": "bool"}])])
    for name, values, message in (
        ("buy", [WHO, -1], "amount must be uint256, got -1"),
        ("buy", ["WETH", 1], "asset must be address, got 'WETH'"),
        ("sell", ["yes"], "argument 1 must be bool, got 'yes'"),
    ):
        with pytest.raises(ValueError, match=message):
            shop.encode_call(shop.function(name, len(values)), values)


def test_structs_come_back_with_names_and_their_addresses_with_a_checksum() -> None:
    outputs = [{**ORDER, "type": "tuple[]"}, {"name": "", "type": "address[]"}]
    data = encode(
        ["(uint256,uint256,address)[]", "address[]"], [[(1, 2, WHO.lower())], [OTHER.lower()]]
    )
    orders, owners = decode_outputs(function("orders", outputs=outputs), data)
    assert orders[0].price == 2
    assert orders == ((1, 2, WHO),)
    assert owners == (OTHER,)


@pytest.mark.parametrize("text", ["da39a3ee5e6b4b0d3255bfef95601890afd80709", WHO.lower()])
def test_a_string_that_looks_like_an_address_stays_as_it_is(text: str) -> None:
    named = function("name", outputs=[{"name": "", "type": "string"}])
    assert decode_outputs(named, encode(["string"], [text])) == text


def test_fields_of_an_event_without_names_are_all_there() -> None:
    fields = [
        {"name": "", "type": "uint256", "indexed": False},
        {"name": "", "type": "uint256", "indexed": True},
        {"name": "last", "type": "uint256", "indexed": False},
    ]
    shop = Interface([{"type": "event", "name": "Sold", "inputs": fields}])
    topics = (shop.topic("Sold"), encode(["uint256"], [2]))
    event = shop.decode_event(Log(Address(b"\1" * 20), topics, encode(["uint256"] * 2, [1, 3])))
    assert event is not None
    assert event.args == {"0": 1, "1": 2, "last": 3}


def test_an_event_with_other_fields_indexed_is_another() -> None:
    """An ERC-721's Transfer has the topic of an ERC-20's."""
    words = [encode(["address"], [WHO]), encode(["address"], [OTHER]), encode(["uint256"], [7])]
    token = Interface(load_artifact("TestToken")["abi"])
    address, topic = Address(b"\1" * 20), token.topic("Transfer")
    found = token.decode_event(Log(address, (topic, *words[:2]), words[2]))
    assert found is not None
    assert found.args == {"from": WHO, "to": OTHER, "value": 7}
    assert token.decode_event(Log(address, (topic, *words), b"")) is None


@given(st.sampled_from([ERROR_STRING, PANIC, b""]), st.binary(max_size=100))
def test_made_up_revert_data_is_no_known_error(start: bytes, rest: bytes) -> None:
    """Or the error whose data it happens to be."""
    found = Interface([]).decode_error(start + rest)
    assert found is None or (len(rest) >= 32 and found.name in ("Error", "Panic"))


def test_text_that_is_no_text_is_no_known_error() -> None:
    data = ERROR_STRING + encode(["bytes"], [b"\xff\x00"])
    assert Interface([]).decode_error(data) is None


def contract_that_ends_with(dex: evm_dex.Dex, program: str) -> evm_dex.Contract:
    """With the ABI of a token."""
    address = b"\xaa" * 20
    dex.cheats.set_code(address, assemble(program))
    return dex.contract(address, "TestToken")


def test_a_contract_that_reverts_with_half_an_error_reverts(dex: evm_dex.Dex) -> None:
    token = contract_that_ends_with(dex, "0x08c379a0 PUSH0 MSTORE 0x04 0x1c REVERT")
    with pytest.raises(evm_dex.Reverted) as refused:
        token.send("approve", token, 1)
    assert (refused.value.name, refused.value.output) == ("", ERROR_STRING)


def test_an_answer_that_the_abi_does_not_expect_is_told(dex: evm_dex.Dex) -> None:
    token = contract_that_ends_with(dex, "0x03 PUSH0 RETURN")
    expected = r"symbol of <TestToken 0xa.*> gave 0x000000, which its ABI does not expect"
    with pytest.raises(ValueError, match=expected):
        token.call("symbol")
    with pytest.raises(ValueError, match=r"no contract is at 0x7777.*: symbol gave nothing"):
        dex.contract(b"\x77" * 20, "TestToken").call("symbol")


def test_bytes_in_errors_are_written_in_hex() -> None:
    """At every depth, as in calldata and explorers."""
    told = DecodedError("Wrong", {"selector": b"\x01\xff", "parts": ((b"\x02", 3), [b""])})
    assert str(told) == "Wrong(selector=0x01ff, parts=[[0x02, 3], [0x]])"
