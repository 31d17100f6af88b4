"""The 16 bytes by which Hyperliquid's API names a token beside its name."""

from __future__ import annotations

from eth_hash.auto import keccak

from precompiles.ledger.hyper.records import CoreToken


def token_id(token: CoreToken) -> str:
    """Return a token's id in hex, which follows from its index and name."""
    return f"0x{keccak(f'token {token.index} {token.name}'.encode())[:16].hex()}"
