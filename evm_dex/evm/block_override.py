"""A block that a call pretends to be in: some fields chosen, the others the real block's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any, cast

import msgspec
from eth.constants import MAX_PREV_HEADER_DEPTH, ZERO_HASH32
from eth.vm.execution_context import ExecutionContext

from evm_dex.blocks.header import Header
from evm_dex.errors import CallRefused
from evm_dex.evm.machine import State
from precompiles.types import Address


class BlockOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the block that code sees; None for those of the block the call is made after."""

    block_number: int | None = None
    timestamp: int | None = None
    gas_limit: int | None = None
    coinbase: Address | None = None
    mix_hash: bytes | None = None
    """Prevrandao, 32 bytes."""
    base_fee_per_gas: int | None = None
    """Seen also by a call whose gas is free."""
    blob_base_fee: int | None = None

    def enter(self, state: State, header: Header) -> Header:
        """Let code on the state after `header` see these fields; the header with them.

        Its hash means nothing. Raises CallRefused for a time or height before the block's, which
        no block after it can have: the exchanges rely on time that only moves forward.
        """
        for name, least in (("timestamp", header.timestamp), ("block_number", header.block_number)):
            chosen = getattr(self, name)
            if chosen is not None and chosen < least:
                what = "block time" if name == "timestamp" else "the block number"
                raise CallRefused(f"{what} only moves forward: {chosen} is before {least}")
        pretended = self.applied(header)
        context = state.execution_context
        seen = pretended
        if self.base_fee_per_gas is None:  # as it is for a call whose gas is free, or not
            seen = msgspec.structs.replace(seen, base_fee_per_gas=context.base_fee_per_gas)
        pretend(state, seen, _ancestors(context.prev_hashes, header, pretended.block_number))
        if self.blob_base_fee is not None:
            fix_blob_base_fee(state, self.blob_base_fee)
        return pretended

    def applied(self, header: Header) -> Header:
        """A header with the chosen fields; its hash means nothing."""
        return msgspec.structs.replace(header, **self._chosen())

    def _chosen(self) -> dict[str, Any]:
        """The chosen fields that a header has; of the blob base fee it has only what it is of."""
        fields = msgspec.structs.asdict(self)
        del fields["blob_base_fee"]
        return {name: value for name, value in fields.items() if value is not None}


def pretend(state: State, header: Header, ancestors: Iterable[Any]) -> None:
    """Let code on a state see the fields of a header, and these blocks before it, newest first."""
    state.execution_context = ExecutionContext(
        coinbase=cast(Any, header.coinbase),
        timestamp=header.timestamp,
        block_number=cast(Any, header.block_number),
        difficulty=header.difficulty,
        mix_hash=cast(Any, header.mix_hash),
        gas_limit=header.gas_limit,
        prev_hashes=ancestors,
        chain_id=state.execution_context.chain_id,
        base_fee_per_gas=header.base_fee_per_gas,
        excess_blob_gas=header.excess_blob_gas,
    )


def _ancestors(known: Any, header: Header, number: int) -> Iterator[Any]:
    """Hashes of the blocks before a height, newest first; zero for those not made yet."""
    if number == header.block_number:
        return iter(known)
    missing = min(number - header.block_number - 1, MAX_PREV_HEADER_DEPTH)
    return chain(repeat(ZERO_HASH32, missing), (header.hash,), known)


def fix_blob_base_fee(state: State, wei: int) -> None:
    """py-evm reckons it from the excess of blobs, and not every fee is one of some excess."""
    fixed: Any = state
    fixed.__class__ = type("StateWithBlobBaseFee", (type(state),), {"blob_base_fee": wei})
