"""Small and big blocks of HyperEVM: which comes next, and what its header follows from.

Small blocks come with every step of block time. Once in a minute there may be a big one after one
of them, at the same time, for those who asked HyperCore to use big blocks. Gas limit and base fee
follow from the last block of the same kind. Source: Hyperliquid documentation, "Dual-block
architecture".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.block_store import BlockStore
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

_MOST_BACK = 256
"""Blocks that the last one of a kind is looked for among; without one the base fee is the least."""


class BlockKinds:
    """Kinds of the blocks of one chain; a chain without HyperCore has one kind."""

    def __init__(self, blocks: BlockStore, ledger: Ledger) -> None:
        self._blocks = blocks
        self._ledger = ledger

    @property
    def are_two(self) -> bool:
        """True if the chain makes small and big blocks."""
        return self._ledger.core.rules.small_block_gas > 0

    def is_big(self, header: Header) -> bool:
        """Tell whether a header is of a big block."""
        return self.are_two and header.gas_limit == header.rules.big_block_gas

    def uses_big(self, user: Address) -> bool:
        """Tell whether an account's transactions go into big blocks."""
        record = self._ledger.core.user(user)
        return record is not None and record.uses_big_blocks

    def takes(self, header: Header, sender: Address) -> bool:
        """Tell whether transactions of an account go into blocks of a header's kind."""
        return not self.are_two or self.uses_big(sender) == self.is_big(header)

    def child(self, parent: Header, timestamp: int, *, is_big: bool = False) -> Header:
        """Return the header of the block after another as it stands before execution.

        Raises ValueError for a time before the parent's.
        """
        if not self.are_two:
            return parent.child(timestamp)
        last = self.last(parent, is_big=is_big)
        if last is None:
            rules = parent.rules
            small = self._ledger.core.rules.small_block_gas
            gas_limit = rules.big_block_gas if is_big else small
            assert gas_limit is not None, "there are two kinds"
            fee = rules.least_base_fee
            last = msgspec.structs.replace(
                parent, gas_limit=gas_limit, base_fee_per_gas=fee, gas_used=0
            )
        return parent.child(timestamp, of_kind=last)

    def last(self, head: Header, *, is_big: bool) -> Header | None:
        """Return the last block of a kind up to a block; None where there was none for long."""
        header = head
        for _ in range(_MOST_BACK):
            if self.is_big(header) == is_big:
                return header
            if header.block_number == self._blocks.first_height:
                break
            header = self._blocks.header(header.parent_hash, head.block_number)
        return None

    def big_is_due(self, head: Header, waiting: Iterable[Transaction]) -> bool:
        """Tell whether a big block follows a small one: the first in its minute, if one is used."""
        if not (self.are_two and any(self.uses_big(each.sender) for each in waiting)):
            return False
        seconds = head.rules.big_block_seconds
        last = self.last(head, is_big=True)
        return last is None or last.timestamp // seconds < head.timestamp // seconds
