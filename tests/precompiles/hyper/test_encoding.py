"""Any bytes are an action or a reason, held against another encoder."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from precompiles.errors import ContractError
from precompiles.hyper import encoding
from precompiles.hyper.encoding import decode_action, encode_action
from precompiles.hyper.errors import MalformedAction, UnknownAction, UnknownActionVersion
from precompiles.types import Address

HERE, THERE = Address(b"\x11" * 20), Address(b"\x22" * 20)
ACTIONS: dict[int, tuple[str, encoding.Action]] = {
    1: (
        "uint32,bool,uint64,uint64,bool,uint8,uint128",
        encoding.LimitOrder(10_107, True, 83_191 * 10**5, 10**8, False, 2, 7),
    ),
    2: ("address,bool,uint64", encoding.VaultTransfer(HERE, True, 5_000_000)),
    3: ("address,uint64,bool", encoding.TokenDelegate(HERE, 10**8, False)),
    4: ("uint64", encoding.StakingDeposit(10**8)),
    5: ("uint64", encoding.StakingWithdraw(10**8)),
    6: ("address,uint64,uint64", encoding.SpotSend(HERE, 150, 10**8)),
    7: ("uint64,bool", encoding.UsdClassTransfer(10**6, True)),
    8: ("uint64,uint8,uint64", encoding.FinalizeContract(1, 2, 0)),
    9: ("address,string", encoding.AddApiWallet(HERE, b"a name that is longer than one word")),
    10: ("uint32,uint64", encoding.CancelOrder(0, 12)),
    11: ("uint32,uint128", encoding.CancelByClientId(0, 2**128 - 1)),
    12: ("uint64,address", encoding.ApproveBuilderFee(10, HERE)),
    13: (
        "address,address,uint32,uint32,uint64,uint64",
        encoding.SendAsset(HERE, THERE, 2**32 - 1, 0, 0, 10**8),
    ),
    14: ("uint64,uint64,bool", encoding.ReflectSupply(1, 2, True)),
    15: ("uint8,uint64,uint64", encoding.BorrowLend(1, 0, 0)),
    16: ("address,uint8", encoding.SetAbstraction(HERE, 2)),
    17: ("uint8,uint32,uint32,uint64", encoding.UserOutcome(0, 0, 1_473, 1)),
}


def header(number: int) -> bytes:
    return b"\x01" + number.to_bytes(3, "big")


@pytest.mark.parametrize("number", ACTIONS)
def test_an_action_is_what_solidity_encodes(number: int) -> None:
    types, action = ACTIONS[number]
    values = [value.decode() if kind == "string" else value for kind, value in fields(number)]
    raw = header(number) + encode(types.split(","), values)
    assert decode_action(raw) == action
    assert encode_action(action) == raw
    assert encoding.action_id(raw) == number


def fields(number: int) -> list[tuple[str, Any]]:
    types, action = ACTIONS[number]
    return list(zip(types.split(","), action, strict=True))


@pytest.mark.parametrize("number", ACTIONS)
def test_a_byte_more_or_less_is_malformed(number: int) -> None:
    raw = encode_action(ACTIONS[number][1])
    for wrong in (raw[:-1], raw + b"\0", raw + bytes(32), raw[:4]):
        with pytest.raises(MalformedAction):
            decode_action(wrong)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", MalformedAction(0)),
        (b"\x01\x00\x00", MalformedAction(3)),
        (b"\x02\x00\x00\x04" + bytes(32), UnknownActionVersion(2)),
        (header(0), UnknownAction(0)),
        (header(18) + bytes(64), UnknownAction(18)),
        (b"\x01\xff\xff\xff", UnknownAction(2**24 - 1)),
        (header(4) + b"\xff" * 32, MalformedAction(4)),
        (header(7) + bytes(32) + (2).to_bytes(32, "big"), MalformedAction(36)),
    ],
)
def test_what_is_no_action_says_why(raw: bytes, reason: ContractError) -> None:
    with pytest.raises(type(reason)) as refused:
        decode_action(raw)
    assert refused.value.values == reason.values


@pytest.mark.parametrize(
    "tail",
    [
        (96).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"a".ljust(32, b"\0"),
        (64).to_bytes(32, "big") + (2**255).to_bytes(32, "big") + b"a".ljust(32, b"\0"),
        (64).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"ab".ljust(32, b"\0"),
        (64).to_bytes(32, "big"),
    ],
    ids=["offset", "length", "padding", "missing"],
)
def test_a_text_stands_where_solidity_puts_it(tail: bytes) -> None:
    with pytest.raises(MalformedAction):
        decode_action(header(9) + HERE.rjust(32, b"\0") + tail)


@given(st.sampled_from(sorted(ACTIONS)), st.binary(max_size=300))
def test_any_bytes_are_an_action_or_a_reason(number: int, rest: bytes) -> None:
    raw = header(number) + rest
    try:
        action = decode_action(raw)
    except ContractError:
        return
    assert encode_action(action) == raw
