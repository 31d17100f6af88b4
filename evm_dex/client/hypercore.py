"""HyperCore as a test sees it: what became of actions, and cheats like those of other simulators.

    receipt = vault.send("rebalance")
    dex.core.assert_all_done(receipt)

Amounts on HyperCore are in its own smallest units: `wei` of a token's weiDecimals, `usd` with six
decimals, prices of one whole unit with six.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from evm_dex.blocks.addresses import AddressLike, HashLike, to_address, to_hash
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.header import Header
from evm_dex.chain.block_builder import MinedBlock
from evm_dex.chain.chain import Chain
from evm_dex.client.cheats.balance_cheats import BalanceCheats
from evm_dex.client.contract import Contract
from evm_dex.client.core_actions import CoreAction, actions_of, explain
from evm_dex.client.views import Receipt
from evm_dex.errors import CheatRefused
from evm_dex.evm.calls import Call
from evm_dex.evm.machine import State
from evm_dex.market.scenarios import MarketSpec, read_spec
from evm_dex.market.simulation import LivingMarket
from precompiles.execution import Execution
from precompiles.hyper import dexs, users
from precompiles.hyper.system_addresses import (
    HYPE_SYSTEM,
    ORACLE,
    USDC,
    perp_address,
    token_address,
)
from precompiles.hyper.units import CORE_GAS_DECIMALS, MAX_U64, SPOT_WEI_PER_USD, evm_amount
from precompiles.ledger.hyper.records import CoreSettings, CoreToken, CoreUser
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import Leverage
from precompiles.perp import oracle
from precompiles.types import Address

Change = Callable[[State, Ledger, Execution], None]
_MINE: dict[str, Callable[[Chain], MinedBlock]] = {"small": Chain.mine, "big": Chain.mine_big}


class HyperCore:
    """HyperCore of one chain. Its methods raise CheatRefused on a chain that has none."""

    def __init__(self, chain: Chain, usdc: Contract | None, balances: BalanceCheats) -> None:
        """`usdc` is the ERC-20 that the contract linked to USDC pays out."""
        self._chain = chain
        self._usdc = usdc
        self._balances = balances

    # What became of actions

    def actions(self, receipt: Receipt | HashLike) -> list[CoreAction]:
        """Return a transaction's deposits and actions, and what has become of them by now.

        Raises UnknownTransaction.
        """
        source = receipt.transaction_hash if isinstance(receipt, Receipt) else to_hash(receipt)
        return actions_of(self._chain.blocks, source, self._chain.head.block_number)

    def assert_all_done(self, receipt: Receipt | HashLike) -> list[CoreAction]:
        """Return the actions. Raises AssertionError that shows those that are not done."""
        actions = self.actions(receipt)
        undone = [action for action in actions if action.outcome != "done"]
        assert not undone, f"not done: {undone}"
        return actions

    # A market that lives

    def market(self, spec: str | MarketSpec) -> LivingMarket:
        """Begin a market of agents: by the name of a scenario, `name:seed`, or a TOML file.

        `market("crash").run(600)` makes 600 seconds of it. Raises ValueError for what is no market.
        """
        described = read_spec(spec) if isinstance(spec, str) else spec
        return LivingMarket(self._chain, described, default_accounts()[0])

    def explain(
        self, contract: Contract, name: str, *args: object, sender: AddressLike
    ) -> list[CoreAction]:
        """Return what the actions of a call to a contract would come to now; nothing is left.

        Orders do not wait. Raises CallFailed where the call itself fails.
        """
        data, caller = contract.encode(name, *args), to_address(sender)
        return explain(self._chain, Call(sender=caller, to=contract.raw_address, data=data))

    # Cheats, each in a block of its own

    def force_spot_balance(self, user: AddressLike, token: int, wei: int) -> Header:
        """Let an account have so much of a token in its spot wallet; the block it is in.

        The EVM's side holds as much more or less. Raises CheatRefused for less than orders hold.
        """
        _check_u64("wei", wei)
        account, listed = to_address(user), self._token(token)
        address = token_address(self._settings, listed.index)
        ledger = self._chain.ledger
        if ledger.core.is_unified(account) and token in dexs.first_dexs(ledger):
            raise CheatRefused(
                f"0x{account.hex()} is unified and has token {token} as collateral: use "
                "force_perp_balance"
            )
        balance = ledger.spot.balance(account, address)
        if wei < balance.hold:
            raise CheatRefused(
                f"wei must be at least the {balance.hold} that orders hold, got {wei}"
            )
        added = wei - balance.total
        self._add_backing(listed, added)

        def change(_state: State, ledger: Ledger, _execution: Execution) -> None:
            ledger.spot.change_balance(account, address, total=added)
            ledger.spot.change_token_total(address, added)
            _begin(ledger, account)

        return self._write(change)

    def force_perp_balance(self, user: AddressLike, usd: int, *, dex: int = 0) -> Header:
        """Let an account have so much cash on a perpetuals dex; the block it is in."""
        _check_u64("usd", usd)
        account, core = to_address(user), self._chain.ledger.core
        listed = core.dex(dex)
        if dex and listed is None:
            raise CheatRefused(f"there is no perpetuals dex {dex}")
        ledger = self._chain.ledger
        added = usd - ledger.perp.cash(dexs.dex_account(ledger, dex, account))
        token = self._token(listed.collateral if listed else USDC)
        self._add_backing(token, added * SPOT_WEI_PER_USD)

        def change(_state: State, ledger: Ledger, execution: Execution) -> None:
            dexs.credit(execution, dex, account, added)
            _begin(ledger, account)

        return self._write(change)

    def force_leverage(
        self, user: AddressLike, perp: int, leverage: int, *, is_cross: bool = True
    ) -> Header:
        """Let an account trade a perpetual at a leverage; the block it is in."""
        account, asset = to_address(user), self._perp(perp)
        most = self._chain.ledger.perp.markets.rows[asset].max_leverage
        if not 1 <= leverage <= most:
            raise CheatRefused(f"leverage must be 1 to {most}, got {leverage}")

        def change(_state: State, ledger: Ledger, _execution: Execution) -> None:
            on_dex = dexs.noted_account(ledger, perp // dexs.PERPS_PER_DEX, account)
            ledger.perp.leverages.put(asset + on_dex, Leverage(leverage, is_cross))

        return self._write(change)

    def activate(self, user: AddressLike) -> Header:
        """Let an account exist, its fee paid; the block it is in."""
        account = to_address(user)
        return self._write(lambda _state, ledger, _execution: _begin(ledger, account))

    def use_big_blocks(self, user: AddressLike, *, on: bool = True) -> Header:
        """Let an account's transactions go into big blocks, or small ones; the block it is in.

        On Hyperliquid the account itself asks for it. Raises CheatRefused for one that does not
        exist there.
        """
        account = to_address(user)
        record = self._chain.ledger.core.user(account)
        if record is None and self._settings:
            raise CheatRefused(f"0x{account.hex()} does not exist on HyperCore: activate() it")
        return self._write(lambda _state, ledger, _: users.use_big_blocks(ledger, account, on=on))

    def next_block(self, kind: str = "small") -> Header:
        """Make a block of a kind now: "small", or "big" whenever the last one was.

        After a small one a big one follows where it is due and something waits for it.
        Raises ValueError for another kind.
        """
        if kind not in _MINE:
            raise ValueError(f"kind must be small or big, got {kind!r}")
        return _MINE[kind](self._chain).header

    def set_oracle(self, perp: int, price: int) -> Header:
        """Set a perpetual's oracle price; the block it is in. The mark follows by its rule."""
        asset = self._perp(perp)

        def change(_state: State, _ledger: Ledger, execution: Execution) -> None:
            oracle.set_price(execution.acting_for(ORACLE), asset, price, 0)

        return self._write(change)

    def set_mark(self, perp: int, price: int) -> Header:
        """Set oracle, outside and mark price of a perpetual alike; the block it is in.

        From the next block on the mark follows the book again, by its rule.
        """
        asset = self._perp(perp)

        def change(_state: State, ledger: Ledger, execution: Execution) -> None:
            oracle.set_price(execution.acting_for(ORACLE), asset, price, price)
            prices = ledger.perp.prices.rows[asset]
            ledger.perp.prices.put(asset, replace(prices, mark=price))

        return self._write(change)

    def set_spot_price(self, pair: int, price: int) -> Header:
        """Set a pair's last trade, in wei of the quote for one whole base; the block it is in."""
        if self._chain.ledger.core.pair(pair) is None:
            raise CheatRefused(f"there is no spot pair {pair}")
        return self._write(lambda _state, ledger, _: ledger.core.put_last_price(pair, price))

    def set_delay(self, seconds: int) -> Header:
        """Choose how long orders and vault transfers wait from now on; the block it is in."""
        if seconds < 0:
            raise CheatRefused(f"seconds must be 0 or more, got {seconds}")
        settings = replace(self._settings, order_delay=seconds)

        def change(_state: State, ledger: Ledger, _execution: Execution) -> None:
            ledger.core.settings = settings

        return self._write(change)

    def halt_perp(self, perp: int, *, on: bool = True) -> Header:
        """Stop or resume trading of a perpetual; the block it is in."""
        self._perp(perp)
        record = self._chain.ledger.core.perp(perp)
        assert record is not None
        halted = replace(record, is_halted=on)
        return self._write(lambda _state, ledger, _: ledger.core.put_perp(halted))

    def halt_pair(self, pair: int, *, on: bool = True) -> Header:
        """Stop or resume trading of a spot pair; the block it is in."""
        record = self._chain.ledger.core.pair(pair)
        if record is None:
            raise CheatRefused(f"there is no spot pair {pair}")
        halted = replace(record, is_halted=on)
        return self._write(lambda _state, ledger, _: ledger.core.put_pair(halted))

    def link(self, token: int, contract: AddressLike, evm_extra_decimals: int) -> Header:
        """Let an ERC-20 on the EVM be a token's contract; the block it is in.

        It has `evm_extra_decimals` more than the token's weiDecimals. What the system address has
        there can be paid out; as much as the token's supply comes in at most.
        """
        if not -2 <= evm_extra_decimals <= 18:
            raise CheatRefused(f"evm_extra_decimals must be -2 to 18, got {evm_extra_decimals}")
        linked = replace(
            self._token(token),
            evm_contract=to_address(contract),
            evm_extra_decimals=evm_extra_decimals,
        )
        return self._write(lambda _state, ledger, _: ledger.core.put_token(linked))

    @property
    def _settings(self) -> CoreSettings:
        settings = self._chain.ledger.core.settings
        if settings is None:
            raise CheatRefused('this chain has no HyperCore: open it with profile="hyperevm"')
        return settings

    def _token(self, index: int) -> CoreToken:
        token = self._chain.ledger.core.token(index)
        if token is None:
            raise CheatRefused(f"there is no token {index}")
        return token

    def _perp(self, number: int) -> Address:
        if self._chain.ledger.core.perp(number) is None:
            raise CheatRefused(f"there is no perpetual {number}")
        return perp_address(number)

    def _add_backing(self, token: CoreToken, wei: int) -> None:
        """Let the EVM's side of a token hold more or less."""
        settings = self._settings
        if token.index == settings.hype:
            change = evm_amount(abs(wei), CORE_GAS_DECIMALS)
            self._chain.write_state(
                lambda state: state.delta_balance(HYPE_SYSTEM, change if wei >= 0 else -change)
            )
        elif token.is_linked:
            is_usdc = token.index == USDC
            erc20 = self._usdc.raw_address if self._usdc and is_usdc else token.evm_contract
            holder = token.evm_contract if is_usdc else token_address(settings, token.index)
            change = evm_amount(abs(wei), token.evm_extra_decimals)
            self._balances.add_backing(erc20, holder, change if wei >= 0 else -change)

    def _write(self, change: Change) -> Header:
        _ = self._settings
        head = self._chain.head

        def write(state: State, ledger: Ledger) -> None:
            change(state, ledger, Execution(ledger, ORACLE, head.block_number + 1, head.timestamp))

        return self._chain.write_rows(write)


def _begin(ledger: Ledger, user: Address) -> None:
    found = ledger.core.user(user)
    if found is None or not found.is_activated:
        ledger.core.put_user(user, CoreUser(True, found is not None and found.uses_big_blocks))


def _check_u64(name: str, value: int) -> None:
    if not 0 <= value <= MAX_U64:
        raise CheatRefused(f"{name} must be 0 to 2**64 - 1, got {value}")
