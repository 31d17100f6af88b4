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
    from evm_dex.client.contract import Contract, Reverted
    from evm_dex.client.dex import Dex
    from evm_dex.client.open_dex import open_beside
    from evm_dex.client.open_dex import open_dex as open  # noqa: A004 - evm_dex.open reads like the built-in
    from evm_dex.coverage.recording import Recorder
    from evm_dex.errors import ChainError, TransactionRejected
    from evm_dex.origin.fork import Fork

# The default backend is nine times slower per hash; it is chosen at the first one.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

__all__ = [
    "ChainError",
    "Contract",
    "Dex",
    "Fork",
    "Recorder",
    "Reverted",
    "TransactionRejected",
    "open",
    "open_beside",
]

_HOMES = {
    "ChainError": ("evm_dex.errors", "ChainError"),
    "Contract": ("evm_dex.client.contract", "Contract"),
    "Dex": ("evm_dex.client.dex", "Dex"),
    "Fork": ("evm_dex.origin.fork", "Fork"),
    "Recorder": ("evm_dex.coverage.recording", "Recorder"),
    "Reverted": ("evm_dex.client.contract", "Reverted"),
    "TransactionRejected": ("evm_dex.errors", "TransactionRejected"),
    "open": ("evm_dex.client.open_dex", "open_dex"),
    "open_beside": ("evm_dex.client.open_dex", "open_beside"),
}


_SUBMODULES = ("abi", "addresses", "history", "tester")
"""Modules that the docs use as `evm_dex.NAME` after `import evm_dex`."""


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - together with what it loads

    if name in _SUBMODULES:
        return import_module(f"evm_dex.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'evm_dex' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
