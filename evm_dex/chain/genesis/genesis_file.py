"""The genesis as people write it: TOML, JSON or a dict, checked for shape.

Accounts are addresses in hex, or `account0` to `account9` for those of the test mnemonic.
Amounts are integers of smallest units, as numbers or decimal strings.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evm_dex.errors import GenesisError

Amount = int | str
DEFAULT_CHAIN_ID = 31337
DEFAULT_GAS_LIMIT = 30_000_000
DEFAULT_TIMESTAMP = 1_700_000_000
OF_THE_FORK = frozenset(("chain_id", "timestamp", "gas_limit"))
"""Fields that a forked chain has of the chain that it leaves, where they are not given."""
_YEAR = 365 * 24 * 3600
PROFILES = {
    name: Path(__file__).with_name(f"{name}.toml") for name in ("hyperevm", "hyperevm-testnet")
}
GenesisSource = str | Path | Mapping[str, Any]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; a field that is not listed is an error."""


class TokenTable(_Table, frozen=True, kw_only=True):
    """An ERC-20 token that is there from the first block; anyone may mint it."""

    symbol: str
    name: str | None = None
    decimals: int = 18
    address: str | None = None
    """Default: derived from the symbol, the same on every chain."""
    balances: dict[str, Amount] = {}
    """Amounts by account."""


class MarketTable(_Table, frozen=True, kw_only=True):
    """A market of the spot exchange. Tokens by symbol; `ETH` is the native coin."""

    base: str
    quote: str
    base_unit: Amount | None = None
    """The amount that prices are quoted for; one whole base token by default."""
    tick: Amount
    lot: Amount
    maker_fee: int = 0
    """Fee in hundred-thousandths of what is received; the next too."""
    taker_fee: int = 0
    self_trade_prevention: str = "expire_maker"
    fee_recipient: str | None = None
    """Default: the owner."""


class PerpMarketTable(_Table, frozen=True, kw_only=True):
    """A perpetual market. Shares and fees are in hundred-thousandths, ages in seconds."""

    market: str
    """A token's symbol, or any other name for what is traded."""
    base_unit: Amount | None = None
    """Size units that a price is quoted for; default one whole token, or 10**18."""
    tick: Amount
    lot: Amount
    max_leverage: int = 50
    tiers: tuple[tuple[Amount, int], ...] = ()
    """(lower bound of the notional, maximum leverage); default one tier."""
    price: Amount | None = None
    """The first oracle price; without it nothing trades before the feeder gives one."""
    feeder: str | None = None
    """Default: the owner."""
    maker_fee: int = 0
    taker_fee: int = 0
    liquidation_fee: int = 0
    fee_recipient: str | None = None
    """Default: the owner."""
    self_trade_prevention: str = "expire_maker"
    max_price_age: int = 60
    max_slippage: int = 5_000
    partial_notional: Amount = 0
    cooldown: int = 30
    max_open_interest: Amount = 0
    minimum_notional: Amount = 0
    price_band: int = 0
    impact_notional: Amount = 0
    vault: str | None = None
    """The account that fills at mark what the book cannot."""
    vault_limit: Amount = 0


class PerpTable(_Table, frozen=True, kw_only=True):
    """The perpetuals exchange."""

    collateral: str
    """The symbol of the token that margin is in."""
    backstop: str | None = None
    insurance: Amount = 0
    markets: tuple[PerpMarketTable, ...] = ()
    deposits: dict[str, Amount] = {}
    """Collateral by account."""


class CoreTokenTable(_Table, frozen=True, kw_only=True):
    """A token of HyperCore. Amounts there are in 10**-wei_decimals."""

    index: int
    name: str
    size_decimals: int
    wei_decimals: int
    evm_extra_decimals: int = 0
    """Decimals on the EVM less `wei_decimals`."""
    evm_contract: str | None = None
    """Address for its ERC-20; default: it is not linked."""
    max_supply: Amount
    spot: dict[str, Amount] = {}
    """Balances on HyperCore, by account."""
    evm: dict[str, Amount] = {}
    """Balances on the EVM, by account, in smallest units there; those of HYPE are in `accounts`."""


class CorePairTable(_Table, frozen=True, kw_only=True):
    """A spot pair of HyperCore. Tokens by index."""

    index: int
    name: str
    base: int
    quote: int
    price: Amount = 0
    """The last trade, in smallest units of the quote for one whole base; 0 for none yet."""
    is_delisted: bool = False
    """True for a market that is closed to trading."""


