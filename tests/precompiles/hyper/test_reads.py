"""What reads answer, byte by byte, held against eth-abi and what was recorded on mainnet."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from precompiles.context import OutOfGas
from precompiles.hyper.read_precompiles import read_precompiles
from precompiles.hyper.system_addresses import HYPE_SYSTEM, perp_address
from precompiles.ledger.hyper.records import (
    CoreUser,
    DelegatedTotal,
    Delegation,
    Stake,
    Unstaking,
    Vault,
    VaultShare,
)
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import Leverage
from precompiles.perp import collateral, placing
from precompiles.spot import funds
from precompiles.spot import placing as spot_placing
from precompiles.standalone import StandaloneContext
from precompiles.types import Address, TimeInForce
from tests.precompiles.hyper.world import (
    ALICE,
    BOB,
    BTC,
    HYPE,
    HYPE_PERP,
    NOW,
    USD,
    WALLET,
    execution,
    new_ledger,
    set_mark,
)

GAS = 1_000_000
ZERO = "0x" + "00" * 20


def run(ledger: Ledger, number: int, calldata: bytes, now: int = NOW) -> tuple[bytes, int]:
    """Output and gas of a read."""
    precompile = read_precompiles(ledger)[Address(number.to_bytes(20, "big"))]
    context = StandaloneContext(ALICE, timestamp=now, gas=GAS)
    return precompile.run(context, calldata), GAS - context.gas


def read(ledger: Ledger, number: int, types: str, *values: Any) -> bytes:
    """A read's output; its gas is held against the formula."""
    calldata = encode(types.split(",") if types else [], values)
    output, gas = run(ledger, number, calldata)
    assert gas == 2_000 + 65 * (len(calldata) + len(output))
    return output


def trading_ledger() -> Ledger:
    """Alice long 0.5 BTC at 80,791 from Bob at 20 times; both have HYPE, and orders rest."""
    ledger = new_ledger()
    for user in (ALICE, BOB):
        ledger.core.put_user(user, CoreUser(True, False))
        collateral.credit(execution(ledger), user, 100_000 * USD)
        funds.credit(execution(ledger), user, HYPE_SYSTEM, 10**10)
        ledger.perp.leverages.put(perp_address(BTC) + user, Leverage(20, True))
    orders = (
        (BOB, 50_000, 80_791, False),
        (ALICE, 50_000, 80_791, True),
        (BOB, 100_000, 80_792, False),
        (ALICE, 100_000, 80_791, True),
    )
    for user, size, price, is_buy in orders:
        request = placing.OrderRequest(perp_address(BTC), size, price * USD, is_buy)
        placing.place(execution(ledger, user), request)
    ask = spot_placing.OrderRequest(
        HYPE_SYSTEM, 10**9, 83_200 * 10**5, is_buy=False, time_in_force=TimeInForce.GTC
    )
    spot_placing.place(execution(ledger, ALICE), ask)
    ledger.core.put_last_price(107, 83_191 * 10**5)
    set_mark(ledger, BTC, 80_782 * USD)
    return ledger


def test_the_recorded_words_of_mainnet() -> None:
    """Types, order and units; of BTC, HYPE/USDC and HYPE at one moment of October 2026."""
    ledger = trading_ledger()
    assert decode(["uint64"], read(ledger, 0x806, "uint32", BTC)) == (807_820,)
    assert decode(["uint64"], read(ledger, 0x807, "uint32", BTC)) == (808_318,)
    assert decode(["uint64"], read(ledger, 0x808, "uint32", 107)) == (83_191_000,)
    assert decode(["uint64", "uint64"], read(ledger, 0x80E, "uint32", BTC)) == (807_910, 807_920)
    assert decode(["uint64", "uint64"], read(ledger, 0x80E, "uint32", 10_107)) == (0, 83_200_000)
    assert decode(["uint64"], read(ledger, 0x809, "")) == (1_176_514_427,)
    info = decode(["(string,uint32,uint8,uint8,bool)"], read(ledger, 0x80A, "uint32", BTC))
    assert info == (("BTC", 56, 5, 40, False),)
    pair = decode(["(string,uint64[2])"], read(ledger, 0x80B, "uint32", 107))
    assert pair == (("@107", (150, 0)),)
    token = decode(
        ["(string,uint64[],uint64,address,address,uint8,uint8,int8)"],
        read(ledger, 0x80C, "uint32", HYPE),
    )
    assert token == (("HYPE", (107,), 0, ZERO, ZERO, 2, 8, 0),)
    usdc = decode(
        ["(string,uint64[],uint64,address,address,uint8,uint8,int8)"],
        read(ledger, 0x80C, "uint32", 0),
    )
    assert usdc == (("USDC", (0, 107), 0, ZERO, f"0x{WALLET.hex()}", 8, 8, -2),)
    supply = decode(
        ["(uint64,uint64,uint64,uint64,(address,uint64)[])"], read(ledger, 0x80D, "uint32", HYPE)
    )
    assert supply == ((10**17, 2 * 10**10, 2 * 10**10, 0, ()),)


