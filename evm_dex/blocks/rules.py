"""The rules of execution that a chain may have: Prague's, or HyperEVM's.

HyperEVM is Cancun without blobs, with a floor under the base fee and tips that nobody is paid. A
header tells which: only Prague's have a requests hash (EIP-7685).
Source of HyperEVM's: Hyperliquid documentation and recorded headers, receipts and fee histories.
"""

from __future__ import annotations

import msgspec

from evm_dex.blocks.gas import floor_gas, init_code_gas

_GWEI = 10**9


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one network."""

    fork: str
    """Ethereum's name of the fork, in lower case."""
    transaction_types: frozenset[int]
    least_base_fee: int
    """Wei per gas."""
    has_calldata_floor: bool
    """A floor price for calldata (EIP-7623)."""
    has_bls: bool
    """Precompiles for BLS12-381 (EIP-2537)."""
    has_requests: bool
    """Headers commit to requests (EIP-7685)."""
    has_randomness: bool
    """Each block has a prevrandao of its own; otherwise it is 0."""
    burns_tips: bool
    """The priority fee is burned, as the base fee is."""
    has_system_transactions: bool
    """Blocks hold transactions that the chain adds itself."""
    big_block_gas: int | None = None
    """Gas limit of blocks of a second, bigger kind; None where there is one kind."""
    big_block_seconds: int = 0
    """Time between two of them at least."""
    nonces_ahead: int = 1_000_000
    """Largest gap of nonces in front of a transaction that waits for those before it."""

    def least_gas(self, intrinsic_gas: int, data: bytes, *, creates: bool) -> int:
        """Return the gas limit that a transaction needs to be valid at all."""
        least = intrinsic_gas + (init_code_gas(data) if creates else 0)
        return max(least, floor_gas(data)) if self.has_calldata_floor else least


PRAGUE = Rules(
    fork="prague",
    transaction_types=frozenset((0, 1, 2, 3, 4)),
    least_base_fee=0,
    has_calldata_floor=True,
    has_bls=True,
    has_requests=True,
    has_randomness=True,
    burns_tips=False,
    has_system_transactions=False,
)
HYPEREVM = Rules(
    fork="cancun",
    transaction_types=frozenset((0, 1, 2)),
    least_base_fee=_GWEI // 10,
    has_calldata_floor=False,
    has_bls=False,
    has_requests=False,
    has_randomness=False,
    burns_tips=True,
    has_system_transactions=True,
    big_block_gas=30_000_000,
    big_block_seconds=60,
    nonces_ahead=7,
)
