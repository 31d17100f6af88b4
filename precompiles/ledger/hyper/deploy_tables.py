"""The tables of what users listed on HyperCore."""

from __future__ import annotations

from typing import Any

from precompiles.engine.journal import Journal
from precompiles.ledger.hyper.deploy_records import (
    DexDeployment,
    DexMarginTable,
    Frozen,
    GenesisBalance,
    GenesisExcluded,
    Hyperliquidity,
    TokenDeployment,
    ValidatorProfile,
)
from precompiles.ledger.table import BytesKey, Table, TableNumber

_INDEX_BYTES = 8
_INDEX = BytesKey(_INDEX_BYTES)
_PAIR_OF_INDEXES = BytesKey(2 * _INDEX_BYTES)
_INDEXED = BytesKey(_INDEX_BYTES + 20)


class DeployTables:
    """The part of HyperCore's tables that tokens, dexs and validators of users have."""

    def __init__(self, journal: Journal) -> None:
        self.token_deployments = Table(
            TableNumber.CORE_TOKEN_DEPLOYMENTS, _INDEX, TokenDeployment, journal
        )
        self.genesis_balances = Table(
            TableNumber.CORE_GENESIS_BALANCES, _INDEXED, GenesisBalance, journal
        )
        self.genesis_excluded = Table(
            TableNumber.CORE_GENESIS_EXCLUDED, _INDEXED, GenesisExcluded, journal
        )
        self.frozen = Table(TableNumber.CORE_FROZEN, _INDEXED, Frozen, journal)
        self.hyperliquidity = Table(
            TableNumber.CORE_HYPERLIQUIDITY, _INDEX, Hyperliquidity, journal
        )
        self.dex_deployments = Table(
            TableNumber.CORE_DEX_DEPLOYMENTS, _INDEX, DexDeployment, journal
        )
        self.dex_margin_tables = Table(
            TableNumber.CORE_DEX_MARGIN_TABLES, _PAIR_OF_INDEXES, DexMarginTable, journal
        )
        self.validator_profiles = Table(
            TableNumber.CORE_VALIDATOR_PROFILES, BytesKey(20), ValidatorProfile, journal
        )
        self.deploy_tables: tuple[Table[Any, Any], ...] = (
            self.token_deployments,
            self.genesis_balances,
            self.genesis_excluded,
            self.frozen,
            self.hyperliquidity,
            self.dex_deployments,
            self.dex_margin_tables,
            self.validator_profiles,
        )
