"""The genesis as the chain takes it: every name resolved, every amount checked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from eth_hash.auto import keccak

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.rules import HYPEREVM, PRAGUE, Rules
from evm_dex.chain.block_builder import KEEPER, KEEPER_BALANCE
from evm_dex.chain.genesis.genesis_core import GenesisCore, resolve_core
from evm_dex.chain.genesis.genesis_file import (
    Amount,
    GenesisFile,
    MarketTable,
    TokenTable,
    ValidatorTable,
)
from evm_dex.chain.genesis.genesis_perp import GenesisPerp, resolve_perp
from evm_dex.chain.genesis.genesis_values import (
    account_of,
    address_of,
    amount_of,
    check_range,
    genesis_error,
    holdings_of,
    prevention_mode,
    token_of,
)
from evm_dex.chain.genesis.known_contracts import KNOWN_CONTRACTS
from evm_dex.chain.validator_set import KEY_BYTES, MOST_VALIDATORS, Member
from evm_dex.origin.fork_point import ForkPoint
from precompiles.types import (
    MAX_AMOUNT,
    MAX_FEE_RATE,
    NATIVE_COIN,
    PERP_ADDRESS,
    SPOT_ADDRESS,
    Address,
    SelfTradePrevention,
)

NATIVE_SYMBOL = "ETH"
DEFAULT_BALANCE = 10_000 * 10**18
_NATIVE_DECIMALS = 18
_MAX_DECIMALS = 38
_MAX_TEXT_BYTES = 31
_MAX_WEI = 2**128 - 1
_MIN_GAS_LIMIT = 1_000_000
_MAX_WORD = 2**63 - 1


class GenesisToken(msgspec.Struct, frozen=True):
    """An ERC-20 token; balances by holder, without the exchange's."""

    address: Address
    symbol: str
    name: str
    decimals: int
    balances: tuple[tuple[Address, int], ...]


class GenesisMarket(msgspec.Struct, frozen=True):
    """A market, in the exchange's own terms."""

    asset: Address
    quote: Address
    base_unit: int
    tick: int
    lot: int
    maker_fee: int
    taker_fee: int
    self_trade_prevention: SelfTradePrevention
    fee_recipient: Address


class GenesisDeposit(msgspec.Struct, frozen=True):
    """An account's balance on the exchange."""

    user: Address
    token: Address
    amount: int