def test_an_account_that_trades() -> None:
    ledger = trading_ledger()
    words = ["int64", "uint64", "int64", "uint32", "bool"]
    entry = 40_395_500_000
    for number, perp_type in ((0x800, "uint16"), (0x813, "uint32")):
        long = decode(words, read(ledger, number, f"address,{perp_type}", ALICE, BTC))
        short = decode(words, read(ledger, number, f"address,{perp_type}", BOB, BTC))
        assert long == (50_000, entry, 0, 20, False)
        assert short == (-50_000, entry, 0, 20, False)
    assert decode(["uint64"] * 3, read(ledger, 0x801, "address,uint64", ALICE, HYPE)) == (
        (10**10, 10**9, 0)
    )
    value, margin, notional, raw = decode(
        ["int64", "uint64", "uint64", "int64"], read(ledger, 0x80F, "uint32,address", 0, ALICE)
    )
    fee = 18_177_975  # 0.045 % of the notional, which Alice took
    assert notional == 40_391 * USD
    assert margin * 20 == notional
    assert value == 100_000 * USD - fee - entry + notional
    assert raw == 100_000 * USD - fee - entry
    # A tenth of the notional is more than a twentieth.
    left = value - notional // 10
    assert decode(["uint64"], read(ledger, 0x803, "address", ALICE)) == (left,)
    assert decode(["bool"], read(ledger, 0x810, "address", ALICE)) == (True,)


def test_an_account_that_never_did_anything() -> None:
    ledger = new_ledger()
    user = b"\x99" * 20
    for number, types, values, size in (
        (0x800, "address,uint16", (user, BTC), 160),
        (0x801, "address,uint64", (user, HYPE), 96),
        (0x803, "address", (user,), 32),
        (0x805, "address", (user,), 128),
        (0x80F, "uint32,address", (0, user), 128),
        (0x810, "address", (user,), 32),
        (0x813, "address,uint32", (user, HYPE_PERP), 160),
    ):
        assert read(ledger, number, types, *values) == bytes(size)
    assert decode(["(address,uint64,uint64)[]"], read(ledger, 0x804, "address", user)) == ((),)
    status = decode(["uint8", "uint64", "uint32"], read(ledger, 0x814, "uint32", 1_473))
    assert status == (0, 0, 2**32 - 1)
    reserve = decode(["uint64"] * 8, read(ledger, 0x812, "uint64", 0))
    assert reserve == (500, *[0] * 7)


def test_hypercores_blocks_go_on_with_time() -> None:
    output, _ = run(new_ledger(), 0x809, b"", NOW + 10)
    assert decode(["uint64"], output) == (1_176_514_427 + 140,)


def test_a_chosen_leverage_shows_before_there_is_a_position() -> None:
    ledger = new_ledger()
    ledger.perp.leverages.put(perp_address(BTC) + ALICE, Leverage(7, False))
    output = read(ledger, 0x800, "address,uint16", ALICE, BTC)
    assert decode(["int64", "uint64", "int64", "uint32", "bool"], output) == (0, 0, 0, 7, True)


