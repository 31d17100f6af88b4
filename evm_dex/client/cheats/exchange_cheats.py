"""Cheatcodes that act for others: prices, new markets and tokens, anyone's transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from evm_dex.blocks.addresses import AddressLike, checksum, to_address
from evm_dex.chain.chain import Chain
from evm_dex.chain.genesis.genesis_perp import market_address
from evm_dex.chain.market_grid import fitting_grid, warn_of_rounding
from evm_dex.client.cheats.balance_cheats import TokenLike
from evm_dex.client.cheats.state_cheats import StateCheats
from evm_dex.client.contract import Contract
from evm_dex.client.views import Receipt
from evm_dex.errors import CheatRefused
from precompiles.types import (
    NATIVE_COIN,
    Address,
)

_GAS_MONEY = 10**18
_YEAR = 365 * 24 * 3600


class Exchanges(Protocol):
    """The part of `Dex` that these cheats stand on; documented there."""

    @property
    def chain(self) -> Chain: ...

    spot: Contract
    perp: Contract
    tokens: dict[str, Contract]
    perp_markets: dict[str, str]

    def contract(self, address: AddressLike, artifact: str) -> Contract: ...

    def deploy(self, artifact: str, *args: Any) -> Contract: ...


class ExchangeCheats:
    """Cheatcodes for prices, markets and tokens. Amounts are in smallest units."""

    def __init__(self, dex: Exchanges, find_token: Callable[[TokenLike], Address]) -> None:
        """`find_token` gives the address of a token by its symbol."""
        self._dex = dex
        self._chain = dex.chain
        self._token = find_token

    def set_oracle_price(self, market: AddressLike, price: int) -> Receipt:
        """Send the market's feeder's price, in quote units per base unit.

        `market` is a perpetual market's symbol or address. Raises Reverted.
        """
        asset = self._perp_market(market)
        feeder = self._dex.perp.call("getOracle", asset).feeder
        return self._send_as(feeder, self._dex.perp, "setOraclePrice", asset, price)

    def list_market(
        self,
        base: TokenLike,
        quote: TokenLike = "USDC",
        *,
        tick: int | None = None,
        lot: int | None = None,
        maker_fee: int = 0,
        taker_fee: int = 0,
    ) -> Receipt:
        """Open a spot market for a token, in the owner's name.

        Prices are for one whole token; by default the tick is a hundredth of the quote token and
        the lot a ten-thousandth of the base token, or as much as it takes for nothing to round; a
        warning is logged where both are given and something does. Fees are in hundred-thousandths.
        Raises Reverted, as `listMarket`.
        """
        asset, money = self._token(base), self._token(quote)
        unit = 10 ** self._decimals(asset)
        grid = fitting_grid(unit, 10 ** self._decimals(money), tick=tick, lot=lot)
        warn_of_rounding(checksum(asset), unit, *grid)
        rules = (unit, *grid, maker_fee, taker_fee)
        owner = self._dex.spot.call("owner")
        return self._send_as(owner, self._dex.spot, "listMarket", asset, money, *rules, 0, owner)

    def list_perp_market(
        self,
        market: TokenLike,
        price: int,
        *,
        tick: int | None = None,
        lot: int | None = None,
        max_leverage: int = 50,
        max_price_age: int = _YEAR,
        feeder: AddressLike | None = None,
    ) -> Receipt:
        """Open a perpetual market, in the owner's name, and give it its first price.

        `market` is a token, or any name for what is traded. Tick and lot as in `list_market`;
        without a token the base unit is 10**18. Its price goes stale after `max_price_age` seconds.
        `feeder` defaults to the owner. Raises Reverted.
        """
        asset, decimals = self._new_perp_market(market)
        token = self._chain.ledger.perp.settings.collateral
        unit, owner = 10**decimals, self._dex.spot.call("owner")
        grid = fitting_grid(unit, 10 ** self._decimals(token), tick=tick, lot=lot)
        warn_of_rounding(checksum(asset), unit, *grid)
        rules = (unit, *grid, max_leverage, owner if feeder is None else feeder)
        self._send_as(owner, self._dex.perp, "listMarket", asset, *rules)
        risk = self._dex.perp.call("getRisk", asset)
        self._send_as(owner, self._dex.perp, "setRisk", asset, max_price_age, *risk[1:4])
        if isinstance(market, str) and not market.startswith("0x"):
            self._dex.perp_markets[market] = checksum(asset)
        return self.set_oracle_price(asset, price)

    def set_collateral(self, token: TokenLike) -> Receipt | None:
        """Choose the token of all margin, in the owner's name, unless it is that already.

        Raises Reverted where it is another.
        """
        address = self._token(token)
        if self._chain.ledger.perp.settings.collateral == address:
            return None
        owner = self._dex.spot.call("owner")
        return self._send_as(owner, self._dex.perp, "setCollateral", address)

    def deploy_token(self, symbol: str, decimals: int = 18, name: str | None = None) -> Contract:
        """Create a token that anyone may mint, to be found in `Dex.tokens` by its symbol."""
        token = self._dex.deploy("TestToken", name or symbol, symbol, decimals)
        self._dex.tokens[symbol] = token
        return token

    @contextmanager
    def acting_as(self, address: AddressLike) -> Iterator[Address]:
        """Impersonate an account inside the context, with an ether for gas where it has less."""
        account = to_address(address)
        if self._chain.state.get_balance(account) < _GAS_MONEY:
            StateCheats(self._chain).set_balance(account, _GAS_MONEY)
        with self._chain.settings.impersonation.of(account):
            yield account

    def _send_as(self, sender: AddressLike, contract: Contract, name: str, *args: Any) -> Receipt:
        with self.acting_as(sender) as account, self._chain.mining_at_once():
            return contract.send(name, *args, sender=account)

    def _decimals(self, token: Address) -> int:
        if token == NATIVE_COIN:
            return 18
        decimals: int = self._dex.contract(token, "TestToken").call("decimals")
        return decimals

    def _perp_market(self, market: AddressLike) -> Address:
        if isinstance(market, str) and market in self._dex.perp_markets:
            market = self._dex.perp_markets[market]
        try:
            return to_address(market)
        except ValueError:
            known = ", ".join(self._dex.perp_markets) or "none"
            raise CheatRefused(
                f"no perpetual market {market!r}; there are {known}, or give an address"
            ) from None

    def _new_perp_market(self, market: TokenLike) -> tuple[Address, int]:
        try:
            asset = self._token(market)
        except CheatRefused:
            return market_address(str(market)), 18
        return asset, self._decimals(asset)
