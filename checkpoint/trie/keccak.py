"""Keccak-256 by way of C, without the layers in between."""

from __future__ import annotations

from sha3 import keccak_256


def keccak(content: bytes) -> bytes:
    """Return the hash that Ethereum uses throughout, 32 bytes."""
    digest: bytes = keccak_256(content).digest()
    return digest
