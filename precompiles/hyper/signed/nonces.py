"""Nonces of signers: each once, and none below the hundred highest that were used.

Source: Hyperliquid documentation, "Nonces and API wallets". How far a nonce may be from the clock
is for who takes actions in; a block has no clock of milliseconds.
"""

from __future__ import annotations

from bisect import insort
from struct import pack, unpack

from precompiles.hyper.signed.errors import NonceTooLow, NonceUsed
from precompiles.ledger.hyper.signed_records import SignerNonces
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

MOST_KEPT = 100
_BYTES = 8


def check_nonce(ledger: Ledger, signer: Address, nonce: int) -> None:
    """Check a nonce. Raises NonceUsed, NonceTooLow."""
    _with_nonce(ledger, signer, nonce)


def use_nonce(ledger: Ledger, signer: Address, nonce: int) -> None:
    """Record a nonce as used, whatever comes of its action. Raises NonceUsed, NonceTooLow."""
    used = _with_nonce(ledger, signer, nonce)
    kept = used[-MOST_KEPT:]
    row = SignerNonces(pack(f">{len(kept)}Q", *kept))
    ledger.core.signer_nonces.put(signer, row)


def _with_nonce(ledger: Ledger, signer: Address, nonce: int) -> list[int]:
    row = ledger.core.signer_nonces.get(signer)
    stored = row.nonces if row else b""
    used = list(unpack(f">{len(stored) // _BYTES}Q", stored))
    if nonce in used:
        raise NonceUsed(nonce)
    if len(used) >= MOST_KEPT and nonce < used[0]:
        raise NonceTooLow(nonce, used[0])
    insort(used, nonce)
    return used
