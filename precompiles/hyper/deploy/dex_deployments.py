"""Listing perpetuals and running a dex (HIP-3).

A dex that the genesis has and nobody runs belongs to whoever lists a perpetual on it first. Source:
Hyperliquid documentation, "HIP-3 deployer actions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from precompiles.engine.amounts import floor_divide
from precompiles.errors import InvalidMarket
from precompiles.hyper import listing
from precompiles.hyper.actions import Result
from precompiles.hyper.core import Core
from precompiles.hyper.deploy import auction
from precompiles.hyper.dexs import PERPS_PER_DEX, acting_on
from precompiles.hyper.errors import UnknownAsset
from precompiles.hyper.listing import InvalidListing
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed import deploy_actions as wires
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import (
    InvalidAmount,
    InvalidDeployment,
    NotDeployer,
    OracleTooSoon,
    UnknownDexName,
)
from precompiles.hyper.signed.order_wires import address_of
from precompiles.hyper.system_addresses import ORACLE, perp_address
from precompiles.hyper.units import COLLATERAL_DECIMALS
from precompiles.ledger.hyper.deploy_records import DexDeployment, DexMarginTable
from precompiles.ledger.hyper.records import CoreDex, CorePerp
from precompiles.ledger.hyper.tables import due_key, index_key
from precompiles.perp import markets as perp_markets
from precompiles.perp.accrual import prices_at
from precompiles.perp.oracle import set_price
from precompiles.types import MAX_LEVERAGE, ZERO_ADDRESS

ORACLE_PERIOD = 3
"""Whole seconds, of the 2.5 that are between prices at least."""
IMPACT_NOTIONAL = 6_000
LEAST_CAP = 1_000_000 * 10**COLLATERAL_DECIMALS
ONE_TIER = 50
"""Ids of margin tables below it are those of one tier, whose leverage they are."""
_SHORTEST_NAME = 2
_LONGEST_TEXT = 128
_OF_UPDATER = "setOracle"
_VARIANTS = frozenset(
    (
        "registerAsset",
        "registerAsset2",
        _OF_UPDATER,
        "haltTrading",
        "insertMarginTable",
        "setMarginTableIds",
        "setFeeRecipient",
        "setOpenInterestCaps",
        "setMarginModes",
    )
)
"""Names of the things that a deployer may let others do."""


def register(core: Core, wire: wires.RegisterAsset | wires.RegisterAsset2) -> Result:
    """List a perpetual, on a new dex where a schema is given; its number is the result's order id.

    The first of a dex costs what a dex does. Raises InvalidDeployment or NotDeployer.
    """
    most = wire.max_gas if isinstance(wire.max_gas, int) else None
    if isinstance(wire.schema, wires.DexSchema):
        _begin_dex(core, wire.dex, wire.schema, most)
    dex = _dex(core, wire.dex)
    if core.tables.dex_deployments.get(index_key(dex.index)) is None:
        own = DexDeployment(core.user, core.user, dex.name)
        core.tables.dex_deployments.put(index_key(dex.index), own)
    _require_allowed(core, dex, "registerAsset")
    asset = wire.asset_request
    name, _, coin = asset.coin.partition(":")
    if name != dex.name or not coin or not coin.isascii():
        raise InvalidDeployment.of("coin")
    if any(perp.coin == asset.coin for perp in core.tables.perps):
        raise InvalidDeployment.of("coin")
    price = parse_decimal(asset.oracle_px, COLLATERAL_DECIMALS)
    if not price:
        raise InvalidDeployment.of("oraclePx")
    first = dex.index * PERPS_PER_DEX
    taken = [it.perp_id for it in core.tables.perps if it.dex == dex.index]
    number = max(taken, default=first - 1) + 1
    if isinstance(asset, wires.AssetRequest):
        isolated = asset.only_isolated
    else:
        isolated = asset.margin_mode != "normal"
    perp = CorePerp(number, asset.coin, asset.sz_decimals, asset.margin_table_id, isolated)
    tiers = _tiers(core, dex, asset.margin_table_id)
    owner = core.perp.acting_for(core.ledger.owner or ZERO_ADDRESS)
    try:
        listing.list_perp(core.ledger, perp, tiers, price, IMPACT_NOTIONAL, owner)
    except (InvalidListing, InvalidMarket) as error:
        raise InvalidDeployment.of("assetRequest") from error
    return Result(Outcome.DONE, number)


def set_oracle(core: Core, wire: wires.SetOracle) -> None:
    """Set prices of a dex's perpetuals, which the dex's updater does.

    The median of the deployer's mark prices and the external one counts as the price elsewhere.
    Raises OracleTooSoon, NotDeployer, UnknownAsset, InvalidAmount.
    """
    dex = _dex(core, wire.dex)
    deployment = _require_allowed(core, dex, _OF_UPDATER)
    earliest = deployment.oracle_time + ORACLE_PERIOD
    if core.moment.now < earliest:
        raise OracleTooSoon(earliest)
    row = replace(deployment, oracle_time=core.moment.now)
    core.tables.dex_deployments.put(index_key(dex.index), row)
    others = [_prices(core, dex, given) for given in (*wire.mark_pxs, wire.external_perp_pxs)]
    acting = core.perp.acting_for(ORACLE)
    for perp_id, price in _prices(core, dex, wire.oracle_pxs).items():
        elsewhere = sorted(given[perp_id] for given in others if perp_id in given)
        external = elsewhere[(len(elsewhere) - 1) // 2] if elsewhere else 0
        set_price(acting, perp_address(perp_id), price, external)


def halt(core: Core, wire: wires.HaltTrading) -> None:
    """Take no more orders on a perpetual, or again."""
    perp = _perp(core, wire.coin, "haltTrading")
    core.tables.put_perp(replace(perp, is_halted=wire.is_halted))


def insert_margin_table(core: Core, wire: wires.InsertMarginTable) -> Result:
    """Add a margin table to a dex; its id is the result's order id."""
    dex = _dex(core, wire.dex)
    _require_allowed(core, dex, "insertMarginTable")
    usd, tiers = 10**COLLATERAL_DECIMALS, wire.margin_table.margin_tiers
    first = due_key(dex.index, 0)[:8]
    taken = [int.from_bytes(key[8:], "big") for key in core.tables.dex_margin_tables.rows
             if key[:8] == first]  # fmt: skip
    number = max(taken, default=ONE_TIER - 1) + 1
    rows = [(tier.lower_bound * usd, tier.max_leverage) for tier in tiers]
    if not all(0 < leverage <= MAX_LEVERAGE for _, leverage in rows):
        raise InvalidDeployment.of("marginTiers")
    try:
        stored = perp_markets.stored_tiers(rows)
    except InvalidMarket as error:
        raise InvalidDeployment.of("marginTiers") from error
    table = DexMarginTable(wire.margin_table.description[:_LONGEST_TEXT], stored)
    core.tables.dex_margin_tables.put(due_key(dex.index, number), table)
    return Result(Outcome.DONE, number)


