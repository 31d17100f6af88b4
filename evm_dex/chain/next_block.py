"""Fields of the next block chosen by hand, and the header that it begins with.

A header that a block made from its parent alone would not have is marked in its extra data, so
that no other node takes it for one that follows from the rules.
"""

from __future__ import annotations

import msgspec

from evm_dex.blocks.header import Header
from precompiles.types import Address

CHOSEN_HEADER = b"evm-dex: header set by hand"
WRITTEN_STATE = b"evm-dex: state set by hand"
MARKS = (CHOSEN_HEADER, WRITTEN_STATE)


class NextBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the next block's header; None for what follows from its parent."""

    timestamp: int | None = None
    """In seconds, after the head's."""
    base_fee_per_gas: int | None = None
    """In wei. The block after it takes its own from there."""
    mix_hash: bytes | None = None
    """Prevrandao, 32 bytes."""
    coinbase: Address | None = None
    """The account that is paid the priority fees, from the next block on."""
    gas_limit: int | None = None
    """Of the next block and those after it."""

    def choose(self, **fields: int | bytes) -> NextBlock:
        """Return the same with some fields chosen."""
        return msgspec.structs.replace(self, **fields)

    def header(self, parent: Header, timestamp: int | None, interval: int) -> Header:
        """Return the next header as it stands before execution.

        Its time is `timestamp`, else the one chosen, else `interval` seconds after the parent's.
        Raises ValueError for a time that is not after the parent's.
        """
        if timestamp is None:
            timestamp = self.timestamp
        header = parent.child(parent.timestamp + interval if timestamp is None else timestamp)
        chosen = {
            name: value
            for name in ("base_fee_per_gas", "mix_hash", "coinbase", "gas_limit")
            if (value := getattr(self, name)) not in (None, getattr(header, name))
        }
        if not chosen:
            return header
        return msgspec.structs.replace(header, extra_data=CHOSEN_HEADER, **chosen)


def written_header(parent: Header) -> Header:
    """Return the header of a block that only writes state; it is marked and takes no time."""
    return msgspec.structs.replace(
        parent.child(), timestamp=parent.timestamp, extra_data=WRITTEN_STATE
    )
