"""A block that a call pretends to be in: some fields chosen, the others the real block's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import msgspec
from eth.constants import MAX_PREV_HEADER_DEPTH, ZERO_HASH32

from evm_dex.blocks.header import Header
from evm_dex.errors import CallRefused
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
    """Base fee in wei, which a call whose gas is free sees too."""
    blob_base_fee: int | None = None

    def check_follows(self, header: Header) -> None:
        """Raise CallRefused for a time or height before a block's, which no block after it has.

        The exchanges rely on time that only moves forward.
        """
        for name, least in (("timestamp", header.timestamp), ("block_number", header.block_number)):
            chosen = getattr(self, name)
            if chosen is not None and chosen < least:
                what = "block time" if name == "timestamp" else "the block number"
                raise CallRefused(f"{what} only moves forward: {chosen} is before {least}")

    def ancestors(self, known: Iterable[Any], header: Header) -> Iterator[Any]:
        """Hashes of the blocks before the chosen height, newest first; zero for those not made.

        `known` are those before `header`, after which the call is made.
        """
        number = header.block_number if self.block_number is None else self.block_number
        if number == header.block_number:
            return iter(known)
        missing = min(number - header.block_number - 1, MAX_PREV_HEADER_DEPTH)
        return chain(repeat(ZERO_HASH32, missing), (header.hash,), known)

    def applied(self, header: Header) -> Header:
        """Return a header with the chosen fields; its hash means nothing."""
        return msgspec.structs.replace(header, **self._chosen())

    def _chosen(self) -> dict[str, Any]:
        """Return the chosen fields that a header has; the blob base fee is none of them."""
        fields = msgspec.structs.asdict(self)
        del fields["blob_base_fee"]
        return {name: value for name, value in fields.items() if value is not None}