class CoreDexTable(_Table, frozen=True, kw_only=True):
    """A perpetuals dex of a builder's (HIP-3)."""

    index: int
    """From 1."""
    name: str
    collateral: int
    """Index of the token that it is settled in."""
    balances: dict[str, Amount] = {}
    """Collateral by account, with six decimals."""
    backstop: str | None = None
    """Account that takes bankrupt positions over there, with what it has there."""


class CorePerpTable(_Table, frozen=True, kw_only=True):
    """A perpetual of HyperCore's. USD amounts have six decimals."""

    dex: int = 0
    """Index of its dex; 0 is the first."""
    index: int
    coin: str
    size_decimals: int
    margin_table: int
    only_isolated: bool = False
    tiers: tuple[tuple[Amount, int], ...]
    """(lower bound of the notional, maximum leverage)."""
    price: Amount
    """The first oracle price, of one whole unit."""
    impact_notional: int = 6_000
    """Notional in whole USD that is filled on the book to sample the premium."""
    is_delisted: bool = False
    """True for a market that is closed to trading."""


class CoreVaultTable(_Table, frozen=True, kw_only=True):
    """A vault of HyperCore."""

    address: str
    name: str
    leader: str
    lock: int = 86_400
    """Seconds that a deposit stays at least."""
    deposit: Amount = 0
    """Its leader's share, in USD with six decimals."""


class CoreTable(_Table, frozen=True, kw_only=True):
    """HyperCore. A genesis that has it is one of HyperEVM."""

    order_delay: int = 3
    """Seconds that orders and vault transfers of contracts wait."""
    default_leverage: int = 20
    """Leverage of an account that never chose, where the market allows so much."""
    sends_activate: bool = True
    """True: a contract's send to an unknown account creates it. False: the send is dropped."""
    staking_rate: int = 237
    """Yearly reward of delegated HYPE, in hundredths of a percent; from the account 0x4545…45."""
    maker_rebates: bool = False
    """Pay makers by their share of all makers' volume; on a small chain each has a large one."""
    backstop: str | None = None
    """The account that takes over what the book can't liquidate; default: none."""
    l1_block: int = 1_176_514_427
    """HyperCore's block at the genesis."""
    hype: int = 150
    """Index of the token that is the EVM's own coin."""
    usdc: str
    """Address for the ERC-20 that the contract linked to token 0 pays out."""
    tokens: tuple[CoreTokenTable, ...]
    pairs: tuple[CorePairTable, ...] = ()
    dexs: tuple[CoreDexTable, ...] = ()
    """Builders' dexs; the first needs no table."""
    perps: tuple[CorePerpTable, ...] = ()
    perp_balances: dict[str, Amount] = {}
    """Collateral by account, with six decimals."""
    vaults: tuple[CoreVaultTable, ...] = ()
    validators: dict[str, str] = {}
    """Names of those that stake can be delegated to, by account."""


class ValidatorTable(_Table, frozen=True, kw_only=True):
    """A validator of a chain that several agree on."""

    key: str
    """Its ed25519 key, in hex."""
    account: str
    """The account that votes on who is a validator."""


class GenesisFile(_Table, frozen=True, kw_only=True):
    """The whole file. Every field has a default."""

    chain_id: int = DEFAULT_CHAIN_ID
    timestamp: int = DEFAULT_TIMESTAMP
    """Time of block 0, in seconds."""
    gas_limit: int = DEFAULT_GAS_LIMIT
    """Gas limit of every block."""
    owner: str = "account0"
    """The account that may list markets."""
    accounts: dict[str, Amount] = {}
    """Wei by account, beside 10,000 ether for each of the mnemonic's accounts not listed."""
    tokens: tuple[TokenTable, ...] = ()
    markets: tuple[MarketTable, ...] = ()
    deposits: dict[str, dict[str, Amount]] = {}
    """Balances on the exchange: by account, then by token symbol or `ETH`."""
    perp: PerpTable | None = None
    """Default: none listed; the owner may do it later."""
    system_contracts: bool | None = None
    """True for contracts that keep past block hashes (EIP-2935) and beacon roots (EIP-4788), and
    take requests of validators (EIP-7002, EIP-7251). Each block writes to the first two. Default:
    true, but for a chain with `hypercore`, which has none. A chain that was begun keeps its own."""
    contracts: tuple[str, ...] = ()
    """Contracts at the addresses they have on every chain: `create2_deployer`, `multicall3`."""
    keep_limit: int = 0
    """Most triggers and liquidations that the keeper fires per block, where whoever opens the chain
    does not say; 0 for no keeper."""
    validators: tuple[ValidatorTable, ...] = ()
    """The first validators, as `evm-dex validator init` lists them; they vote at 0x…0d04 on who is
    one. Default: none, and no such contract."""
    hypercore: CoreTable | None = None
    """Default: none; with it there are no other tokens and markets."""


