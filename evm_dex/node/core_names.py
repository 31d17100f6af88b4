"""Names, numbers and decimals of what HyperCore lists; nothing on a chain that has none."""

from __future__ import annotations

from typing import NamedTuple

from evm_dex.node.rpc_json import Json
from precompiles.hyper.asset_ids import AssetId, AssetKind, asset_id, parse_perp_id
from precompiles.hyper.grid import price_decimals
from precompiles.hyper.prices import pair_market
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.system_addresses import (
    USDC,
    collateral_address,
    perp_address,
    token_address,
    token_of_address,
)
from precompiles.hyper.units import COLLATERAL_DECIMALS, power_of_ten
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpMarket
from precompiles.ledger.spot import Market
from precompiles.types import Address


def coins(ledger: Ledger) -> dict[Address, str]:
    """Return the names of the perpetuals, by market."""
    if ledger.core.settings is None:
        return {}
    return {perp_address(perp.perp_id): perp.coin for perp in ledger.core.perps}


def tokens(ledger: Ledger) -> dict[Address, Json]:
    """Return symbols and decimals of tokens, pairs and collateral, by the exchanges' addresses."""
    core = ledger.core
    settings = core.settings
    if settings is None:
        return {}
    named = {
        token.index: {"symbol": token.name, "decimals": token.wei_decimals} for token in core.tokens
    }
    found = {pair_market(ledger, settings, pair): named[pair.base] for pair in core.pairs}
    for index, token in named.items():
        found[token_address(settings, index)] = token
    collateral = {0: USDC, **{dex.index: dex.collateral for dex in core.dexs}}
    for dex, index in collateral.items():
        found[collateral_address(dex)] = {**named[index], "decimals": COLLATERAL_DECIMALS}
    return found


def perp_tick(ledger: Ledger, market: PerpMarket) -> int:
    """Return the least step between prices of a perpetual market."""
    if ledger.core.settings is None:
        return market.tick
    decimals = price_decimals(_digits(market.base_unit))
    return power_of_ten(COLLATERAL_DECIMALS - decimals)


def pair_tick(ledger: Ledger, market: Market) -> int:
    """Return the least step between prices of a spot market."""
    settings = ledger.core.settings
    index = None if settings is None else token_of_address(settings, market.quote)
    quote = None if index is None else ledger.core.token(index)
    if quote is None:
        return market.tick
    decimals = price_decimals(_digits(market.base_unit // market.lot), is_spot=True)
    return power_of_ten(max(0, quote.wei_decimals - decimals))


def _digits(power: int) -> int:
    return len(str(power)) - 1


class CoreMarket(NamedTuple):
    """A market of HyperCore as actions name it, and the decimals of its prices and amounts."""

    asset: int
    price_decimals: int
    amount_decimals: int

    def price(self, units: int) -> str:
        """Return a price of the exchange as actions give it."""
        return format_decimal(units, self.price_decimals)

    def size(self, units: int) -> str:
        """Return an amount of the exchange as actions give it."""
        return format_decimal(units, self.amount_decimals)


def core_market(ledger: Ledger, where: str, market: Address) -> CoreMarket | None:
    """Return a market of HyperCore; None on a chain without it, and for no market."""
    core = ledger.core
    if core.settings is None:
        return None
    if where == "perp":
        perp = next((it for it in core.perps if perp_address(it.perp_id) == market), None)
        if perp is None:
            return None
        asset = asset_id(parse_perp_id(perp.perp_id))
        return CoreMarket(asset, COLLATERAL_DECIMALS, perp.size_decimals)
    for pair in core.pairs:
        base, quote = core.token(pair.base), core.token(pair.quote)
        if base and quote and pair_market(ledger, core.settings, pair) == market:
            asset = asset_id(AssetId(AssetKind.SPOT, pair.index))
            return CoreMarket(asset, quote.wei_decimals, base.wei_decimals)
    return None
