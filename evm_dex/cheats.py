"""Cheatcodes that know tokens and exchanges: funds with real backing, prices, new markets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evm_dex.abi import Interface
from evm_dex.addresses import AddressLike, to_address
from evm_dex.artifact import load_artifact
from evm_dex.chain.cheats import Cheats
from evm_dex.chain.errors import CallFailed, CheatRefused
from evm_dex.chain.execution import Call
from evm_dex.chain.genesis import NATIVE_SYMBOL
from evm_dex.chain.genesis_perp import market_address
from evm_dex.chain.header import Header
from evm_dex.chain.probing import Word, find_word
from evm_dex.vm.machine import State
from precompiles.perp import collateral
from precompiles.perp.execution import Execution as PerpExecution
from precompiles.spot.execution import Execution
from precompiles.spot.funds import credit
from precompiles.types import (
    MAX_AMOUNT,
    NATIVE_COIN,
    PERP_ADDRESS,
    SPOT_ADDRESS,
    ZERO_ADDRESS,
    Address,
)

if TYPE_CHECKING:
    from evm_dex.contract import Contract
    from evm_dex.dex import Dex
    from evm_dex.receipt import Receipt

TokenLike = AddressLike
"""A token's symbol in `Dex.tokens`, "ETH" for the native coin, or its address."""

_Change = Callable[[State], object]

_GAS_MONEY = 10**18
_CENT = 100
_LOTS_PER_UNIT = 10_000
_WORD = 2**256
_YEAR = 365 * 24 * 3600


