"""evm-dex as a provider of ape: `ape test --network ethereum:local:evm-dex`.

ape finds plugins by the names of top-level packages, so this one is beside `evm_dex`. Nothing is
loaded of either before ape asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ape import plugins


@plugins.register(plugins.Config)
def config_class() -> type:
    """Return the class of `evm_dex` in ape-config.yaml."""
    from ape_evm_dex.provider import DexConfig  # noqa: PLC0415 - loads web3

    return DexConfig


@plugins.register(plugins.ProviderPlugin)
def providers() -> Iterator[tuple[str, str, Any]]:
    """Yield where the provider serves."""
    from ape_evm_dex.provider import DexProvider  # noqa: PLC0415 - as above

    yield "ethereum", "local", DexProvider
