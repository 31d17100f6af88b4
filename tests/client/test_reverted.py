"""What a failed call says: by the contract's own ABI, and by the exchanges' where it has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evm_dex
from evm_dex.abi.contract_interface import DecodedError, exchange_error
from evm_dex.blocks.addresses import checksum
from precompiles.errors import ContractError
from precompiles.types import SPOT_ADDRESS
from tests.bytecode import COPY_CALLDATA, COPY_RETURNDATA, assemble

HUGE, PRICE = 10**30, 2_000 * 10**6
FORWARDER = b"\xf0" * 20


@pytest.fixture
def dex() -> Iterator[evm_dex.Dex]:
    with evm_dex.open() as opened:
        yield opened


@pytest.fixture
def forwarder(dex: evm_dex.Dex) -> evm_dex.Contract:
    """A contract that passes calls on to the exchange and its errors back, with a token's ABI."""
    dex.cheats.set_code(
        FORWARDER,
        assemble(
            f"{COPY_CALLDATA} PUSH0 PUSH0 CALLDATASIZE PUSH0 PUSH0 0x{SPOT_ADDRESS.hex()} GAS CALL "
            f"POP {COPY_RETURNDATA} RETURNDATASIZE PUSH0 REVERT"
        ),
    )
    return dex.contract(FORWARDER, "TestToken")


def test_an_error_of_the_exchange_is_named_through_a_contract_that_does_not_know_it(
    dex: evm_dex.Dex, forwarder: evm_dex.Contract
) -> None:
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    order = dex.spot.encode("placeOrder", weth, HUGE, PRICE, True)
    failed = dex.send(to=FORWARDER, data=order, gas=500_000)
    error = forwarder.error(failed)
    assert error is not None
    assert error.name == "InsufficientBalance"
    assert error.args == {"token": usdc.address, "available": 0, "needed": HUGE * PRICE // 10**18}


def test_reverted_carries_name_fields_and_bytes(dex: evm_dex.Dex) -> None:
    with pytest.raises(evm_dex.Reverted) as refused:
        dex.spot.call("placeOrder", dex.tokens["WETH"], HUGE, PRICE, True)
    error = refused.value
    assert (error.name, set(error.fields)) == (
        "InsufficientBalance",
        {"token", "available", "needed"},
    )
    assert str(error).startswith("InsufficientBalance(token=0x")
    assert exchange_error(error.output) == error.error


def test_things_say_what_they_are(dex: evm_dex.Dex, forwarder: evm_dex.Contract) -> None:
    assert repr(dex) == "<Dex chain 31337, block 1, memory>"
    assert repr(dex.spot) == f"<ISpot {dex.spot.address}>"
    assert repr(forwarder) == f"<TestToken {checksum(FORWARDER)}>"


WORDS = {"address": st.binary(min_size=20, max_size=20), "uint256": st.integers(0, 2**256 - 1)}
SIMPLE = [
    error
    for error in ContractError.known.values()
    if all(field.type in WORDS for field in error.signature.inputs)
]


@given(st.data())
def test_every_error_is_decoded_as_it_was_encoded(data: st.DataObject) -> None:
    error = data.draw(st.sampled_from(SIMPLE))
    values = [data.draw(WORDS[field.type]) for field in error.signature.inputs]
    shown = [checksum(value) if isinstance(value, bytes) else value for value in values]
    names = [field.name for field in error.signature.inputs]
    expected = DecodedError(error.__name__, dict(zip(names, shown, strict=True)))
    assert exchange_error(error(*values).encode()) == expected


@given(st.sampled_from(SIMPLE), st.binary(max_size=40))
def test_bytes_that_are_no_error_are_none(error: type[ContractError], rest: bytes) -> None:
    found = exchange_error(error.signature.selector + rest)
    short = len(rest) < 32 * len(error.signature.inputs)
    assert found is None or not short
    assert exchange_error(rest[:3]) is None