def default_genesis_file() -> GenesisFile:
    """Return a genesis of two tokens, a spot and a perpetual market, and rich accounts.

    The CREATE2 deployer and Multicall3 are there, as tools expect.

    Account 8 is the perpetual market's liquidity vault and account 9 the backstop; prices do not
    go stale for a year.
    """
    accounts = [f"account{index}" for index in range(10)]
    weth, usdc = 10**18, 10**6
    return GenesisFile(
        contracts=("create2_deployer", "multicall3"),
        tokens=(
            TokenTable(
                symbol="WETH",
                name="Wrapped Ether",
                balances=dict.fromkeys(accounts, 10_000 * weth),
            ),
            TokenTable(
                symbol="USDC",
                name="USD Coin",
                decimals=6,
                balances=dict.fromkeys(accounts, 100_000_000 * usdc),
            ),
        ),
        markets=(
            MarketTable(
                base="WETH", quote="USDC", tick=10_000, lot=10**14, maker_fee=20, taker_fee=50
            ),
        ),
        deposits={
            account: {"WETH": 1_000 * weth, "USDC": 10_000_000 * usdc} for account in accounts
        },
        perp=PerpTable(
            collateral="USDC",
            backstop="account9",
            markets=(
                PerpMarketTable(
                    market="WETH",
                    tick=10_000,
                    lot=10**14,
                    price=2_000 * usdc,
                    maker_fee=15,
                    taker_fee=45,
                    max_price_age=_YEAR,
                    impact_notional=6_000 * usdc,
                    vault="account8",
                    vault_limit=5_000_000 * usdc,
                ),
            ),
            deposits=dict.fromkeys(accounts, 1_000_000 * usdc),
        ),
    )


def told_fields(source: GenesisSource | None) -> frozenset[str]:
    """Return the names of the fields that a genesis gives itself. Raises GenesisError."""
    return frozenset() if source is None else frozenset(_content(source))


def profile_genesis(name: str) -> Path:
    """Return the genesis file of a profile. Raises GenesisError for an unknown profile."""
    if name not in PROFILES:
        raise GenesisError(f"profile must be one of {', '.join(PROFILES)}, got {name!r}")
    return PROFILES[name]


def read_genesis_file(source: GenesisSource) -> GenesisFile:
    """Read and check the shape of a genesis; a path's suffix, .toml or .json, tells its format.

    The name of a profile stands for its file.

    Raises GenesisError that names the field and what was expected there.
    """
    try:
        return msgspec.convert(dict(_content(source)), GenesisFile)
    except msgspec.ValidationError as error:
        raise GenesisError(f"genesis: {error}") from error


def funded_genesis(
    source: GenesisSource | None,
    accounts: Iterable[bytes],
    wei: int,
    *,
    chain_id: int | None = None,
    gas_limit: int | None = None,
) -> dict[str, Any]:
    """Return a genesis, or the default one, with wei for accounts that it does not have.

    `chain_id` and `gas_limit` are put in place of its own. Raises GenesisError.
    """
    file = default_genesis_file() if source is None else read_genesis_file(source)
    content: dict[str, Any] = msgspec.to_builtins(file)
    for name in OF_THE_FORK - told_fields(source):
        del content[name]  # the default, or that of a chain which is forked
    funded = {f"0x{address.hex()}": str(wei) for address in accounts}
    content["accounts"] = {**funded, **content["accounts"]}
    chosen = {"chain_id": chain_id, "gas_limit": gas_limit}
    return content | {name: value for name, value in chosen.items() if value is not None}


def _content(source: GenesisSource) -> Mapping[str, Any]:
    if isinstance(source, str):
        source = PROFILES.get(source, source)
    return source if isinstance(source, Mapping) else _parse(Path(source))


def _parse(path: Path) -> Any:
    parsers = {".toml": tomllib.loads, ".json": json.loads}
    parser = parsers.get(path.suffix)
    if parser is None:
        raise GenesisError(f"genesis {path}: it must be a file that ends in .toml or .json")
    try:
        content = parser(path.read_text())
    except OSError as error:
        raise GenesisError(f"genesis {path}: {error.strerror}") from error
    except ValueError as error:  # both parsers' errors tell line and column
        raise GenesisError(f"genesis {path}: {error}") from error
    if not isinstance(content, dict):
        raise GenesisError(f"genesis {path}: it must be an object, got a {type(content).__name__}")
    return content
