"""MODEXP (EIP-198, priced by EIP-2565), right also for an empty base.

py-evm 0.12.1b1 answers 0 whenever the base has no bytes. An empty base is the number zero, and
0**0 is 1, so an empty base with a zero exponent must give 1 % modulus.
"""

from __future__ import annotations

from eth.abc import ComputationAPI
from eth.precompiles.modexp import extract_lengths
from eth.vm.forks.berlin.computation import BERLIN_PRECOMPILES

from precompiles.types import Address

MODEXP_ADDRESS = Address(bytes(19) + b"\x05")
_upstream = BERLIN_PRECOMPILES[MODEXP_ADDRESS]


def modexp(computation: ComputationAPI) -> ComputationAPI:
    """Upstream's function; where its answer would be wrong, the right one, at the same price."""
    _upstream(computation)
    data = computation.msg.data_as_bytes
    base_length, exponent_length, modulus_length = extract_lengths(data)
    if base_length == 0 and modulus_length > 0:
        operands = data[96 : 96 + exponent_length + modulus_length]
        operands = operands.ljust(exponent_length + modulus_length, b"\x00")
        exponent = int.from_bytes(operands[:exponent_length], "big")
        modulus = int.from_bytes(operands[exponent_length:], "big")
        result = int(exponent == 0 and modulus > 1)
        computation.output = result.to_bytes(modulus_length, "big")
    return computation
