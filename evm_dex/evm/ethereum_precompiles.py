"""Ethereum's own precompiles up to Prague, by address.

Where py-evm's are wrong or so slow that one transaction holds a node, they are others here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import gmpy2
from ckzg import load_trusted_setup, verify_kzg_proof
from eth.abc import ComputationAPI
from eth.exceptions import VMError
from eth.precompiles.modexp import extract_lengths
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH, kzg_to_versioned_hash
from eth.vm.forks.berlin.computation import _compute_modexp_gas_fee_eip_2565 as modexp_gas
from eth.vm.forks.cancun.constants import POINT_EVALUATION_PRECOMPILE_GAS
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES

from evm_dex.evm import bls12_381, bn254
from evm_dex.evm.config import charge
from precompiles.types import Address

try:
    from blake2b import decode_and_compress
except ImportError:  # no wheel for this platform
    from eth._utils.blake2.coders import extract_blake2b_parameters
    from eth._utils.blake2.compression import blake2b_compress

    def decode_and_compress(data: bytes) -> bytes:
        """BLAKE2b's compression function, in Python."""
        parameters: Any = extract_blake2b_parameters(data)
        return blake2b_compress(*parameters)


_HEAD = 96
"""Bytes of the three lengths before the operands of MODEXP."""
_BLAKE2F_BYTES = 213
_ROUNDS_BYTES = 4
_POINT_BYTES = 192
_BLOB_ELEMENTS = 4_096
_BLS_MODULUS = 52435875175126190479447740508185965837690552500527637822603658699938581184513


@cache
def _trusted_setup() -> Any:
    return load_trusted_setup(TRUSTED_SETUP_PATH, 0)  # py-evm reads it at each call, for a second


def evaluate_point(computation: ComputationAPI) -> None:
    """Check that a blob's polynomial has a value at a point (EIP-4844)."""
    charge(computation, POINT_EVALUATION_PRECOMPILE_GAS)
    data = computation.msg.data_as_bytes
    if len(data) != _POINT_BYTES:
        raise VMError(f"input must be {_POINT_BYTES} bytes, got {len(data)}")
    versioned_hash, z, y, commitment, proof = (
        data[:32], data[32:64], data[64:96], data[96:144], data[144:]
    )  # fmt: skip
    if kzg_to_versioned_hash(commitment) != versioned_hash:
        raise VMError("the commitment is not that of the versioned hash")
    try:
        is_proven = verify_kzg_proof(commitment, z, y, proof, _trusted_setup())
    except RuntimeError as error:  # of the library, for what is no point or field element
        raise VMError(str(error)) from None
    if not is_proven:
        raise VMError("the proof does not hold")
    computation.output = _BLOB_ELEMENTS.to_bytes(32, "big") + _BLS_MODULUS.to_bytes(32, "big")


def modexp(computation: ComputationAPI) -> None:
    """Raise a number to a power modulo a third (EIP-198, priced by EIP-2565).

    py-evm 0.12.1b1 answers 0 for every base of no bytes, but 0**0 is 1.
    """
    data = computation.msg.data_as_bytes
    charge(computation, modexp_gas(data))
    base_length, exponent_length, modulus_length = extract_lengths(data)
    if modulus_length == 0:
        computation.output = b""
        return
    lengths = (base_length, exponent_length, modulus_length)
    base, exponent, modulus = _operands(data[_HEAD:], lengths)
    result = int(gmpy2.powmod(base, exponent, modulus)) if modulus else 0
    computation.output = result.to_bytes(modulus_length, "big")


def _operands(data: bytes, lengths: tuple[int, int, int]) -> list[int]:
    """Numbers of so many bytes in a row; what is not there is zero."""
    numbers, start = [], 0
    for length in lengths:
        given = data[start : start + length]
        missing = length - len(given)
        number = int.from_bytes(given, "big")
        numbers.append(number << 8 * missing if number else 0)
        start += length
    return numbers


def blake2f(computation: ComputationAPI) -> None:
    """Run BLAKE2b's compression function for a chosen number of rounds (EIP-152)."""
    data = computation.msg.data_as_bytes
    if len(data) != _BLAKE2F_BYTES or data[-1] > 1:
        raise VMError(f"input must be {_BLAKE2F_BYTES} bytes, the last one 0 or 1")
    charge(computation, int.from_bytes(data[:_ROUNDS_BYTES], "big"))
    computation.output = decode_and_compress(data)


def _address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


RESERVED_ADDRESSES = frozenset(_address(number) for number in (*range(0x01, 0x12), 0x100))
"""Ethereum's own precompiles up to Prague, and P-256 verification (RIP-7212)."""
MODEXP_ADDRESS = _address(0x05)
ETHEREUM_PRECOMPILES: dict[Any, Any] = {  # by two NewTypes of bytes named Address
    **PRAGUE_PRECOMPILES,
    MODEXP_ADDRESS: modexp,
    _address(0x06): bn254.add,
    _address(0x07): bn254.multiply,
    _address(0x08): bn254.check_pairing,
    _address(0x09): blake2f,
    _address(0x0A): evaluate_point,
    _address(0x0B): bls12_381.add_g1,
    _address(0x0C): bls12_381.sum_g1,
    _address(0x0D): bls12_381.add_g2,
    _address(0x0E): bls12_381.sum_g2,
    _address(0x0F): bls12_381.check_pairing,
    _address(0x10): bls12_381.map_to_g1,
    _address(0x11): bls12_381.map_to_g2,
}
