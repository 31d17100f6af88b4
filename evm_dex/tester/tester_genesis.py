"""The genesis of a chain for eth-tester: its accounts beside those of the exchanges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from evm_dex.blocks.dev_accounts import Account
from evm_dex.chain.genesis.genesis_file import (
    GenesisSource,
    default_genesis_file,
    read_genesis_file,
)

BALANCE = 1_000_000 * 10**18
"""Wei of each of eth-tester's accounts."""


def tester_genesis(
    source: GenesisSource | None, chain_id: int, accounts: Iterable[Account]
) -> Mapping[str, Any]:
    """A genesis file's content, or the default's, with `accounts` funded. Raises GenesisError."""
    file = default_genesis_file() if source is None else read_genesis_file(source)
    content: dict[str, Any] = msgspec.to_builtins(file)
    funded = {f"0x{account.address.hex()}": str(BALANCE) for account in accounts}
    content["accounts"] = {**funded, **content["accounts"]}
    content["chain_id"] = chain_id
    return content
