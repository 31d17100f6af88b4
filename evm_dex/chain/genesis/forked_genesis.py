"""The first block of a forked chain: it stands for a block of another, and has that one's state.

Over it lies what the genesis puts there, which hides what the origin has at the same addresses:
the exchanges, HyperCore's contracts and tokens. Accounts that are funded keep their nonce, so that
what they create does not meet what they created there, and lose their code, which is a delegation
to somebody else's. A token or contract that the origin has already with the same code stays the
origin's, and gets only what backs the deposits.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from eth.constants import ZERO_HASH32
from eth.vm.forks.london.constants import INITIAL_BASE_FEE

from evm_dex.blocks.header import Header
from evm_dex.chain.genesis.genesis_file import (
    GenesisFile,
    GenesisSource,
    default_genesis_file,
    read_genesis_file,
    told_fields,
)
from evm_dex.chain.genesis.known_contracts import KNOWN_CONTRACTS
from evm_dex.chain.genesis.resolved import Genesis, resolve_genesis
from evm_dex.evm.machine import State
from evm_dex.evm.system_contracts import QUEUE_SLOTS, SYSTEM_CONTRACTS
from evm_dex.origin.fork_point import ForkPoint
from evm_dex.origin.origin_block import OriginBlock
from precompiles.types import ZERO_ADDRESS, Address

_TOKEN_SLOTS = tuple(range(8))
"""Name, symbol, decimals and supply of a token, which may be the origin's."""


def resolve_forked(source: GenesisSource | None, point: ForkPoint, block: OriginBlock) -> Genesis:
    """Return the genesis of a chain that goes on from a block of another.

    Chain id and gas limit are the other chain's unless they are given, the time is the block's.
    Raises GenesisError.
    """
    file: GenesisFile = default_genesis_file() if source is None else read_genesis_file(source)
    taken = {"chain_id": block.chain_id, "gas_limit": block.gas_limit}
    changes = {name: value for name, value in taken.items() if name not in told_fields(source)}
    file = msgspec.structs.replace(file, timestamp=block.timestamp, **changes)
    return msgspec.structs.replace(resolve_genesis(file), fork=point)


def forked_header(genesis: Genesis, block: OriginBlock, header: Header) -> Header:
    """Return the header of block 0 in the place of the block that the chain is forked at."""
    least = genesis.rules.least_base_fee
    fee = INITIAL_BASE_FEE if block.base_fee is None else block.base_fee
    is_same_limit = genesis.gas_limit == block.gas_limit
    return msgspec.structs.replace(
        header,
        parent_hash=block.parent_hash,
        block_number=block.number,
        gas_used=block.gas_used if is_same_limit else genesis.gas_limit // 2,
        mix_hash=ZERO_HASH32,
        base_fee_per_gas=max(fee, least),
        blob_gas_used=block.blob_gas_used,
        excess_blob_gas=block.excess_blob_gas,
        stands_for=block.hash,
    )


def read_by_genesis(
    genesis: Genesis, precompiles: Iterable[Address]
) -> dict[bytes, tuple[int, ...]]:
    """Return the accounts and slots that making the first block and each later one reads."""
    accounts = (
        *precompiles,
        *(address for address, _ in genesis.balances),
        *KNOWN_CONTRACTS.values(),
        ZERO_ADDRESS,
    )
    found: dict[bytes, tuple[int, ...]] = dict.fromkeys(accounts, ())
    found |= dict.fromkeys((token.address for token in genesis.tokens), _TOKEN_SLOTS)
    return found | dict.fromkeys(SYSTEM_CONTRACTS, tuple(QUEUE_SLOTS))


def hide_original(state: State, address: Address) -> None:
    """Take out what the origin has at an address of the chain's own."""
    if state.get_code(address) or state.get_nonce(address):
        state.delete_account(address)
