"""MODEXP against Python's pow."""

from __future__ import annotations

import pytest

from evm_dex.evm.calls import Call
from evm_dex.evm.ethereum_precompiles import MODEXP_ADDRESS
from tests.chain.support import World, word


@pytest.mark.parametrize(
    ("base", "exponent", "modulus"),
    [
        (b"", b"", b"\x05"),
        (b"", b"\x00", b"\x05"),
        (b"", b"\x03", b"\x05"),
        (b"", b"", b"\x01"),
        (b"", b"", b"\x00"),
        (b"", b"", b"\x00\x07"),
        (b"\x00", b"", b"\x05"),
        (b"\x03", b"\x02", b"\x05"),
        (b"\x03", b"\x02", b""),
    ],
)
def test_modexp_is_pow_whatever_is_empty(base: bytes, exponent: bytes, modulus: bytes) -> None:
    data = b"".join((word(len(base)), word(len(exponent)), word(len(modulus))))
    number = int.from_bytes(modulus, "big")
    expected = 0
    if number:
        expected = pow(int.from_bytes(base, "big"), int.from_bytes(exponent, "big"), number)
    output = World().chain.call(Call(to=MODEXP_ADDRESS, data=data + base + exponent + modulus))
    assert output == expected.to_bytes(len(modulus), "big")
