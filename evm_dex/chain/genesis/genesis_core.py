"""HyperCore of a genesis: accounts resolved, amounts checked, and put into the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from evm_dex.blocks.rules import HYPEREVM
from evm_dex.chain.genesis.genesis_file import CoreTable, CoreTokenTable, GenesisFile
from evm_dex.chain.genesis.genesis_values import (
    account_of,
    address_of,
    amount_of,
    check_range,
    genesis_error,
    holdings_of,
)
from precompiles.errors import InvalidMarket
from precompiles.execution import Execution
from precompiles.hyper import dexs, listing
from precompiles.hyper.asset_ids import AssetId, AssetKind, asset_id, perp_id
from precompiles.hyper.listing import InvalidListing
from precompiles.hyper.staking import RATE_SCALE
from precompiles.hyper.system_addresses import USDC, token_address
from precompiles.hyper.units import (
    CORE_GAS_DECIMALS,
    MAX_U64,
    SPOT_WEI_PER_USD,
    core_amount,
    evm_amount,
)
from precompiles.ledger.hyper.records import (
    CoreDex,
    CorePair,
    CorePerp,
    CoreRules,
    CoreSettings,
    CoreToken,
    CoreUser,
    Delisted,
    Validator,
    Vault,
)
from precompiles.ledger.hyper.tables import index_key
from precompiles.perp import collateral
from precompiles.perp import markets as perp_markets
from precompiles.spot.funds import credit
from precompiles.types import MAX_AMOUNT, MAX_LEVERAGE, ZERO_ADDRESS, Address

_MAX_DELAY = 3_600
_MAX_LOCK = 2**32 - 1
Holdings = tuple[tuple[Address, int], ...]


class GenesisCoreToken(msgspec.Struct, frozen=True):
    """A token of HyperCore, and who has what of it on either side."""

    token: CoreToken
    spot: Holdings
    evm: Holdings


class GenesisCorePair(msgspec.Struct, frozen=True):
    """A spot pair, and what it was last traded at."""

    pair: CorePair
    price: int


class GenesisCorePerp(msgspec.Struct, frozen=True):
    """A perpetual and the rules of its market."""

    perp: CorePerp
    tiers: tuple[tuple[int, int], ...]
    price: int
    impact_notional: int


class GenesisVault(msgspec.Struct, frozen=True):
    """A vault, and what its leader has in it."""

    address: Address
    vault: Vault
    deposit: int


class GenesisCore(msgspec.Struct, frozen=True):
    """HyperCore as block 0 begins with it."""

    settings: CoreSettings
    rules: CoreRules
    delisted: tuple[int, ...]
    """Asset ids."""
    usdc: Address
    """The ERC-20 behind the contract that is linked to USDC."""
    tokens: tuple[GenesisCoreToken, ...]
    pairs: tuple[GenesisCorePair, ...]
    dexs: tuple[tuple[CoreDex, Address, Holdings], ...]
    """With their backstops, and what accounts have there."""
    perps: tuple[GenesisCorePerp, ...]
    collateral: Holdings
    vaults: tuple[GenesisVault, ...] = ()
    validators: tuple[tuple[Address, str], ...] = ()
    backstop: Address = ZERO_ADDRESS
    maker_rebates: bool = False

    def erc20s(self) -> dict[str, Address]:
        """ERC-20s on the EVM by name; USDC's is the one that its linked contract pays out."""
        return {
            it.token.name: self.usdc if it.token.index == USDC else it.token.evm_contract
            for it in self.tokens
            if it.token.is_linked
        }

    def extra_decimals(self, token: CoreToken) -> int:
        """Decimals that a token has more of on the EVM."""
        is_hype = token.index == self.settings.hype
        return CORE_GAS_DECIMALS if is_hype else token.evm_extra_decimals

    def backing(self, listed: GenesisCoreToken) -> int:
        """Return what the EVM's side holds for those on HyperCore, in its smallest units."""
        wei = sum(amount for _, amount in listed.spot)
        if listed.token.index == USDC:
            usd = sum(amount for _, amount in self.collateral)
            usd += sum(vault.deposit for vault in self.vaults)
            wei += SPOT_WEI_PER_USD * usd
        for dex, _, held in self.dexs:
            if dex.collateral == listed.token.index:
                wei += SPOT_WEI_PER_USD * sum(amount for _, amount in held)
        return evm_amount(wei, self.extra_decimals(listed.token))


