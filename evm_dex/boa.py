"""The exchanges in titanoboa's own EVM: Vyper contracts trade in process, without a node.

    import boa
    from evm_dex.boa import add_exchanges

    dex = add_exchanges()
    trader = boa.load("Trader.vy")
    dex.deal_on_spot("USDC", trader, 3_000 * 10**6)
    trader.bid(dex.tokens["WETH"], 10**18, 3_000 * 10**6)

`boa.env.anchor()` and every frame that reverts take orders and balances back with the rest.

On a network (`boa.set_network_env`, moccasin) titanoboa executes each call here as well before it
sends it. There `add_exchanges` lets the node answer what a contract asks the exchanges meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import boa
import msgspec
from boa.contracts.abi.abi_contract import ABIContract, ABIContractFactory
from boa.environment import Env
from boa.network import NetworkEnv
from boa.util.abi import Address as BoaAddress
from boa.vm.py_evm import register_raw_precompile

from checkpoint.memory_store import MemoryStore
from evm_dex.abi.abi_values import decode, encode
from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import exchange_error
from evm_dex.blocks.addresses import checksum, to_address
from evm_dex.chain.genesis.genesis_block import fill_genesis
from evm_dex.chain.genesis.genesis_file import (
    GenesisSource,
    default_genesis_file,
    read_genesis_file,
)
from evm_dex.chain.genesis.resolved import resolve_genesis
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.precompile_adapter import as_py_evm, reverting
from evm_dex.node.forge_bridge import BRIDGE_OUTCOME, BRIDGE_REQUEST
from precompiles.engine.journal import Journal
from precompiles.factory import PRECOMPILES, get_precompiles_with_storage
from precompiles.types import NATIVE_COIN, PERP_ADDRESS, SPOT_ADDRESS, Address

_added: WeakKeyDictionary[Env, Callable[[Any], Any]] = WeakKeyDictionary()
"""Contracts by environment; titanoboa registers an address for all of them at once."""


class ExchangeContracts:
    """Exchanges and tokens of one environment, as titanoboa's ABI contracts."""

    def __init__(self, env: Env, tokens: dict[str, Address], markets: dict[str, Address]) -> None:
        self._env = env
        self.spot = _contract(SPOT_ADDRESS, "ISpot")
        """The spot exchange."""
        self.perp = _contract(PERP_ADDRESS, "IPerp")
        """The perpetuals exchange."""
        self.tokens = {symbol: _contract(it, "TestToken") for symbol, it in tokens.items()}
        """The tokens of the genesis, by symbol."""
        self.perp_markets = {symbol: checksum(market) for symbol, market in markets.items()}
        """The perpetual markets of the genesis, by symbol: addresses in hex."""

    def deal(self, token: Any, user: Any, amount: int) -> None:
        """Mint so much of a token of the genesis to an account."""
        self._token(token).mint(user, amount)

    def deal_on_spot(self, token: Any, user: Any, amount: int) -> None:
        """Mint so much of a token to an account, and let it deposit that on the spot exchange."""
        self.deal(token, user, amount)
        with self._env.prank(_address_of(user)):
            self._token(token).approve(self.spot, amount)
            self.spot.deposit(self._token(token), amount)

    def deal_on_perp(self, user: Any, amount: int) -> None:
        """Mint so much collateral to an account, and let it deposit that for perpetuals."""
        collateral = _contract(self.perp.collateral(), "TestToken")
        collateral.mint(user, amount)
        with self._env.prank(_address_of(user)):
            collateral.approve(self.perp, amount)
            self.perp.deposit(amount)

    def set_oracle_price(self, market: Any, price: int) -> None:
        """Set a perpetual market's oracle price, as its feeder."""
        asset = self.perp_markets.get(market, market)
        *_, feeder, _ = self.perp.getOracle(asset)
        with self._env.prank(feeder):
            self.perp.setOraclePrice(asset, price)

    def _token(self, token: Any) -> ABIContract:
        return self.tokens[token] if isinstance(token, str) and token in self.tokens else token