@pytest.mark.parametrize(
    ("number", "types", "values"),
    [
        (0x800, "address,uint32", (ALICE, 3)),
        (0x800, "address,uint32", (ALICE, 2**16)),
        (0x801, "address,uint64", (ALICE, 2)),
        (0x802, "address,address", (ALICE, BOB)),
        (0x806, "uint32", (1,)),
        (0x807, "uint32", (10_000,)),
        (0x808, "uint32", (1,)),
        (0x80A, "uint64", (2**32,)),
        (0x80B, "uint32", (2,)),
        (0x80C, "uint32", (3,)),
        (0x80D, "uint32", (3,)),
        (0x80E, "uint32", (10_001,)),
        (0x80E, "uint32", (100_000,)),
        (0x80E, "uint32", (100_000_000,)),
        (0x80F, "uint32,address", (1, ALICE)),
        (0x811, "address,uint64", (ALICE, 0)),
        (0x812, "uint64", (3,)),
        (0x806, "", ()),
        (0x806, "uint32,uint32", (0, 0)),
        (0x809, "uint32", (0,)),
    ],
)
def test_what_has_no_answer_takes_all_gas(number: int, types: str, values: Any) -> None:
    precompile = read_precompiles(new_ledger())[Address(number.to_bytes(20, "big"))]
    context = StandaloneContext(ALICE, timestamp=NOW, gas=GAS)
    with pytest.raises(OutOfGas):
        precompile.run(context, encode(types.split(",") if types else [], values))
    assert context.gas == 0


ANSWERED: dict[int, tuple[str, tuple[Any, ...]]] = {
    0x800: ("address,uint16", (ALICE, BTC)),
    0x801: ("address,uint64", (ALICE, HYPE)),
    0x802: ("address,address", (ALICE, WALLET)),
    0x803: ("address", (ALICE,)),
    0x804: ("address", (ALICE,)),
    0x805: ("address", (ALICE,)),
    0x806: ("uint32", (BTC,)),
    0x807: ("uint32", (BTC,)),
    0x808: ("uint32", (107,)),
    0x809: ("", ()),
    0x80A: ("uint32", (BTC,)),
    0x80B: ("uint32", (107,)),
    0x80C: ("uint32", (HYPE,)),
    0x80D: ("uint32", (HYPE,)),
    0x80E: ("uint32", (10_107,)),
    0x80F: ("uint32,address", (0, ALICE)),
    0x810: ("address", (ALICE,)),
    0x811: ("address,uint64", (ALICE, HYPE)),
    0x812: ("uint64", (HYPE,)),
    0x813: ("address,uint32", (ALICE, HYPE_PERP)),
    0x814: ("uint32", (1,)),
}
"""Calldata that each read answers, but 0x811, which has no answer for who never lent."""
NEVER_ANSWERED = 0x811


def is_answered(number: int, calldata: bytes) -> bool:
    """Whether there is an answer; all gas is gone where there is none."""
    ledger = new_ledger()
    ledger.core.vaults.put(WALLET, Vault("a vault", BOB, 0, 0))
    precompile = read_precompiles(ledger)[Address(number.to_bytes(20, "big"))]
    context = StandaloneContext(ALICE, timestamp=NOW, gas=GAS)
    try:
        precompile.run(context, calldata)
    except OutOfGas:
        assert context.gas == 0
        return False
    return True


@pytest.mark.parametrize("number", ANSWERED)
def test_a_read_takes_exactly_its_words(number: int) -> None:
    """Neither short nor long by a byte or a word, nor with a bit beyond a type's."""
    types, values = ANSWERED[number]
    kinds = types.split(",") if types else []
    right = encode(kinds, values)
    assert is_answered(number, right) is (number != NEVER_ANSWERED)
    others = [right + b"\0", right + bytes(32)]
    others += [right[:-1], right[:-32], b""] if right else [b"\1", bytes(31)]
    for place, kind in enumerate(kinds):
        bits = 160 if kind == "address" else int(kind.removeprefix("uint"))
        for bit in (bits, bits + 1, 255):
            word = int.from_bytes(right[32 * place : 32 * place + 32], "big") | 1 << bit
            others.append(right[: 32 * place] + word.to_bytes(32, "big") + right[32 * place + 32 :])
    assert [calldata for calldata in others if is_answered(number, calldata)] == []


@pytest.mark.parametrize("number", [it for it, (types, _) in ANSWERED.items() if "uint" in types])
def test_no_read_answers_of_the_highest_index(number: int) -> None:
    """Of outcomes alone everything is known: that none ever was."""
    types, values = ANSWERED[number]
    kinds = types.split(",")
    highest = [
        value if kind == "address" else 2 ** int(kind.removeprefix("uint")) - 1
        for kind, value in zip(kinds, values, strict=True)
    ]
    assert is_answered(number, encode(kinds, highest)) is (number == 0x814)