def resolve_core(file: GenesisFile) -> GenesisCore:
    """Turn names into addresses and check what the shape alone does not tell.

    Raises GenesisError that names the field and what was expected there.
    """
    table = file.hypercore
    assert table is not None
    for field in ("tokens", "markets", "deposits", "perp", "system_contracts"):
        if getattr(file, field):
            raise genesis_error(field, "expected none: with hypercore its own are all there are")
    check_range("hypercore.order_delay", table.order_delay, 0, _MAX_DELAY)
    check_range("hypercore.l1_block", table.l1_block, 0, MAX_U64)
    check_range("hypercore.default_leverage", table.default_leverage, 1, MAX_LEVERAGE)
    check_range("hypercore.staking_rate", table.staking_rate, 0, RATE_SCALE)
    tokens = tuple(_token(f"hypercore.tokens[{at}]", it) for at, it in enumerate(table.tokens))
    for index, name in ((USDC, "USDC"), (table.hype, "HYPE")):
        if index not in {it.token.index for it in tokens}:
            raise genesis_error("hypercore.tokens", f"expected one of index {index}, {name}")
    usdc = next(it for it in tokens if it.token.index == USDC)
    if not usdc.token.is_linked:
        raise genesis_error("hypercore.tokens", "expected USDC to have an evm_contract")
    return GenesisCore(
        settings=CoreSettings(
            order_delay=table.order_delay,
            l1_block=table.l1_block,
            l1_time=file.timestamp,
            hype=table.hype,
        ),
        rules=CoreRules(
            table.default_leverage,
            table.sends_activate,
            table.staking_rate,
            file.gas_limit if file.gas_limit < (HYPEREVM.big_block_gas or 0) else 0,
        ),
        delisted=(
            *(asset_id(AssetId(AssetKind.SPOT, it.index)) for it in table.pairs if it.is_delisted),
            *(
                asset_id(AssetId(AssetKind.PERP, it.index, it.dex))
                for it in table.perps
                if it.is_delisted
            ),
        ),
        usdc=address_of("hypercore.usdc", table.usdc),
        tokens=tokens,
        pairs=_pairs(table),
        dexs=tuple(
            (
                CoreDex(it.index, it.name, it.collateral, 0),
                _backstop(f"hypercore.dexs[{at}].backstop", it.backstop),
                _holdings(f"hypercore.dexs[{at}].balances", it.balances),
            )
            for at, it in enumerate(table.dexs)
        ),
        perps=_perps(table),
        collateral=_holdings("hypercore.perp_balances", table.perp_balances),
        vaults=_vaults(table),
        validators=tuple(
            (account_of(f"hypercore.validators.{account}", account), name)
            for account, name in table.validators.items()
        ),
        backstop=_backstop("hypercore.backstop", table.backstop),
        maker_rebates=table.maker_rebates,
    )


def _backstop(where: str, text: str | None) -> Address:
    return account_of(where, text) if text else ZERO_ADDRESS


def fill_core(core: GenesisCore, evm_coins: int, owner: Execution) -> None:
    """Put HyperCore into the ledger; `evm_coins` is the wei of all accounts.

    What is on the EVM is on HyperCore the system address's. Raises GenesisError for what can't be
    listed.
    """
    ledger = owner.ledger
    listing.begin(ledger, core.settings, owner)
    ledger.core.rules = core.rules
    if core.maker_rebates:
        ledger.core.begin_rebates()
    for asset in core.delisted:
        ledger.core.delisted.put(index_key(asset), Delisted(owner.now))
    for at, listed in enumerate(core.tokens):
        token = listed.token
        with _listed(f"hypercore.tokens[{at}]"):
            listing.list_token(ledger, token)
        address = token_address(core.settings, token.index)
        for user, amount in listed.spot:
            credit(owner, user, address, amount)
            _begin_user(owner, user)
        is_hype = token.index == core.settings.hype
        on_evm = evm_coins if is_hype else sum(amount for _, amount in listed.evm)
        held = core_amount(on_evm, core.extra_decimals(token))
        if held:
            credit(owner, address, address, held)
        if token.index == USDC:
            _begin_user(owner, token.evm_contract)
    for at, pair in enumerate(core.pairs):
        with _listed(f"hypercore.pairs[{at}]"):
            listing.list_pair(ledger, pair.pair, owner)
        if pair.price:
            ledger.core.put_last_price(pair.pair.index, pair.price)
    _fill_perps(core, owner)
    perp_markets.set_backstop(owner, core.backstop)
    for at, funded in enumerate(core.vaults):
        with _listed(f"hypercore.vaults[{at}]"):
            listing.list_vault(ledger, funded.address, funded.vault, funded.deposit)
        collateral.credit(owner, funded.address, funded.deposit)
    for address, name in core.validators:
        ledger.core.validators.put(address, Validator(name))
    for user, amount in core.collateral:
        collateral.credit(owner, user, amount)
        _begin_user(owner, user)


