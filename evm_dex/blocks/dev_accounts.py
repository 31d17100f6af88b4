"""The accounts every test chain has: those of the well-known mnemonic.

Anvil and Hardhat derive the same ones, so the keys in people's scripts just work. They are
public: whatever is sent to them on a real network is taken at once.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from functools import cache

from evm_dex.blocks.signing import CURVE_ORDER, Signer, compressed_public_key
from precompiles.types import Address

MNEMONIC = "test test test test test test test test test test test junk"
COUNT = 10
_HARDENED = 1 << 31
_PATH = (44 | _HARDENED, 60 | _HARDENED, 0 | _HARDENED, 0)
"""m/44'/60'/0'/0 (BIP-44), below which accounts are numbered."""


class KeyPair:
    """An address and the key that signs for it."""

    __slots__ = ("address", "key", "signer")

    def __init__(self, key: bytes) -> None:
        """`key` is the private key, 32 bytes."""
        self.key = key
        self.signer = Signer(key)
        self.address: Address = self.signer.address

    def __repr__(self) -> str:
        return f"<KeyPair of 0x{self.address.hex()}>"


def default_accounts() -> tuple[KeyPair, ...]:
    """Return the first ten accounts of the mnemonic."""
    return derive_accounts(MNEMONIC, COUNT)


@cache
def derive_accounts(mnemonic: str, count: int) -> tuple[KeyPair, ...]:
    """Accounts 0 to count-1 of a mnemonic without passphrase (BIP-39, BIP-32, BIP-44)."""
    words = unicodedata.normalize("NFKD", mnemonic).encode()
    seed = hashlib.pbkdf2_hmac("sha512", words, b"mnemonic", 2048)
    node = _split(hmac.digest(b"Bitcoin seed", seed, "sha512"))
    for index in _PATH:
        node = _child(node, index)
    return tuple(KeyPair(_child(node, index)[0]) for index in range(count))


def _child(parent: tuple[bytes, bytes], index: int) -> tuple[bytes, bytes]:
    """(key, chain code) of a private child (BIP-32, CKDpriv)."""
    key, chain_code = parent
    identity = b"\x00" + key if index & _HARDENED else compressed_public_key(key)
    tweak, child_code = _split(
        hmac.digest(chain_code, identity + index.to_bytes(4, "big"), "sha512")
    )
    child = (int.from_bytes(tweak, "big") + int.from_bytes(key, "big")) % CURVE_ORDER
    return child.to_bytes(32, "big"), child_code


def _split(digest: bytes) -> tuple[bytes, bytes]:
    return digest[:32], digest[32:]
