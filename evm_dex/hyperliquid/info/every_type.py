"""All types of /info: importing this declares them."""

from __future__ import annotations

from evm_dex.hyperliquid.info import (
    account_facts,
    accounts,
    deployments,
    markets,
    orders,
    portfolio,
    universes,
)
from evm_dex.hyperliquid.info.info_type import answer, served_types

__all__ = [
    "account_facts",
    "accounts",
    "answer",
    "deployments",
    "markets",
    "orders",
    "portfolio",
    "served_types",
    "universes",
]