def set_margin_tables(core: Core, rows: Sequence[tuple[str, int]]) -> None:
    """Give perpetuals other margin tables."""
    for coin, table in rows:
        perp = _perp(core, coin, "setMarginTableIds")
        dex = core.tables.dex(perp.dex)
        assert dex is not None, "a builder's perpetual is on its dex"
        tiers = perp_markets.stored_tiers(_tiers(core, dex, table))
        _change(core, perp, "setMarginTableIds", tiers=tiers)
        core.tables.put_perp(replace(perp, margin_table=table))


def set_fee_recipient(core: Core, wire: wires.SetFeeRecipient) -> None:
    """Let an account have the fees of a dex's perpetuals, on that dex."""
    dex = _dex(core, wire.dex)
    _require_allowed(core, dex, "setFeeRecipient")
    recipient = address_of(wire.fee_recipient)
    account = acting_on(core.acting_for(recipient), dex.index).caller
    for perp in core.tables.perps:
        if perp.dex == dex.index:
            _change(core, perp, "setFeeRecipient", fee_recipient=account)


def set_caps(core: Core, rows: Sequence[tuple[str, int]]) -> None:
    """Bound open interest, given as a notional in six decimals, by the size at the present mark."""
    for coin, notional in rows:
        perp = _perp(core, coin, "setOpenInterestCaps")
        market = core.ledger.perp.markets.rows[perp_address(perp.perp_id)]
        prices = prices_at(core.ledger, market, core.moment.now)
        open_now = floor_divide(prices.open_interest * prices.mark, market.base_unit)
        if notional < max(LEAST_CAP, floor_divide(open_now, 2)):
            raise InvalidDeployment.of("setOpenInterestCaps")
        size = floor_divide(notional * market.base_unit, prices.mark)
        _change(core, perp, "setOpenInterestCaps", max_open_interest=size)


def set_margin_modes(core: Core, rows: Sequence[tuple[str, str]]) -> None:
    """Let perpetuals be traded with isolated margin alone from now on."""
    for coin, _ in rows:
        perp = _perp(core, coin, "setMarginModes")
        core.tables.put_perp(replace(perp, only_isolated=True))


