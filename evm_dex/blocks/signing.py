"""Secp256k1 by way of libsecp256k1, without the layers in between."""

from __future__ import annotations

from checkpoint.trie.keccak import keccak
from precompiles.types import Address

try:
    from coincurve import PrivateKey, PublicKey
except ImportError as error:  # eth_keys would go on in pure Python, thirty times slower
    raise ImportError(
        "evm_dex needs coincurve to sign and recover in good time: pip install coincurve"
    ) from error

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Signer:
    """A private key ready to sign, and the address it signs for."""

    __slots__ = ("_key", "address")

    def __init__(self, private_key: bytes) -> None:
        """`private_key` is 32 bytes. Raises ValueError if it is not on the curve."""
        self._key = PrivateKey(private_key)
        self.address = _address(self._key.public_key)

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """(y parity, r, s) over a 32-byte digest, deterministic (RFC 6979), with low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return signature[64], r, s


def compressed_public_key(private_key: bytes) -> bytes:
    """Return the public key in 33 bytes."""
    return PrivateKey(private_key).public_key.format()


def recover(digest: bytes, y_parity: int, r: int, s: int) -> Address:
    """Return the signer of `digest`. Raises ValueError when nobody can have signed it."""
    if y_parity not in (0, 1) or not 0 < r < CURVE_ORDER or not 0 < s <= CURVE_ORDER // 2:
        raise ValueError("signature values out of range")
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for an unrecoverable signature
        raise ValueError("the signature belongs to no key") from error
    return _address(key)


def _address(key: PublicKey) -> Address:
    return Address(keccak(key.format(compressed=False)[1:])[12:])
