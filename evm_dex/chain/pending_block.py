"""The pending block: the next one as it would be now, executed once for all who ask.

It is made on a state of its own and sealed like any other, so that its state is read by its root:
a call after it runs like one after a block of the chain. The ledger goes back at once, and is
brought forward by the block's rows for as long as somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.chain.block_store import BlockStore
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.evm.calls import CallRunner
from evm_dex.evm.trie_db import NodeBuffer
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import RowChange


class PendingBlock(msgspec.Struct, frozen=True):
    """A block that may follow the head, and what it does to the ledger."""

    sealed: SealedBlock
    forward: tuple[RowChange, ...]
    """What takes rows from those of the head to those of this block, for `Ledger.at`."""

    @property
    def header(self) -> Header:
        """Its header; the hash is nobody's until a block like it is made."""
        return self.sealed.header


class PendingBlocks:
    """Makes the pending block again when something it depends on has changed."""

    def __init__(self, call_runner: CallRunner, blocks: BlockStore, ledger: Ledger) -> None:
        """Its state is then found by `call_runner`, its body and receipts among the blocks."""
        self._call_runner = call_runner
        self._blocks = blocks
        self._ledger = ledger
        self._sealer = Sealer(call_runner.machine, NodeBuffer(call_runner.store), ledger)
        self._made: tuple[object, PendingBlock] | None = None

    def stand_still(self, give_way: Callable[[], float]) -> None:
        """Call `give_way` again and again while a block is made."""
        self._sealer.stand_still(give_way)

    def get(
        self, depends_on: object, parent: Header, header: Header, fill: Callable[[Sealer], object]
    ) -> PendingBlock:
        """Return the block that `fill` makes of a header after `parent`.

        `depends_on` is all that it may differ by. Raises what `fill` raises.
        """
        if self._made is None or self._made[0] != depends_on:
            self._made = None
            self._made = depends_on, self._make(parent, header, fill)
        return self._made[1]

    def _make(
        self, parent: Header, header: Header, fill: Callable[[Sealer], object]
    ) -> PendingBlock:
        journal = self._ledger.journal
        assert journal.mark() == 0, "the ledger is not that of the head"
        self._sealer.reset(parent)
        try:
            self._sealer.begin(header)
            fill(self._sealer)
            sealed = self._sealer.seal()
        finally:
            journal.revert(0)
        self._call_runner.nodes.hold(sealed.nodes)
        self._blocks.show_pending(sealed)
        return PendingBlock(sealed, tuple(_swapped(sealed.changes.rows)))


def _swapped(rows: Iterable[RowChange]) -> Iterable[RowChange]:
    return (RowChange(row.table, row.key, row.new, row.old) for row in rows)
