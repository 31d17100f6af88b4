"""Contracts that tools expect at the addresses they have on every chain."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from precompiles.types import Address

KNOWN_CONTRACTS = {
    # Arachnid's deterministic deployment proxy: what is created with salts and by forge script.
    "create2_deployer": Address(bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")),
    # Many calls in one (github.com/mds1/multicall3, MIT licence).
    "multicall3": Address(bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")),
}
"""Addresses by the name that a genesis file gives."""
_CREATE2_DEPLOYER = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234"
    "f58015156039578182fd5b8082525050506014600cf3"
)


@cache
def known_code(name: str) -> bytes:
    """Return a contract's code, byte for byte that of Ethereum's main network."""
    if name == "create2_deployer":
        return _CREATE2_DEPLOYER
    return bytes.fromhex(Path(__file__).with_name("multicall3.hex").read_text())
