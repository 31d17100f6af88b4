"""A Python test chain with a real, durable on-chain order book behind a precompile.

    import evm_dex

    with evm_dex.open() as dex:
        bid, ask = dex.spot.call("getBestPrices", dex.tokens["WETH"])

Nothing heavy is loaded before it is used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evm_dex.chain.errors import ChainError, TransactionRejected
    from evm_dex.contract import Contract, Reverted
    from evm_dex.dex import Dex
    from evm_dex.opening import open_beside
    from evm_dex.opening import open_dex as open  # noqa: A004 - evm_dex.open reads like the built-in

# The default backend is nine times slower per hash; it is chosen at the first one.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

__all__ = [
    "ChainError",
    "Contract",
    "Dex",
    "Reverted",
    "TransactionRejected",
    "open",
    "open_beside",
]

_HOMES = {
    "ChainError": ("evm_dex.chain.errors", "ChainError"),
    "Contract": ("evm_dex.contract", "Contract"),
    "Dex": ("evm_dex.dex", "Dex"),
    "Reverted": ("evm_dex.contract", "Reverted"),
    "TransactionRejected": ("evm_dex.chain.errors", "TransactionRejected"),
    "open": ("evm_dex.opening", "open_dex"),
    "open_beside": ("evm_dex.opening", "open_beside"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evm_dex' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - together with what it loads

    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
