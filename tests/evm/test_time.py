"""Whatever a transaction does, 30 M gas of it take no more than 5 s of processor time.

Measured with a tenth of the gas against twice its share, since other work slows the processor.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from evm_dex.evm.calls import CallTransaction
from precompiles.types import Address
from tests.bytecode import assemble
from tests.chain.support import World

GAS = 3_000_000
MOST_SECONDS = 1.0
CONTRACT, SENDER, NOBODY = (Address(bytes((number,)) * 20) for number in (0xC0, 0xAA, 0xE0))
FILLERS = tuple(Address(bytes((number,)) * 20) for number in range(1, 11))


def calling(target: bytes, *, size: int = 0, gas: str = "GAS", kind: str = "CALL") -> bytes:
    """Code that calls the same again and again."""
    value = "PUSH0" if kind == "CALL" else ""
    call = f"PUSH0 PUSH0 0x{size:04x} PUSH0 {value} 0x{target.hex()} {gas} {kind} POP "
    return assemble("JUMPDEST " + 8 * call + "PUSH0 JUMP")


def twice(kind: str) -> bytes:
    """Code that calls itself twice, as deep as its gas allows."""
    value = "PUSH0" if kind == "CALL" else ""
    return assemble(f"PUSH0 PUSH0 PUSH0 PUSH0 {value} ADDRESS GAS {kind} " * 2)


def precompile(number: int) -> bytes:
    return number.to_bytes(20, "big")


CASES = {
    "CALL to itself": twice("CALL"),
    "DELEGATECALL to itself": twice("DELEGATECALL"),
    "STATICCALL to itself": twice("STATICCALL"),
    "frames without gas": calling(CONTRACT, gas="PUSH0"),
    "accounts without code": calling(NOBODY),
    "SHA-256": calling(precompile(2)),
    "identity": calling(precompile(4)),
    "MODEXP": calling(precompile(5)),
    "BN254 addition": calling(precompile(6)),
    "BLAKE2b of no rounds": calling(precompile(9), size=213),
    "BLS12-381 addition": calling(precompile(0x0B), size=256),
}
BODIES = {
    "JUMPDEST": b"\x5b" * 24_000,
    "blocks of one opcode": assemble("JUMPDEST PUSH0 JUMPDEST POP") * 6_000,
    "GAS": assemble("GAS POP") * 12_000,
    "MLOAD": assemble("PUSH0") + assemble("MLOAD") * 23_000,
    "MSTORE": assemble("PUSH0 PUSH0 MSTORE") * 8_000,
    "SGT": assemble("PUSH0") + assemble("DUP1 SGT") * 12_000,
    "JUMPI": assemble("PUSH0 PUSH0 JUMPI") * 8_000,
    "copies": assemble("PUSH0 PUSH0 PUSH0 CODECOPY") * 6_000,
}


def seconds_of(codes: dict[Address, bytes]) -> float:
    """Processor time of a transaction that calls the contract."""
    chain = World().chain
    state: Any = chain.call_runner.state_at(chain.head)
    for address, code in codes.items():
        state.set_code(address, code)
        state.set_nonce(address, 1)
    tried = CallTransaction(
        sender=SENDER, to=CONTRACT, data=b"", value=0, gas=GAS, access_list=(), intrinsic_gas=0,
        type_id=2, max_fee_per_gas=0, max_priority_fee_per_gas=0, blob_versioned_hashes=(),
        authorization_list=(),
    )  # fmt: skip
    began = time.process_time()
    _, used = chain.call_runner.machine.run(state, tried)
    assert used > GAS * 0.9
    return time.process_time() - began


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_calls_take_bounded_time(code: bytes) -> None:
    assert seconds_of({CONTRACT: code}) < MOST_SECONDS


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_code_that_is_not_hot_takes_bounded_time(body: bytes) -> None:
    """Ten contracts, so that each runs too seldom to be compiled."""
    contracts = {address: body + b"\0" + address for address in FILLERS}
    calls = "".join(
        f"PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 0x{address.hex()} GAS CALL POP " for address in FILLERS
    )
    contracts[CONTRACT] = assemble(f"JUMPDEST {calls} PUSH0 JUMP")
    assert seconds_of(contracts) < MOST_SECONDS
