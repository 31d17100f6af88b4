"""Our own precompiles of Ethereum against py-evm's: the same output, error and gas."""

from __future__ import annotations

import time
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from eth.exceptions import OutOfGas, VMError
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES
from eth.vm.gas_meter import GasMeter
from eth_keys.datatypes import PrivateKey
from py_ecc import optimized_bls12_381, optimized_bn128

from evm_dex.evm.config import MINING, Deadline, ExecutionConfig, TookTooLong
from evm_dex.evm.ethereum_precompiles import ETHEREUM_PRECOMPILES

bn254: Any = optimized_bn128  # neither says what it exports
bls: Any = optimized_bls12_381

GAS = 10**7
BN254_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583
BN254_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
BLS_PRIME = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    16,
)
random = Random(7)


def address(number: int) -> bytes:
    return number.to_bytes(20, "big")


def ran(precompile: Any, data: bytes, config: ExecutionConfig = MINING) -> tuple[bytes | str, int]:
    """Output, or that it failed, and the gas left before the frame would lose all of it."""
    meter = GasMeter(GAS)
    computation: Any = SimpleNamespace(
        msg=SimpleNamespace(data=data, data_as_bytes=data),
        consume_gas=meter.consume_gas,
        state=SimpleNamespace(config=config),
        output=b"",
    )
    try:
        precompile(computation)
    except OutOfGas:
        return "out of gas", 0
    except VMError:
        return "failed", 0
    return computation.output, meter.gas_remaining


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def fields(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(64, "big") for number in numbers)


def g1(factor: int) -> bytes:
    return (
        words(*(int(c) for c in bn254.normalize(bn254.multiply(bn254.G1, factor))))
        if factor
        else words(0, 0)
    )


def g2(factor: int) -> bytes:
    if not factor:
        return words(0, 0, 0, 0)
    x, y = bn254.normalize(bn254.multiply(bn254.G2, factor))
    return words(*(int(c) for c in (x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0])))


def bls_g1(factor: int) -> bytes:
    if not factor:
        return fields(0, 0)
    return fields(*(int(c) for c in bls.normalize(bls.multiply(bls.G1, factor))))


def bls_g2(factor: int) -> bytes:
    if not factor:
        return fields(0, 0, 0, 0)
    x, y = bls.normalize(bls.multiply(bls.G2, factor))
    return fields(*(int(c) for c in (*x.coeffs, *y.coeffs)))


