"""Reading the values of a genesis: names, addresses and amounts, each checked where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evm_dex.blocks.dev_accounts import COUNT, default_accounts
from evm_dex.chain.genesis.genesis_file import Amount
from evm_dex.errors import GenesisError
from precompiles.types import Address, SelfTradePrevention


def prevention_mode(at: str, name: str) -> SelfTradePrevention:
    """Return a self-trade prevention mode by name."""
    modes = {mode.name.lower(): mode for mode in SelfTradePrevention}
    if name not in modes:
        raise genesis_error(f"{at}.self_trade_prevention", f"expected one of {', '.join(modes)}")
    return modes[name]


def holdings_of(at: str, amounts: Mapping[str, Amount], most: int) -> dict[Address, int]:
    """Return amounts by account; each account once."""
    holdings: dict[Address, int] = {}
    for account, amount in amounts.items():
        address = account_of(f"{at}.{account}", account)
        if address in holdings:
            raise genesis_error(f"{at}.{account}", "the same account is listed twice")
        holdings[address] = amount_of(f"{at}.{account}", amount, most)
    return holdings


def token_of(
    at: str, symbol: str, symbols: Mapping[str, tuple[Address, int]]
) -> tuple[Address, int]:
    """Return address and decimals of a token by symbol."""
    if symbol not in symbols:
        raise genesis_error(at, f"unknown token {symbol!r}; known are {', '.join(sorted(symbols))}")
    return symbols[symbol]


def account_of(at: str, text: str) -> Address:
    """Return an account by address, or by its number among the mnemonic's."""
    numbered = re.fullmatch(r"account(\d)", text)
    return default_accounts()[int(numbered[1])].address if numbered else address_of(at, text)


def address_of(at: str, text: str) -> Address:
    """Parse an address in hex."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise genesis_error(
            at,
            f"{text!r} is not an address; expected 0x and 40 hex digits, or account0 "
            f"to account{COUNT - 1}",
        )
    return Address(bytes.fromhex(text[2:]))


def amount_of(at: str, amount: Amount, most: int, *, least: int = 0) -> int:
    """Parse an amount of smallest units, within its range."""
    if isinstance(amount, str):
        if not re.fullmatch(r"[0-9]+", amount):
            raise genesis_error(
                at, f"{amount!r} is not an amount; expected decimal digits of smallest units"
            )
        amount = int(amount)
    check_range(at, amount, least, most)
    return amount


def check_range(at: str, value: int, least: int, most: int) -> None:
    """Raise GenesisError for a number out of range."""
    if not least <= value <= most:
        raise genesis_error(at, f"{value} is out of range; expected {least} to {most}")


def genesis_error(at: str, problem: str) -> GenesisError:
    """Return an error that names the place and what is wrong there."""
    return GenesisError(f"genesis: {problem} - at `$.{at}`")
