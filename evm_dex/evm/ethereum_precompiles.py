"""Ethereum's own precompiles up to Prague, by address: functions of their input, and their prices.

py-evm's take a computation; some are wrong, and some so slow that one transaction holds a node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import gmpy2
from ckzg import load_trusted_setup, verify_kzg_proof
from eth.exceptions import VMError
from eth.precompiles.bls12_381 import constants as bls_gas
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH, kzg_to_versioned_hash
from eth.vm.forks.berlin.computation import _compute_modexp_gas_fee_eip_2565 as price_of_modexp
from eth.vm.forks.cancun.constants import POINT_EVALUATION_PRECOMPILE_GAS
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature

from evm_dex.evm import bls12_381, bn254
from evm_dex.evm.config import check_time
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


_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HEAD = 96
"""Bytes of the three lengths before the operands of MODEXP."""
_BLAKE2F_BYTES = 213
_ROUNDS_BYTES = 4
_POINT_BYTES = 192
_BLOB_ELEMENTS = 4_096
_BLS_MODULUS = 52435875175126190479447740508185965837690552500527637822603658699938581184513


class EthereumPrecompile(NamedTuple):
    """A function of bytes that knows no state."""

    price: Callable[[bytes], int]
    """Gas, known before it runs."""
    run: Callable[[bytes], bytes]
    """Raises VMError for an input that it has no answer to; all the gas is lost then."""

    def __call__(self, computation: Any) -> None:
        """Run on a message, as py-evm calls a precompile."""
        data = computation.msg.data_as_bytes
        price = self.price(data)
        computation.consume_gas(price, reason="precompile")
        check_time(computation.state.config, price)
        computation.output = self.run(data)


def _price(gas: int) -> Callable[[bytes], int]:
    return lambda _: gas


def _price_by_word(base: int, per_word: int) -> Callable[[bytes], int]:
    return lambda data: base + (len(data) + 31) // 32 * per_word


def recover(data: bytes) -> bytes:
    """Return the address that signed a hash; empty where none did."""
    data = data[:128].ljust(128, b"\0")
    v, r, s = (int.from_bytes(data[start : start + 32], "big") for start in (32, 64, 96))
    if v not in (27, 28) or not (r < _SECP256K1_ORDER and s < _SECP256K1_ORDER):
        return b""
    try:
        key = Signature(vrs=(v - 27, r, s)).recover_public_key_from_msg_hash(data[:32])
    except BadSignature:
        return b""
    return key.to_canonical_address().rjust(32, b"\0")


def sha256(data: bytes) -> bytes:
    """Hash by SHA-256."""
    return hashlib.sha256(data).digest()


def ripemd160(data: bytes) -> bytes:
    """Hash by RIPEMD-160."""
    return hashlib.new("ripemd160", data).digest().rjust(32, b"\0")


def identity(data: bytes) -> bytes:
    """Return the same."""
    return data


@cache
def _trusted_setup() -> Any:
    return load_trusted_setup(TRUSTED_SETUP_PATH, 0)  # py-evm reads it at each call, for a second


def evaluate_point(data: bytes) -> bytes:
    """Check that a blob's polynomial has a value at a point (EIP-4844)."""
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
    return _BLOB_ELEMENTS.to_bytes(32, "big") + _BLS_MODULUS.to_bytes(32, "big")


def modexp(data: bytes) -> bytes:
    """Raise a number to a power modulo a third (EIP-198, priced by EIP-2565).

    py-evm 0.12.1b1 answers 0 for every base of no bytes, but 0**0 is 1.
    """
    head = data[:_HEAD].ljust(_HEAD, b"\0")
    base_length, exponent_length, modulus_length = (
        int.from_bytes(head[start : start + 32], "big") for start in (0, 32, 64)
    )
    if modulus_length == 0:
        return b""
    lengths = (base_length, exponent_length, modulus_length)
    base, exponent, modulus = _operands(data[_HEAD:], lengths)
    result = int(gmpy2.powmod(base, exponent, modulus)) if modulus else 0
    return result.to_bytes(modulus_length, "big")


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


def price_of_blake2f(data: bytes) -> int:
    """Gas of `blake2f`, which is its rounds."""
    return int.from_bytes(data[:_ROUNDS_BYTES], "big") if len(data) == _BLAKE2F_BYTES else 0


def blake2f(data: bytes) -> bytes:
    """Run BLAKE2b's compression function for a chosen number of rounds (EIP-152)."""
    if len(data) != _BLAKE2F_BYTES or data[-1] > 1:
        raise VMError(f"input must be {_BLAKE2F_BYTES} bytes, the last one 0 or 1")
    compressed: bytes = decode_and_compress(data)
    return compressed


def _address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


RESERVED_ADDRESSES = frozenset(_address(number) for number in (*range(0x01, 0x12), 0x100))
"""Ethereum's own precompiles up to Prague, and P-256 verification (RIP-7212)."""
MODEXP_ADDRESS = _address(0x05)
ETHEREUM_PRECOMPILES: dict[Any, EthereumPrecompile] = {  # by two NewTypes of bytes named Address
    _address(0x01): EthereumPrecompile(_price(3_000), recover),
    _address(0x02): EthereumPrecompile(_price_by_word(60, 12), sha256),
    _address(0x03): EthereumPrecompile(_price_by_word(600, 120), ripemd160),
    _address(0x04): EthereumPrecompile(_price_by_word(15, 3), identity),
    MODEXP_ADDRESS: EthereumPrecompile(price_of_modexp, modexp),
    _address(0x06): EthereumPrecompile(_price(bn254.ADD_GAS), bn254.add),
    _address(0x07): EthereumPrecompile(_price(bn254.MULTIPLY_GAS), bn254.multiply),
    _address(0x08): EthereumPrecompile(bn254.price_of_pairing, bn254.check_pairing),
    _address(0x09): EthereumPrecompile(price_of_blake2f, blake2f),
    _address(0x0A): EthereumPrecompile(_price(POINT_EVALUATION_PRECOMPILE_GAS), evaluate_point),
    _address(0x0B): EthereumPrecompile(_price(bls_gas.BLS12_G1_ADD_GAS), bls12_381.add_g1),
    _address(0x0C): EthereumPrecompile(bls12_381.price_of_sum_g1, bls12_381.sum_g1),
    _address(0x0D): EthereumPrecompile(_price(bls_gas.BLS12_G2_ADD_GAS), bls12_381.add_g2),
    _address(0x0E): EthereumPrecompile(bls12_381.price_of_sum_g2, bls12_381.sum_g2),
    _address(0x0F): EthereumPrecompile(bls12_381.price_of_pairing, bls12_381.check_pairing),
    _address(0x10): EthereumPrecompile(_price(bls_gas.BLS12_MAP_FP_G1_GAS), bls12_381.map_to_g1),
    _address(0x11): EthereumPrecompile(_price(bls_gas.BLS12_MAP_FP2_G2_GAS), bls12_381.map_to_g2),
}