def modexp(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
    return words(len(base), len(exponent), len(modulus)) + base + exponent + modulus


SOME = random.getrandbits(250)
BLAKE = random.randbytes(208)
NOT_IN_GROUP = (
    5912654199736721486680175016176231956195085055698687135131307249486702594212,
    18278151005453108793778860132295291098363647455926340152056652516292830556603,
)
"""The y of the twisted curve of BN254 where x is 1, imaginary part first."""
HASH = random.randbytes(32)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def signed(message: bytes) -> tuple[int, int, int]:
    """v, r and s of a signature by some key."""
    signature = PrivateKey(words(SOME)).sign_msg_hash(message)
    return signature.v + 27, signature.r, signature.s


V, R, S = signed(HASH)
HASHED = [b"", b"a", random.randbytes(31), random.randbytes(32), random.randbytes(33), bytes(700)]
CASES: dict[int, list[bytes]] = {
    0x01: [
        HASH + words(V, R, S),
        HASH + words(V, R, S) + b"more",
        HASH + words(V, R, S)[:-1],
        HASH + words(55 - V, R, CURVE_ORDER - S),
        HASH + words(55 - V, R, S),
        HASH + words(V + 2**64, R, S),
        *(HASH + words(v, R, S) for v in (0, 1, 26, 29)),
        *(HASH + words(V, r, s) for r in (0, R, CURVE_ORDER) for s in (0, S, CURVE_ORDER)),
        HASH + words(V, 5, S),
        HASH,
        b"",
    ],
    0x02: HASHED,
    0x03: HASHED,
    0x04: HASHED,
    0x05: [
        modexp(random.randbytes(size), random.randbytes(length), random.randbytes(size))
        for size in (1, 8, 31, 32, 33, 200)
        for length in (0, 1, 32, 40)
    ]
    + [
        modexp(b"\x03", b"\x02", b"\x00"),
        modexp(b"\x03", b"\x02", b"\x05")[:-1],
        modexp(b"\x03", b"\x02", b"\x05")[:-2],
        words(1, 2**250, 1) + b"\x01",
        words(2**250, 1, 0),
        words(1, 1, 100) + b"\x02\x03\x01",
        b"",
        b"\x01",
    ],
    0x06: [
        g1(1) + g1(2),
        g1(SOME) + g1(SOME),
        g1(5) + g1(BN254_ORDER - 5),
        g1(0) + g1(3),
        g1(3) + g1(0),
        g1(0) * 2,
        g1(1)[:-1],
        b"",
        words(1, 3) + g1(1),
        words(BN254_PRIME + 1, 2) + g1(1),
        g1(1) + g1(1) + b"more",
    ],
    0x07: [
        g1(3) + words(SOME),
        g1(3) + words(0),
        g1(3) + words(BN254_ORDER),
        g1(3) + words(2**256 - 1),
        g1(0) + words(5),
        g1(3),
        words(1, 3, 1),
    ],
    0x08: [
        b"",
        g1(1) + g2(1),
        g1(2) + g2(3) + g1(BN254_ORDER - 3) + g2(2),
        g1(0) + g2(3),
        g1(2) + g2(0),
        g1(0) + g2(0) + g1(5) + g2(7),
        (g1(1) + g2(1))[:-1],
        g1(1) + words(1, 2, 3, 4),
        words(1, 3) + g2(1),
        g1(1) + g2(1)[:96] + words(BN254_PRIME),
        g1(1) + g2(1)[:64] + words(BN254_PRIME - 1, 5),
    ],
    0x09: [
        words(12)[-4:] + BLAKE + b"\x01",
        words(0)[-4:] + BLAKE + b"\x00",
        words(1)[-4:] + BLAKE + b"\x02",
        words(1)[-4:] + BLAKE,
        words(2**32 - 1)[-4:] + BLAKE + b"\x01",
        b"",
    ],
    0x0B: [
        bls_g1(1) + bls_g1(2),
        bls_g1(SOME) * 2,
        bls_g1(0) + bls_g1(4),
        bls_g1(0) * 2,
        fields(0, 2) + bls_g1(1),
        fields(0, 2) * 2,
        fields(1, 1) + bls_g1(1),
        fields(BLS_PRIME, 0) + bls_g1(1),
        b"\x01" + bls_g1(1)[1:] + bls_g1(1),
        bls_g1(1),
        b"",
    ],
    0x0C: [
        bls_g1(3) + words(SOME),
        bls_g1(3) + words(2**256 - 1) + bls_g1(4) + words(0),
        bls_g1(0) + words(5),
        fields(0, 2) + words(1),
        bls_g1(3),
        b"",
    ],
    0x0D: [
        bls_g2(1) + bls_g2(2),
        bls_g2(5) * 2,
        bls_g2(0) + bls_g2(1),
        fields(1, 1, 1, 1) + bls_g2(1),
        bls_g2(1),
        b"",
    ],
    0x0E: [bls_g2(3) + words(SOME), bls_g2(0) + words(5), fields(1, 1, 1, 1) + words(1), b""],
    0x0F: [
        bls_g1(1) + bls_g2(1),
        bls_g1(0) + bls_g2(1),
        bls_g1(1) + bls_g2(0),
        fields(0, 2) + bls_g2(1),
        bls_g1(1),
        b"",
    ],
    0x10: [fields(5), fields(0), fields(BLS_PRIME), fields(BLS_PRIME - 1), b""],
    0x11: [fields(5, 7), fields(0, 0), fields(BLS_PRIME, 0), b""],
}


@pytest.mark.parametrize(
    ("number", "data"),
    [
        pytest.param(number, data, id=f"{number:#04x}-{place}")
        for number, inputs in CASES.items()
        for place, data in enumerate(inputs)
    ],
)
def test_the_same_comes_out(number: int, data: bytes) -> None:
    theirs = PRAGUE_PRECOMPILES[address(number)]
    assert ran(ETHEREUM_PRECOMPILES[address(number)], data) == ran(theirs, data)


def test_a_point_of_the_curve_that_is_not_in_the_group_is_refused() -> None:
    y = bn254.FQ2(NOT_IN_GROUP[::-1])
    assert bn254.is_on_curve((bn254.FQ2.one(), y, bn254.FQ2.one()), bn254.b2)
    data = g1(1) + words(0, 1, *NOT_IN_GROUP)
    assert ran(PRAGUE_PRECOMPILES[address(8)], data) == ("failed", 0)
    assert ran(ETHEREUM_PRECOMPILES[address(8)], data) == ("failed", 0)


@pytest.mark.parametrize(
    ("number", "piece", "gas_each"),
    [
        (0x08, g1(3) + g2(5), 34_000),
        (0x0F, bls_g1(3) + bls_g2(5), 32_600),
        (0x0C, bls_g1(3) + words(SOME), 12_000 * 519 // 1000),
        (0x0E, bls_g2(3) + words(SOME), 22_500 * 524 // 1000),
    ],
)
def test_one_call_runs_ten_million_gas_in_under_two_seconds(
    number: int, piece: bytes, gas_each: int
) -> None:
    """So that a transaction of 30 M gas takes no more than five; by the processor's clock."""
    data = piece * ((GAS - 60_000) // gas_each)
    began = time.process_time()
    output, _ = ran(ETHEREUM_PRECOMPILES[address(number)], data)
    assert isinstance(output, bytes)
    assert time.process_time() - began < 2


def test_what_would_pass_the_deadline_does_not_begin() -> None:
    """Nine million rounds of BLAKE2b take more than half a second; nothing stops them half-way."""
    config = ExecutionConfig(deadline=Deadline(0.2))
    data = words(9_000_000)[-4:] + BLAKE + b"\x01"
    began = time.process_time()
    with pytest.raises(TookTooLong):
        ran(ETHEREUM_PRECOMPILES[address(9)], data, config)
    assert time.process_time() - began < 0.1
