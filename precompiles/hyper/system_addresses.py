"""Addresses that stand for something on HyperCore.

The ledger keeps a token's balances under its system address, where the EVM's side of a linked
token is held too.
"""

from __future__ import annotations

from precompiles.ledger.hyper.records import CoreSettings
from precompiles.types import Address

CORE_ADDRESS = Address(bytes.fromhex("0000000000000000000000000000000000000D03"))
"""Address of HyperCore's part of a block, which logs its receipts."""
SYSTEM_SENDER = Address(b"\xff" * 19 + b"\xfe")
"""In whose name the chain calls it (EIP-4788's system address); it has no key."""
CORE_WRITER = Address(b"\x33" * 20)
HYPE_SYSTEM = Address(b"\x22" * 20)
WHYPE = Address(b"\x55" * 20)
FEES = Address(b"\xfe" * 20)
"""Account that is paid the fees of trades."""
STAKING = Address(b"\x57" * 20)
"""Account that holds the HYPE of all stakes."""
EMISSIONS = Address(b"\x45" * 20)
"""Account from which stakes are rewarded."""
HYPERLIQUIDITY = Address(b"\xff" * 20)
"""Account that tokens are given to for orders that pairs keep by themselves."""
ORACLE = Address(b"\x08" * 20)
"""In whose name oracle prices are set; it has no key."""
USDC = 0
"""Index of the token that perpetuals are settled in."""
_TOKEN, _PERP, _COLLATERAL, _PAIR, _HYPERLIQUIDITY = 0x20, 0x21, 0x23, 0x24, 0x25


def token_address(settings: CoreSettings, index: int) -> Address:
    """Return the system address of a token."""
    return HYPE_SYSTEM if index == settings.hype else _numbered(_TOKEN, index)


def token_of_address(settings: CoreSettings, address: Address) -> int | None:
    """Return the index of the token with this system address; None for other addresses."""
    if address == HYPE_SYSTEM:
        return settings.hype
    index = int.from_bytes(address[1:], "big")
    is_numbered = address[0] == _TOKEN and index >> 64 == 0 and index != settings.hype
    return index if is_numbered else None


def perp_address(perp_id: int) -> Address:
    """Return the address by which the exchange knows a perpetual; no account has it."""
    return _numbered(_PERP, perp_id)


def pair_address(index: int) -> Address:
    """Return the address of a spot pair whose base has another market; no account has it."""
    return _numbered(_PAIR, index)


def collateral_address(dex: int) -> Address:
    """Return the address by which the exchange knows a dex's collateral; no account has it."""
    return _numbered(_COLLATERAL, dex)


def hyperliquidity_account(pair: int) -> Address:
    """Return the account of the orders that a pair keeps by itself; it has no key."""
    return _numbered(_HYPERLIQUIDITY, pair)


def _numbered(first: int, index: int) -> Address:
    return Address(bytes((first,)) + index.to_bytes(19, "big"))