def add_exchanges(
    genesis: GenesisSource | None = None, env: Env | None = None
) -> ExchangeContracts:
    """Put exchanges and tokens into an environment, as they are after a genesis.

    `genesis` is a path, a dict, or None for the default one, at its own time or the
    environment's, whichever is later; `env` defaults to `boa.env`. In a network's environment the
    exchanges are those of the node, which must be an evm-dex node; leave `genesis` at None there.
    Raises GenesisError, ValueError for a genesis of a network, and for an environment that has
    exchanges already.
    """
    env = boa.env if env is None else env
    if env in _added:
        raise ValueError("this environment has exchanges already")
    for precompile in PRECOMPILES:
        register_raw_precompile(BoaAddress(precompile.address), _execute, force=True)
    if isinstance(env, NetworkEnv):
        if genesis is not None:
            raise ValueError("a network has its genesis already: give it to `evm-dex node`")
        node = NodeExchanges(env._rpc)
        _added[env] = node.execute
        tokens, markets = node.found()
        return ExchangeContracts(env, tokens, markets)
    file = default_genesis_file() if genesis is None else read_genesis_file(genesis)
    file = msgspec.structs.replace(
        file,
        timestamp=max(file.timestamp, env.timestamp),
        system_contracts=False,  # no block of titanoboa's calls any
    )
    begun = resolve_genesis(file)
    found = get_precompiles_with_storage(MemoryStore())
    fill_genesis(env.evm.vm.state, found.ledger, begun, found.by_address)
    found.ledger.journal.clear()
    _join(env, found.ledger.journal)
    functions = {address: as_py_evm(it) for address, it in found.by_address.items()}
    _added[env] = lambda computation: functions[computation.msg.code_address](computation)
    env.timestamp = begun.timestamp
    return ExchangeContracts(
        env,
        {token.symbol: token.address for token in begun.tokens},
        {market.symbol: market.asset for market in (begun.perp.markets if begun.perp else ())},
    )


class NodeExchanges:
    """The exchanges of a node, asked for what contracts do in titanoboa's copy of its state.

    The calls of one transaction happen on the node one upon the other, and are taken back before
    anybody else asks it.
    """

    def __init__(self, rpc: Any) -> None:
        self._rpc = rpc
        self._transaction: object = None
        self._place = b""

    def found(self) -> tuple[dict[str, Address], dict[str, Address]]:
        """Return the tokens and the perpetual markets of the node, by symbol."""
        told = self._rpc.fetch_uncached("dex_markets", [])
        symbols = {address: it["symbol"] for address, it in told["tokens"].items()}
        tokens = {
            symbol: to_address(address)
            for address, symbol in symbols.items()
            if to_address(address) != NATIVE_COIN
        }
        markets = {
            symbols.get(it["market"], it["market"]): to_address(it["market"]) for it in told["perp"]
        }
        return tokens, markets

    def execute(self, computation: Any) -> Any:
        """Answer one call as the node does."""
        message = computation.msg
        if computation.transaction_context is not self._transaction:
            self._transaction = computation.transaction_context
            begun = self._rpc.fetch_uncached("dex_bridgeConnect", [])
            self._place, _ = decode(("bytes32", "address[]"), bytes.fromhex(begun[2:]))
        called = (message.is_static, message.sender, message.code_address, message.value)
        asked = encode(
            BRIDGE_REQUEST,
            (self._place, computation.state.timestamp, *called, message.data_as_bytes),
        )
        answer = self._rpc.fetch_uncached("dex_bridgeCall", ["0x" + asked.hex()])
        outcome = decode((BRIDGE_OUTCOME,), bytes.fromhex(answer[2:]))[0]
        self._place, succeeded, computation.output, _, logs = outcome
        if not succeeded:
            raise reverting(computation.output)
        for address, topics, data in logs:
            numbers = tuple(int.from_bytes(topic, "big") for topic in topics)
            computation.add_log_entry(to_address(address), numbers, data)
        return computation


class _Mark(NamedTuple):
    """A place to go back to: that of the accounts, and that of the ledger."""

    accounts: Any
    rows: int


def _join(env: Env, journal: Journal) -> None:
    """Let the ledger go back with the accounts of an environment."""
    state: Any = env.evm.vm.state
    state.config = ExecutionConfig(is_compiled=False)  # as precompiles find it in our own
    snapshot, revert, commit = state.snapshot, state.revert, state.commit

    def revert_both(mark: Any) -> None:
        if isinstance(mark, _Mark):
            revert(mark.accounts)
            journal.revert(mark.rows)
        else:  # from before the exchanges were added
            revert(mark)
            state.snapshot, state.revert, state.commit = snapshot, revert, commit
            del _added[env]

    state.snapshot = lambda: _Mark(snapshot(), journal.mark())
    state.revert = revert_both
    state.commit = lambda mark: commit(mark.accounts if isinstance(mark, _Mark) else mark)


def _execute(computation: Any) -> Any:
    """Run a precompile in titanoboa's EVM; its typed errors are reported by name."""
    execute = _added.get(computation.env)
    if execute is None:
        return computation  # of another environment, where nothing is there
    try:
        return execute(computation)
    except Exception as error:
        refused = exchange_error(computation.output)
        if refused is not None:
            error.args = (str(refused),)
        raise


def _contract(address: Address | str, name: str) -> ABIContract:
    return ABIContractFactory(name, load_artifact(name)["abi"]).at(BoaAddress(address))


def _address_of(user: Any) -> Any:
    return getattr(user, "address", user)