def _fill_perps(core: GenesisCore, owner: Execution) -> None:
    ledger = owner.ledger
    for at, (dex, backstop, holdings) in enumerate(core.dexs):
        with _listed(f"hypercore.dexs[{at}]"):
            listing.list_dex(ledger, dex, backstop)
        for user, amount in holdings:
            dexs.credit(owner, dex.index, user, amount)
            _begin_user(owner, user)
    for at, it in enumerate(core.perps):
        with _listed(f"hypercore.perps[{at}]"):
            listing.list_perp(ledger, it.perp, it.tiers, it.price, it.impact_notional, owner)


def _begin_user(owner: Execution, user: Address) -> None:
    owner.ledger.core.put_user(user, CoreUser(is_activated=True, uses_big_blocks=False))


@contextmanager
def _listed(at: str) -> Iterator[None]:
    """Name the field of what can't be listed."""
    try:
        yield
    except InvalidListing as error:
        raise genesis_error(f"{at}.{error.field}", f"expected {error.expected}") from error
    except InvalidMarket as error:
        field = error.values[0].rstrip(b"\0").decode()
        raise genesis_error(at, f"expected {field} to be within its limits") from error


def _token(at: str, table: CoreTokenTable) -> GenesisCoreToken:
    check_range(f"{at}.index", table.index, 0, MAX_U64)
    contract = table.evm_contract
    if table.evm and contract is None:
        raise genesis_error(f"{at}.evm", "expected an evm_contract that keeps them")
    token = CoreToken(
        table.index,
        table.name,
        table.size_decimals,
        table.wei_decimals,
        table.evm_extra_decimals,
        ZERO_ADDRESS if contract is None else address_of(f"{at}.evm_contract", contract),
        ZERO_ADDRESS,
        0,
        amount_of(f"{at}.max_supply", table.max_supply, MAX_U64),
    )
    return GenesisCoreToken(
        token, _holdings(f"{at}.spot", table.spot), _holdings(f"{at}.evm", table.evm, MAX_AMOUNT)
    )


def _vaults(table: CoreTable) -> tuple[GenesisVault, ...]:
    found = []
    for place, it in enumerate(table.vaults):
        at = f"hypercore.vaults[{place}]"
        check_range(f"{at}.lock", it.lock, 0, _MAX_LOCK)
        vault = Vault(it.name, account_of(f"{at}.leader", it.leader), 0, it.lock)
        deposit = amount_of(f"{at}.deposit", it.deposit, MAX_U64)
        found.append(GenesisVault(account_of(f"{at}.address", it.address), vault, deposit))
    return tuple(found)


def _pairs(table: CoreTable) -> tuple[GenesisCorePair, ...]:
    found = []
    for at, it in enumerate(table.pairs):
        check_range(f"hypercore.pairs[{at}].index", it.index, 0, 89_999)
        price = amount_of(f"hypercore.pairs[{at}].price", it.price, MAX_AMOUNT)
        pair = CorePair(it.index, it.name, it.base, it.quote)
        found.append(GenesisCorePair(pair, price))
    return tuple(found)


def _perps(table: CoreTable) -> tuple[GenesisCorePerp, ...]:
    found = []
    for place, it in enumerate(table.perps):
        at = f"hypercore.perps[{place}]"
        check_range(f"{at}.index", it.index, 0, 9_999)
        tiers = tuple(
            (amount_of(f"{at}.tiers[{n}]", bound, MAX_AMOUNT), leverage)
            for n, (bound, leverage) in enumerate(it.tiers)
        )
        if not tiers:
            raise genesis_error(f"{at}.tiers", "expected at least one")
        names = {0: "", **{dex.index: f"{dex.name}:" for dex in table.dexs}}
        if it.dex not in names:
            raise genesis_error(f"{at}.dex", f"expected one of {sorted(names)}, got {it.dex}")
        perp = CorePerp(
            perp_id(AssetId(AssetKind.PERP, it.index, it.dex)),
            names[it.dex] + it.coin,
            it.size_decimals,
            it.margin_table,
            it.only_isolated,
        )
        price = amount_of(f"{at}.price", it.price, MAX_U64, least=1)
        found.append(GenesisCorePerp(perp, tiers, price, it.impact_notional))
    return tuple(found)


def _holdings(at: str, table: dict[str, int | str], most: int = MAX_U64) -> Holdings:
    return tuple(sorted((user, it) for user, it in holdings_of(at, table, most).items() if it))