def set_sub_deployers(core: Core, wire: wires.SetSubDeployers) -> None:
    """Let others do what the deployer may, one thing each, or no longer."""
    dex = _dex(core, wire.dex)
    deployment = _require_allowed(core, dex, "setSubDeployers")
    allowed = set(deployment.sub_deployers)
    for each in wire.sub_deployers:
        if each.variant not in _VARIANTS:
            raise InvalidDeployment.of("variant")
        row = each.variant, address_of(each.user)
        (allowed.add if each.allowed else allowed.discard)(row)
    row_ = replace(deployment, sub_deployers=tuple(sorted(allowed)))
    core.tables.dex_deployments.put(index_key(dex.index), row_)


STEPS: dict[str, Callable[..., Result | None]] = {
    "register_asset": register,
    "register_asset2": register,
    "set_oracle": set_oracle,
    "halt_trading": halt,
    "insert_margin_table": insert_margin_table,
    "set_margin_table_ids": set_margin_tables,
    "set_fee_recipient": set_fee_recipient,
    "set_open_interest_caps": set_caps,
    "set_sub_deployers": set_sub_deployers,
    "set_margin_modes": set_margin_modes,
}


def deploy(core: Core, action: wires.PerpDeployAction) -> Result | None:
    """Carry out a step of listing perpetuals or running a dex."""
    name, wire = action.step
    return STEPS[name](core, wire)


def _begin_dex(core: Core, name: str, schema: wires.DexSchema, most: int | None) -> None:
    is_taken = any(dex.name == name for dex in core.tables.dexs)
    if is_taken or len(name) < _SHORTEST_NAME or not name.isalnum() or not name.isascii():
        raise InvalidDeployment.of("dex")
    auction.pay(core, most)
    index = max((dex.index for dex in core.tables.dexs), default=0) + 1
    try:
        listing.list_dex(core.ledger, CoreDex(index, name, schema.collateral_token, 0))
    except InvalidListing as error:
        raise InvalidDeployment.of(error.field) from error
    text = schema.oracle_updater
    updater = address_of(text) if isinstance(text, str) else core.user
    row = DexDeployment(core.user, updater, schema.full_name)
    core.tables.dex_deployments.put(index_key(index), row)


def _dex(core: Core, name: str) -> CoreDex:
    found = next((dex for dex in core.tables.dexs if dex.name == name), None)
    if found is None:
        raise UnknownDexName
    return found


def _require_allowed(core: Core, dex: CoreDex, variant: str) -> DexDeployment:
    """Return a dex's deployment, where the user may do a thing on it. Raises NotDeployer."""
    deployment = core.tables.dex_deployments.get(index_key(dex.index))
    if deployment is None:
        raise NotDeployer(ZERO_ADDRESS)
    is_updater = variant == _OF_UPDATER and core.user == deployment.oracle_updater
    is_sub_deployer = (variant, core.user) in deployment.sub_deployers
    if core.user != deployment.deployer and not is_updater and not is_sub_deployer:
        raise NotDeployer(deployment.deployer)
    return deployment


def _perp(core: Core, coin: str, variant: str) -> CorePerp:
    """Return a perpetual of a dex that the user may do a thing on."""
    found = next((perp for perp in core.tables.perps if perp.coin == coin), None)
    dex = None if found is None else core.tables.dex(found.dex)
    if found is None or dex is None:
        raise UnknownAsset(0)
    _require_allowed(core, dex, variant)
    return found


def _prices(core: Core, dex: CoreDex, rows: Sequence[tuple[str, str]]) -> dict[int, int]:
    """Return prices with six decimals, by the perpetual's number."""
    numbers = {perp.coin: perp.perp_id for perp in core.tables.perps if perp.dex == dex.index}
    found: dict[int, int] = {}
    for coin, text in rows:
        price = parse_decimal(text, COLLATERAL_DECIMALS)
        if coin not in numbers:
            raise UnknownAsset(0)
        if not price or price >> 63:
            raise InvalidAmount
        found[numbers[coin]] = price
    return found


def _tiers(core: Core, dex: CoreDex, table: int) -> list[tuple[int, int]]:
    """Return the tiers of a margin table: of one tier, of the dex, or as another market has it."""
    if 0 < table < ONE_TIER:
        return [(0, table)]
    own = core.tables.dex_margin_tables.get(due_key(dex.index, table))
    if own is not None:
        return [(int.from_bytes(bound, "big"), leverage) for bound, leverage in own.tiers]
    for perp in core.tables.perps:
        if perp.margin_table == table and perp.dex == 0:
            market = core.ledger.perp.markets.rows[perp_address(perp.perp_id)]
            return [(tier.lower_bound, tier.max_leverage) for tier in perp_markets.tiers_of(market)]
    raise InvalidDeployment.of("marginTableId")


def _change(core: Core, perp: CorePerp, what: str, **rules: Any) -> None:
    owner = core.perp.acting_for(core.ledger.owner or ZERO_ADDRESS)
    perp_markets.change_market(owner, perp_address(perp.perp_id), what, **rules)