class Genesis(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of the first block. Genesis files that mean the same resolve to equal ones."""

    chain_id: int
    timestamp: int
    gas_limit: int
    owner: Address
    balances: tuple[tuple[Address, int], ...]
    tokens: tuple[GenesisToken, ...]
    markets: tuple[GenesisMarket, ...]
    deposits: tuple[GenesisDeposit, ...]
    perp: GenesisPerp | None = None
    """The perpetuals exchange; None where it has no collateral and no markets yet."""
    system_contracts: bool = False
    core: GenesisCore | None = None
    """HyperCore; None on a chain that is not HyperEVM."""
    contracts: tuple[str, ...] = ()
    """Names of contracts at the addresses they have on every chain."""
    keep_limit: int = 0
    """Most triggers and liquidations that the keeper fires per block by default."""
    validators: tuple[Member, ...] = ()
    """Those that vote on who is a validator, from the first block on."""
    fork: ForkPoint | None = None
    """The block of another chain that this one goes on from; None for one from block 0."""

    @property
    def rules(self) -> Rules:
        """The rules of its blocks."""
        return PRAGUE if self.core is None else HYPEREVM

    def encode(self) -> bytes:
        """Encode as kept with block 0, whose header has the hash of it in its extra data."""
        return msgspec.json.encode(self)


def decode_genesis(encoded: bytes) -> Genesis:
    """Decode what `Genesis.encode` wrote."""
    return msgspec.json.decode(encoded, type=Genesis)


def differing_fields(one: Genesis, other: Genesis) -> list[str]:
    """Return names of the fields in which two genesis differ."""
    names = Genesis.__struct_fields__
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def resolve_genesis(file: GenesisFile) -> Genesis:
    """Turn names into addresses and check what the shape alone does not tell.

    Raises GenesisError that names the field and what was expected there.
    """
    check_range("chain_id", file.chain_id, 1, _MAX_WORD)
    check_range("timestamp", file.timestamp, 0, _MAX_WORD)
    check_range("keep_limit", file.keep_limit, 0, _MAX_WORD)
    check_range("gas_limit", file.gas_limit, _MIN_GAS_LIMIT, _MAX_WORD)
    core = None if file.hypercore is None else resolve_core(file)
    owner = account_of("owner", file.owner)
    tokens = _tokens(file.tokens)
    symbols = {token.symbol: (token.address, token.decimals) for token in tokens}
    symbols[NATIVE_SYMBOL] = (NATIVE_COIN, _NATIVE_DECIMALS)
    return Genesis(
        chain_id=file.chain_id,
        timestamp=file.timestamp,
        gas_limit=file.gas_limit,
        owner=owner,
        balances=_balances(file.accounts, with_keeper=file.perp is not None),
        tokens=tokens,
        markets=_markets(file.markets, symbols, owner),
        deposits=_deposits(file.deposits, symbols),
        perp=None if file.perp is None else resolve_perp(file.perp, symbols, owner),
        system_contracts=core is None if file.system_contracts is None else file.system_contracts,
        core=core,
        contracts=_contracts(file.contracts),
        keep_limit=file.keep_limit,
        validators=_validators(file.validators),
    )


def _contracts(names: tuple[str, ...]) -> tuple[str, ...]:
    for index, name in enumerate(names):
        if name not in KNOWN_CONTRACTS:
            known = ", ".join(KNOWN_CONTRACTS)
            raise genesis_error(f"contracts[{index}]", f"expected one of {known}, got {name!r}")
    return tuple(sorted(set(names)))


def _validators(tables: tuple[ValidatorTable, ...]) -> tuple[Member, ...]:
    if len(tables) > MOST_VALIDATORS:
        raise genesis_error("validators", f"expected {MOST_VALIDATORS} at most, got {len(tables)}")
    found: list[Member] = []
    for index, table in enumerate(tables):
        at = f"validators[{index}]"
        try:
            key = bytes.fromhex(table.key)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES or not any(key):
            raise genesis_error(f"{at}.key", f"expected 32 bytes in hex, got {table.key!r}")
        member = Member(key, account_of(f"{at}.account", table.account))
        if any(other.key == key or other.account == member.account for other in found):
            raise genesis_error(at, "its key or account is another one's")
        found.append(member)
    return tuple(found)


def token_address(symbol: str) -> Address:
    """Return the address of a genesis token that the genesis gives none."""
    return Address(keccak(b"evm-dex token " + symbol.encode())[12:])


def _balances(
    accounts: Mapping[str, Amount], *, with_keeper: bool
) -> tuple[tuple[Address, int], ...]:
    balances = {account.address: DEFAULT_BALANCE for account in default_accounts()}
    if with_keeper:
        balances[KEEPER.address] = KEEPER_BALANCE
    return tuple(sorted({**balances, **holdings_of("accounts", accounts, _MAX_WEI)}.items()))


def _tokens(tables: tuple[TokenTable, ...]) -> tuple[GenesisToken, ...]:
    tokens: dict[str, GenesisToken] = {}
    taken = {
        **{address: name for name, address in KNOWN_CONTRACTS.items()},
        SPOT_ADDRESS: "the exchange",
        PERP_ADDRESS: "the perpetuals exchange",
        NATIVE_COIN: "the native coin",
    }
    for index, table in enumerate(tables):
        at = f"tokens[{index}]"
        token = _token(at, table)
        if token.symbol in tokens or token.symbol == NATIVE_SYMBOL:
            raise genesis_error(
                f"{at}.symbol", f"{token.symbol!r} is taken; each symbol stands for one"
            )
        if token.address in taken:
            raise genesis_error(f"{at}.address", f"is taken by {taken[token.address]}")
        taken[token.address] = f"token {token.symbol}"
        tokens[token.symbol] = token
    return tuple(tokens.values())


def _token(at: str, table: TokenTable) -> GenesisToken:
    for field, text in (("symbol", table.symbol), ("name", table.name or table.symbol)):
        if not 0 < len(text.encode()) <= _MAX_TEXT_BYTES:
            raise genesis_error(f"{at}.{field}", f"expected 1 to {_MAX_TEXT_BYTES} bytes of text")
    check_range(f"{at}.decimals", table.decimals, 0, _MAX_DECIMALS)
    address = token_address(table.symbol)
    if table.address is not None:
        address = address_of(f"{at}.address", table.address)
        if int.from_bytes(address, "big") <= 0xFFFF:
            raise genesis_error(f"{at}.address", "the lowest addresses are kept for precompiles")
    holdings = holdings_of(f"{at}.balances", table.balances, MAX_AMOUNT)
    return GenesisToken(
        address=address,
        symbol=table.symbol,
        name=table.name or table.symbol,
        decimals=table.decimals,
        balances=tuple(sorted(holdings.items())),
    )


def _markets(
    tables: tuple[MarketTable, ...], symbols: Mapping[str, tuple[Address, int]], owner: Address
) -> tuple[GenesisMarket, ...]:
    markets: dict[Address, GenesisMarket] = {}
    for index, table in enumerate(tables):
        at = f"markets[{index}]"
        market = _market(at, table, symbols, owner)
        if market.asset in markets:
            raise genesis_error(f"{at}.base", f"{table.base!r} has a market already")
        markets[market.asset] = market
    return tuple(markets.values())


def _market(
    at: str, table: MarketTable, symbols: Mapping[str, tuple[Address, int]], owner: Address
) -> GenesisMarket:
    asset, decimals = token_of(f"{at}.base", table.base, symbols)
    quote, _ = token_of(f"{at}.quote", table.quote, symbols)
    if asset == quote:
        raise genesis_error(f"{at}.quote", "is the base token itself")
    for field in ("maker_fee", "taker_fee"):
        check_range(f"{at}.{field}", getattr(table, field), 0, MAX_FEE_RATE)
    base_unit = 10**decimals if table.base_unit is None else table.base_unit
    recipient = table.fee_recipient
    return GenesisMarket(
        asset=asset,
        quote=quote,
        base_unit=amount_of(f"{at}.base_unit", base_unit, MAX_AMOUNT, least=1),
        tick=amount_of(f"{at}.tick", table.tick, MAX_AMOUNT, least=1),
        lot=amount_of(f"{at}.lot", table.lot, MAX_AMOUNT, least=1),
        maker_fee=table.maker_fee,
        taker_fee=table.taker_fee,
        self_trade_prevention=prevention_mode(at, table.self_trade_prevention),
        fee_recipient=owner if recipient is None else account_of(f"{at}.fee_recipient", recipient),
    )


def _deposits(
    deposits: Mapping[str, Mapping[str, Amount]], symbols: Mapping[str, tuple[Address, int]]
) -> tuple[GenesisDeposit, ...]:
    resolved: dict[tuple[Address, Address], int] = {}
    totals: dict[Address, int] = {}
    for account, holdings in deposits.items():
        user = account_of(f"deposits.{account}", account)
        for symbol, amount in holdings.items():
            at = f"deposits.{account}.{symbol}"
            token, _ = token_of(at, symbol, symbols)
            if (user, token) in resolved:
                raise genesis_error(at, "the same account is listed twice")
            resolved[user, token] = amount_of(at, amount, MAX_AMOUNT)
            totals[token] = totals.get(token, 0) + resolved[user, token]
            if totals[token] > MAX_AMOUNT:
                raise genesis_error(at, f"all deposits of {symbol} together exceed 2**128 - 1")
    return tuple(
        GenesisDeposit(user, token, amount)
        for (user, token), amount in sorted(resolved.items())
        if amount
    )
