"""Requests about which perpetuals there are."""

from __future__ import annotations

import msgspec

from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.info.info_type import Info, Nothing, info_type
from evm_dex.hyperliquid.listings import number
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.asset_ids import parse_perp_id
from precompiles.hyper.system_addresses import USDC
from precompiles.hyper.units import COLLATERAL_DECIMALS
from precompiles.ledger.hyper.records import CoreDex
from precompiles.ledger.hyper.tables import index_key
from precompiles.perp.markets import tiers_of


class DexRequest(msgspec.Struct):
    """A request about a perpetuals dex; "" is the first."""

    dex: str = ""


class TableRequest(msgspec.Struct):
    """A request about a margin table."""

    id: int


@info_type("meta", DexRequest)
def meta(info: Info, request: DexRequest) -> Json:
    """Return the perpetuals of a dex, each at the place of its index, as clients count them.

    Indexes that nothing is listed at have delisted coins that were never there.
    """
    dex = dex_of(info, request.dex)
    universe: list[Json] = []
    tables: dict[int, Json] = {}
    for perp in (each for each in info.ledger.core.perps if each.dex == dex):
        market = info.ledger.perp.markets.rows[info.listings.by_coin[perp.coin].address]
        shown: Json = {
            "szDecimals": perp.size_decimals,
            "name": perp.coin,
            "maxLeverage": market.max_leverage,
            "marginTableId": perp.margin_table,
        }
        if perp.only_isolated:
            shown |= {"onlyIsolated": True, "marginMode": "noCross"}
        if perp.is_halted:
            shown["isDelisted"] = True
        universe += map(_unused_perp, range(len(universe), _place(perp.perp_id)))
        universe.append(shown)
        tiers = [
            {
                "lowerBound": number(lower, COLLATERAL_DECIMALS),
                "maxLeverage": leverage,
            }
            for lower, leverage in tiers_of(market)
        ]
        tables[perp.margin_table] = {
            "description": f"tiered {market.max_leverage}x" if len(tiers) > 1 else "",
            "marginTiers": tiers,
        }
    return {
        "universe": universe,
        "marginTables": [[number_, table] for number_, table in sorted(tables.items())],
        "collateralToken": found.collateral if (found := info.ledger.core.dex(dex)) else USDC,
    }


@info_type("allPerpMetas")
def all_perp_metas(info: Info, _: Nothing) -> list[Json]:
    """Return the perpetuals of every dex."""
    names = ["", *(dex.name for dex in info.ledger.core.dexs)]
    return [meta(info, DexRequest(name)) for name in names]


@info_type("marginTable", TableRequest)
def margin_table(info: Info, request: TableRequest) -> Json:
    """Return a margin table."""
    for table_id, table in meta(info, DexRequest())["marginTables"]:
        if table_id == request.id:
            found: Json = table
            return found
    raise BadRequest(f"no margin table {request.id}")


@info_type("perpDexs")
def perp_dexs(info: Info, _: Nothing) -> list[Json | None]:
    """Return the perpetuals dexes; the first one is null."""
    return [None, *(_dex_json(info, dex) for dex in info.ledger.core.dexs)]


def _dex_json(info: Info, dex: CoreDex) -> Json:
    """Return a builder's dex, with those who run it; nobody runs one of the genesis at first."""
    row = info.ledger.core.dex_deployments.get(index_key(dex.index))
    allowed: dict[str, list[str]] = {}
    for variant, user in row.sub_deployers if row else ():
        allowed.setdefault(variant, []).append(f"0x{user.hex()}")
    return {
        "name": dex.name,
        "fullName": row.full_name if row else dex.name,
        "deployer": f"0x{row.deployer.hex()}" if row else "0x" + "0" * 40,
        "oracleUpdater": f"0x{row.oracle_updater.hex()}" if row else None,
        "feeRecipient": None,
        "assetToStreamingOiCap": [],
        "subDeployers": [[variant, users] for variant, users in allowed.items()],
        "deployerFeeScale": "0.0",
        "lastDeployerFeeScaleChangeTime": "1970-01-01T00:00:00",
        "assetToFundingMultiplier": [],
        "assetToFundingInterestRate": [],
    }


def _place(perp_id: int) -> int:
    """Return the place of a perpetual among those of its dex."""
    return parse_perp_id(perp_id).number


def _unused_perp(index: int) -> Json:
    return {
        "szDecimals": 0,
        "name": f"UNUSED{index}",
        "maxLeverage": 1,
        "marginTableId": 1,
        "isDelisted": True,
    }


def dex_of(info: Info, name: str) -> int:
    """Return the index of a perpetuals dex; "" is the first. Raises BadRequest."""
    found = info.listings.dex(name)
    if found is None:
        raise BadRequest(f"unknown dex {name!r}: take one of perpDexs")
    return found
