"""Assets by the names that the API has for them, and numbers in the API's form."""

from __future__ import annotations

from typing import NamedTuple

from precompiles.engine.book import OrderBook
from precompiles.hyper.asset_ids import AssetId, AssetKind, asset_id, parse_asset_id, parse_perp_id
from precompiles.hyper.prices import pair_market
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.system_addresses import USDC, perp_address
from precompiles.hyper.token_ids import token_id
from precompiles.hyper.units import COLLATERAL_DECIMALS, power_of_ten
from precompiles.ledger.hyper.records import CorePair, CorePerp, CoreToken
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpOrder
from precompiles.ledger.spot import Order
from precompiles.types import ZERO_ADDRESS, Address

MARGIN_TABLE = 50
"""Ids of margin tables below it are those of one tier, whose leverage they are."""


class Listing(NamedTuple):
    """A perpetual or a spot pair."""

    coin: str
    """Its name in the API."""
    asset: int
    """Its number in actions."""
    is_spot: bool
    address: Address
    """Its name on the exchange."""
    size_decimals: int
    price_places: int
    """Decimals of a price as the exchange has it, and of its quote."""
    amount_places: int
    """Decimals of an amount as the exchange has it."""
    fee_token: str
    """Name of the token that sellers and perpetual traders pay fees in."""
    base: str
    """The token that is traded; on a perpetual the coin."""
    dex: int = 0
    """Index of a perpetual's dex."""

    def price(self, price: int) -> str:
        """Return a price of the exchange in the API's form."""
        return number(price, self.price_places)

    def size(self, amount: int) -> str:
        """Return an amount of the exchange in the API's form."""
        return number(amount, self.amount_places)

    def quote(self, amount: int) -> str:
        """Return an amount of the quote in the API's form."""
        return number(amount, self.price_places)


class Listings:
    """All that is traded on a chain. It changes only with the chain's rows, and is read afresh."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rows: tuple[list[CorePerp], list[CorePair]] = ([], [])
        self._all: list[Listing] = []
        self.by_coin: dict[str, Listing] = {}
        self.by_address: dict[Address, Listing] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look whether something else is listed, after a block or a rollback."""
        core = self._ledger.core
        rows = (core.perps, core.pairs)
        if rows == self._rows:
            return
        self._rows = rows
        self._all = [self._perp(perp) for perp in core.perps]
        self._all += [self._pair(pair) for pair in core.pairs]
        self.by_coin = {listing.coin: listing for listing in self._all}
        self.by_address = {listing.address: listing for listing in self._all}

    def perps(self, dex: int = 0) -> list[Listing]:
        """Return the perpetuals of a dex."""
        return [it for it in self._all if not it.is_spot and it.dex == dex]

    def dex(self, name: str) -> int | None:
        """Return the index of a dex by name, "" for the first; None for no dex."""
        found = (it.index for it in self._ledger.core.dexs if it.name == name)
        return next(found, None) if name else 0

    @property
    def pairs(self) -> list[Listing]:
        """The spot pairs."""
        return [listing for listing in self._all if listing.is_spot]

    def of_asset(self, asset: int) -> Listing | None:
        """Return what a number in actions stands for."""
        parsed = parse_asset_id(asset)
        if parsed is None or parsed.kind is AssetKind.OUTCOME:
            return None
        return next((listing for listing in self._all if listing.asset == asset), None)

    def book(self, listing: Listing) -> OrderBook[Order] | OrderBook[PerpOrder]:
        """Return the book of a listing."""
        if listing.is_spot:
            return self._ledger.spot.book(listing.address)
        return self._ledger.perp.book(listing.address)

    def _collateral(self, dex: int) -> str:
        """Return the name of the token that a dex is settled in."""
        found = self._ledger.core.dex(dex)
        token = self._ledger.core.token(found.collateral if found else USDC)
        assert token is not None, "collateral is listed"
        return token.name

    def _perp(self, perp: CorePerp) -> Listing:
        return Listing(
            perp.coin,
            asset_id(parse_perp_id(perp.perp_id)),
            is_spot=False,
            address=perp_address(perp.perp_id),
            size_decimals=perp.size_decimals,
            price_places=COLLATERAL_DECIMALS,
            amount_places=perp.size_decimals,
            fee_token=self._collateral(perp.dex),
            base=perp.coin,
            dex=perp.dex,
        )

    def _pair(self, pair: CorePair) -> Listing:
        core = self._ledger.core
        base, quote = core.token(pair.base), core.token(pair.quote)
        assert base is not None, "a pair's tokens are listed"
        assert quote is not None, "a pair's tokens are listed"
        settings = core.settings
        assert settings is not None, "HyperCore has begun"
        return Listing(
            pair.name,
            asset_id(AssetId(AssetKind.SPOT, pair.index)),
            is_spot=True,
            address=pair_market(self._ledger, settings, pair),
            size_decimals=base.size_decimals,
            price_places=quote.wei_decimals,
            amount_places=base.wei_decimals,
            fee_token=quote.name,
            base=base.name,
        )


def number(value: int, places: int) -> str:
    """Return value / 10**places as the API writes it: always with a decimal."""
    text = format_decimal(value, places)
    return text if "." in text else f"{text}.0"


def usd(amount: int) -> str:
    """Return collateral in the API's form."""
    return number(amount, COLLATERAL_DECIMALS)


def ratio(numerator: int, denominator: int, places: int = 10) -> str:
    """Return a fraction with so many decimals at most, rounded down."""
    return number(numerator * power_of_ten(places) // denominator if denominator else 0, places)


def unused_token_json(index: int) -> dict[str, object]:
    """Return what `spotMeta` lists at an index that no token has."""
    unused = CoreToken(index, f"UNUSED{index}", 0, 5, 0, ZERO_ADDRESS, ZERO_ADDRESS, 0, 0)
    return token_json(unused)


def token_json(token: CoreToken, full_name: str = "") -> dict[str, object]:
    """Return a token as `spotMeta` lists it."""
    linked = None
    if token.is_linked:
        linked = {
            "address": f"0x{token.evm_contract.hex()}",
            "evm_extra_wei_decimals": token.evm_extra_decimals,
        }
    return {
        "name": token.name,
        "szDecimals": token.size_decimals,
        "weiDecimals": token.wei_decimals,
        "index": token.index,
        "tokenId": token_id(token),
        "isCanonical": token.index <= 1,
        "evmContract": linked,
        "fullName": full_name or None,
        "deployerTradingFeeShare": number(token.deployer_fee_share, 5),
    }
