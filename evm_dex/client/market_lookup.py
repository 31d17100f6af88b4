"""Markets by what people call them: a symbol, a name, an address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from evm_dex.blocks.addresses import to_address
from evm_dex.errors import ChainError
from precompiles.types import NATIVE_COIN, Address

if TYPE_CHECKING:
    from evm_dex.client.contract import Contract
    from evm_dex.client.dex import Dex

_PAGE = 100


def spot_market(dex: Dex, wanted: str) -> Address:
    """Find the asset of a market by its token's symbol or address. Raises ChainError."""
    symbols = {asset: _symbol(dex, asset) for asset in _listed(dex.spot)}
    for asset, symbol in symbols.items():
        if wanted == symbol or _is(wanted, asset):
            return asset
    raise ChainError(f"no market {wanted} here; there are {_told(symbols.values())}")


def perp_market(dex: Dex, wanted: str) -> Address:
    """Find a perpetual market by name, token symbol or address. Raises ChainError."""
    from evm_dex.chain.genesis.genesis_perp import market_address  # noqa: PLC0415 - loads the chain

    named = {to_address(market): symbol for symbol, market in dex.perp_markets.items()}
    listed = {market: named.get(market) or _symbol(dex, market) for market in _listed(dex.perp)}
    for market, symbol in listed.items():
        if wanted == symbol or market == market_address(wanted) or _is(wanted, market):
            return market
    raise ChainError(f"no perpetual market {wanted} here; there are {_told(listed.values())}")


def market_symbol(dex: Dex, market: Address, *, is_perp: bool) -> str:
    """Return a market's name in the genesis, its token's symbol, or else its address."""
    names = {to_address(it): symbol for symbol, it in dex.perp_markets.items()} if is_perp else {}
    return names.get(market) or _symbol(dex, market)


def _listed(exchange: Contract) -> Iterator[Address]:
    for offset in count(step=_PAGE):
        page = exchange.call("getMarkets", offset, _PAGE)
        yield from map(to_address, page)
        if len(page) < _PAGE:
            return


def _symbol(dex: Dex, token: Address) -> str:
    """Return a token's symbol; its address where it has none."""
    if token == NATIVE_COIN:
        return "ETH"
    contract = dex.contract(token, "TestToken")
    try:
        return str(contract.call("symbol"))
    except (ChainError, ValueError):
        return contract.address


def _is(wanted: str, address: Address) -> bool:
    return wanted.lower() == f"0x{address.hex()}"


def _told(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