class DexCheats(Cheats):
    """Cheatcodes of a chain with its exchanges. Amounts are in smallest units."""

    def __init__(self, dex: Dex) -> None:
        super().__init__(dex.chain)
        self._dex = dex
        self._token_interface = Interface(load_artifact("TestToken")["abi"])

    # Funds

    def deal(self, token: TokenLike, user: AddressLike, amount: int) -> Header:
        """Let an account have so much of a token, or of "ETH"; the block it is in.

        The token's total supply moves with it where it can be found. Works for any ERC-20 that
        keeps a balance in a word of its own; raises CheatRefused for others.
        """
        address, account = self._token(token), to_address(user)
        if address == NATIVE_COIN:
            return self.set_balance(account, amount)
        change = self._change_of_balance(address, account, amount, is_total=True)
        return self._chain.write_state(change)

    def deal_on_spot(self, token: TokenLike, user: AddressLike, amount: int) -> Header:
        """Add to what an account has on the spot exchange, as if deposited; the block it is in.

        The exchange's own tokens grow by as much. Raises CheatRefused.
        """
        address, account, ledger = self._token(token), to_address(user), self._chain.ledger
        _check_room(amount, MAX_AMOUNT - ledger.token_total(address))
        back = self._backing(address, SPOT_ADDRESS, amount)
        execution = Execution(account, self._chain.head.block_number + 1, lambda _: None)

        def change(state: State) -> None:
            back(state)
            credit(ledger, execution, account, address, amount)

        return self._chain.write_state(change)

    def deal_on_perp(self, user: AddressLike, amount: int) -> Header:
        """Add to an account's collateral on the perpetuals exchange; the block it is in.

        The exchange's own tokens grow by as much. Raises CheatRefused, also without collateral.
        """
        account, ledger = to_address(user), self._chain.ledger
        token = ledger.perp.settings.collateral
        if token == ZERO_ADDRESS:
            raise CheatRefused("the perpetuals exchange has no collateral: setCollateral() first")
        _check_room(amount, MAX_AMOUNT - ledger.perp.fund.collateral_total)
        back = self._backing(token, PERP_ADDRESS, amount)
        head = self._chain.head
        execution = PerpExecution(
            account, head.block_number + 1, head.timestamp, lambda _: None, lambda: head.gas_limit
        )

        def change(state: State) -> None:
            back(state)
            collateral.credit(ledger, execution, account, amount)

        return self._chain.write_state(change)

    def find_balance(self, token: TokenLike, user: AddressLike) -> Word | None:
        """The contract and storage slot that hold a balance; None where it is not one word."""
        return self._find(self._token(token), "balanceOf", user)

    # Prices and markets

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
        the lot a ten-thousandth of the base token. Fees are in hundred-thousandths. Raises
        Reverted, as `listMarket`.
        """
        asset, money = self._token(base), self._token(quote)
        unit = 10 ** self._decimals(asset)
        rules = (
            unit,
            tick or max(10 ** self._decimals(money) // _CENT, 1),
            lot or max(unit // _LOTS_PER_UNIT, 1),
            maker_fee,
            taker_fee,
        )
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
        rules = (
            unit,
            tick or max(10 ** self._decimals(token) // _CENT, 1),
            lot or max(unit // _LOTS_PER_UNIT, 1),
            max_leverage,
            owner if feeder is None else feeder,
        )
        self._send_as(owner, self._dex.perp, "listMarket", asset, *rules)
        risk = self._dex.perp.call("getRisk", asset)
        self._send_as(owner, self._dex.perp, "setRisk", asset, max_price_age, *risk[1:4])
        if isinstance(market, str) and not market.startswith("0x"):
            self._dex.perp_markets[market] = asset
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
        impersonated = self._chain.impersonation.accounts
        before = account in impersonated
        if self._chain.state.get_balance(account) < _GAS_MONEY:
            self.set_balance(account, _GAS_MONEY)
        impersonated.add(account)
        try:
            yield account
        finally:
            if not before:
                impersonated.discard(account)

    def _send_as(self, sender: AddressLike, contract: Contract, name: str, *args: Any) -> Receipt:
        with self.acting_as(sender) as account, self._at_once():
            return contract.send(name, *args, sender=account)

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Let a transaction have its block now, also where others wait for theirs.

        One of the same sender's that waits gives way.
        """
        chain = self._chain
        automine, waiting = chain.automine, tuple(chain.mempool)
        chain.automine = True
        chain.mempool.replace(())
        try:
            yield
        finally:
            chain.automine = automine
            chain.mempool.replace(waiting)
            chain.mempool.keep_valid(chain.state.get_nonce)

    def _backing(self, token: Address, exchange: Address, amount: int) -> _Change:
        """What gives an exchange `amount` more of a token."""
        if token == NATIVE_COIN:
            return lambda state: state.delta_balance(exchange, amount)
        return self._change_of_balance(token, exchange, amount, is_total=False)

    def _change_of_balance(
        self, token: Address, account: Address, amount: int, *, is_total: bool
    ) -> _Change:
        """What changes a balance by `amount`, or to it, and the supply with it."""
        word = self._find(token, "balanceOf", account)
        if word is None:
            raise CheatRefused(
                f"the token at 0x{token.hex()} keeps no balance in a storage word of its own: "
                "impersonate a holder and transfer, or mint"
            )
        supply = self._find(token, "totalSupply")
        now = self._chain.state.get_storage(word.address, word.slot)
        target = amount if is_total else now + amount
        if not 0 <= target < _WORD:
            raise CheatRefused(f"a balance of {target} is out of range: expected 0 to 2**256 - 1")

        def change(state: State) -> None:
            state.set_storage(word.address, word.slot, target)
            if supply is not None:
                total = state.get_storage(supply.address, supply.slot) + target - now
                state.set_storage(supply.address, supply.slot, total % _WORD)

        return change

    def _find(self, token: Address, function: str, *args: Any) -> Word | None:
        entry = self._token_interface.function(function, len(args))
        data = self._token_interface.encode_call(entry, [to_address(arg) for arg in args])
        try:
            return find_word(self._chain, Call(to=token, data=data))
        except CallFailed as error:
            raise CheatRefused(f"0x{token.hex()} is no token: {function} failed: {error}") from None

    def _token(self, token: TokenLike) -> Address:
        if token == NATIVE_SYMBOL:
            return NATIVE_COIN
        if isinstance(token, str) and token in self._dex.tokens:
            return self._dex.tokens[token].raw_address
        try:
            return to_address(token)
        except ValueError:
            known = ", ".join((*self._dex.tokens, "ETH"))
            raise CheatRefused(f"no token {token!r}; there are {known}, or an address") from None

    def _decimals(self, token: Address) -> int:
        if token == NATIVE_COIN:
            return 18
        decimals: int = self._dex.contract(token, "TestToken").call("decimals")
        return decimals

    def _perp_market(self, market: AddressLike) -> Address:
        if isinstance(market, str) and market in self._dex.perp_markets:
            return self._dex.perp_markets[market]
        try:
            return to_address(market)
        except ValueError:
            known = ", ".join(self._dex.perp_markets) or "none"
            raise CheatRefused(f"no perpetual market {market!r}; there are {known}") from None

    def _new_perp_market(self, market: TokenLike) -> tuple[Address, int]:
        try:
            asset = self._token(market)
        except CheatRefused:
            return market_address(str(market)), 18
        return asset, self._decimals(asset)


def _check_room(amount: int, room: int) -> None:
    if not 0 < amount <= room:
        raise CheatRefused(f"an amount of {amount} is out of range: expected 1 to {room}")
