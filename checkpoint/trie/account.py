"""An account as the state trie holds it (Yellow Paper, section 4.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from checkpoint.trie import rlp
from checkpoint.trie.nodes import BLANK_ROOT, EMPTY_CODE, HASH_BYTES

MAX_ACCOUNT_BYTES = 128
"""No encoded account is as long: four fields of at most 32 bytes with their lengths take 112."""
_FIELDS = 4
_NONCE_BYTES = 8
_BALANCE_BYTES = 32


class Account(msgspec.Struct, frozen=True):
    """Nonce, balance in wei, storage root and code hash of an account."""

    nonce: int = 0
    balance: int = 0
    storage_root: bytes = BLANK_ROOT
    code_hash: bytes = EMPTY_CODE

    def copy(self, **changes: Any) -> Account:
        """Return the account with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    @property
    def has_no_code(self) -> bool:
        """True if the account has neither code nor a delegation to code (EIP-7702)."""
        return self.code_hash == EMPTY_CODE

    @property
    def is_empty(self) -> bool:
        """True if balance and nonce are zero and there is no code (EIP-161)."""
        return not (self.balance or self.nonce) and self.code_hash == EMPTY_CODE

    def encode(self) -> bytes:
        """Return the RLP list of the four fields."""
        fields = [rlp.int_bytes(self.nonce), rlp.int_bytes(self.balance)]
        return rlp.encode([*fields, self.storage_root, self.code_hash])

    @classmethod
    def decode(cls, encoded: bytes) -> Account:
        """Return the account of such a list. Raises ValueError for what `encode` never gives."""
        if len(encoded) > MAX_ACCOUNT_BYTES:
            raise ValueError(f"an account must have fewer bytes, got {len(encoded)}")
        fields = rlp.decode(encoded)
        if not isinstance(fields, list) or len(fields) != _FIELDS:
            raise ValueError("an account must be a list of four fields")
        nonce, balance, storage_root, code_hash = fields
        if not (isinstance(storage_root, bytes) and isinstance(code_hash, bytes)) or not (
            len(storage_root) == len(code_hash) == HASH_BYTES
        ):
            raise ValueError("storage root and code hash must be 32 bytes each")
        return cls(
            _number(nonce, _NONCE_BYTES), _number(balance, _BALANCE_BYTES), storage_root, code_hash
        )


def decode_word(encoded: bytes) -> bytes:
    """Return the 32 bytes of a storage word in RLP. Raises ValueError."""
    word = rlp.decode(encoded) if len(encoded) <= 1 + HASH_BYTES else None
    if not isinstance(word, bytes):
        raise ValueError("a storage word must be at most 32 bytes")
    return word.rjust(HASH_BYTES, b"\0")


def _number(value: Any, width: int) -> int:
    """Return an integer of at most `width` bytes. Raises ValueError."""
    if not isinstance(value, bytes) or len(value) > width or value[:1] == b"\0":
        raise ValueError(f"an integer must have at most {width} bytes and no leading zero")
    return int.from_bytes(value, "big")