LEDGER = new_ledger()


@given(st.integers(0x800, 0x814), st.integers(0, 3), st.data())
def test_any_calldata_is_answered_or_takes_all_gas(
    number: int, count: int, data: st.DataObject
) -> None:
    small = st.integers(0, 300).map(lambda value: value.to_bytes(32, "big"))
    word = small | st.binary(min_size=32, max_size=32) | st.just(ALICE.rjust(32, b"\0"))
    calldata = b"".join(data.draw(word) for _ in range(count)) + data.draw(st.binary(max_size=2))
    context = StandaloneContext(ALICE, timestamp=NOW, gas=GAS)
    precompile = read_precompiles(LEDGER)[Address(number.to_bytes(20, "big"))]
    mark = LEDGER.journal.mark()
    try:
        output = precompile.run(context, calldata)
    except OutOfGas:
        assert context.gas == 0
    else:
        assert GAS - context.gas == 2_000 + 65 * (len(calldata) + len(output))
        assert len(output) % 32 == 0
    assert LEDGER.journal.mark() == mark


def test_a_read_short_of_gas_fails() -> None:
    ledger = new_ledger()
    precompile = read_precompiles(ledger)[Address(b"\x08\x06".rjust(20, b"\0"))]
    for gas, is_enough in ((6_160, True), (6_159, False)):
        context = StandaloneContext(ALICE, timestamp=NOW, gas=gas)
        if is_enough:
            assert len(precompile.run(context, bytes(32))) == 32
        else:
            with pytest.raises(OutOfGas):
                precompile.run(context, bytes(32))


@pytest.mark.parametrize(
    ("number", "types", "values", "gas"),
    [
        (0x800, "address,uint16", (ALICE, BTC), 16_560),
        (0x801, "address,uint64", (ALICE, HYPE), 12_400),
        (0x803, "address", (ALICE,), 6_160),
        (0x805, "address", (ALICE,), 12_400),
        (0x806, "uint32", (BTC,), 6_160),
        (0x807, "uint32", (BTC,), 6_160),
        (0x808, "uint32", (107,), 6_160),
        (0x809, "", (), 4_080),
        (0x80A, "uint32", (BTC,), 20_720),
        (0x80B, "uint32", (107,), 16_560),
        (0x80E, "uint32", (BTC,), 8_240),
        (0x80F, "uint32,address", (0, ALICE), 14_480),
        (0x810, "address", (ALICE,), 6_160),
        (0x812, "uint64", (0,), 20_720),
        (0x813, "address,uint32", (ALICE, BTC), 16_560),
        (0x814, "uint32", (1_473,), 10_320),
    ],
)
def test_gas_is_what_the_chain_takes(number: int, types: str, values: Any, gas: int) -> None:
    calldata = encode(types.split(",") if types else [], values)
    assert run(new_ledger(), number, calldata)[1] == gas


def test_stakes_and_vaults_are_read_in_milliseconds() -> None:
    ledger = new_ledger()
    core, one = ledger.core, Address(b"\x0e" * 20)
    core.delegations.put(ALICE + one, Delegation(6, NOW + 5))
    core.stakes.put(ALICE, Stake(4))
    core.delegated.put(ALICE, DelegatedTotal(6))
    core.unstaking.put(bytes(16), Unstaking(ALICE, 3))
    rows = decode(["(address,uint64,uint64)[]"], read(ledger, 0x804, "address", ALICE))
    assert rows == (((f"0x{one.hex()}", 6, (NOW + 5) * 1_000),),)
    assert run(ledger, 0x804, encode(["address"], [ALICE]))[1] == 14_480
    summary = decode(["uint64"] * 4, read(ledger, 0x805, "address", ALICE))
    assert summary == (6, 4, 3, 1)
    core.vaults.put(BOB, Vault("a vault", ALICE, 100, 9))
    core.vault_shares.put(BOB + ALICE, VaultShare(50, NOW + 9))
    collateral.credit(execution(ledger), BOB, 7 * USD)
    worth = decode(["uint64"] * 2, read(ledger, 0x802, "address,address", ALICE, BOB))
    assert worth == (3_500_000, (NOW + 9) * 1_000)
    assert read(ledger, 0x802, "address,address", BOB, BOB) == bytes(64)
