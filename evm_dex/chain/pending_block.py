"""The pending block: the next one as it would be now, executed once for all who ask.

It is made on a state of its own and sealed like any other, so that its state is read by its root:
a call after it runs like one after a block of the chain. The ledger goes back at once, and is
brought forward by the block's rows for as long as somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.chain.block_builder import include_added
from evm_dex.chain.block_kinds import BlockKinds
from evm_dex.chain.block_store import BlockStore
from evm_dex.chain.mempool import Mempool
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.evm.calls import CallRunner
from evm_dex.evm.system_contracts import takes_requests
from evm_dex.evm.trie_db import NodeBuffer
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import RowChange


class PendingBlock(msgspec.Struct, frozen=True):
    """A block that may follow the head, and what it does to the ledger."""

    sealed: SealedBlock
    forward: tuple[RowChange, ...]
    """Changes of rows from those of the head to those of this block, for `Ledger.at`."""

    @property
    def header(self) -> Header:
        """Its header; the hash is nobody's until a block like it is made."""
        return self.sealed.header


class PendingBlocks:
    """Makes the pending block again when something it depends on has changed.

    What came since and goes to its end is added to it, so that many who send one after another,
    each with an estimate, do not have all of it executed each time.
    """

    def __init__(self, call_runner: CallRunner, blocks: BlockStore, ledger: Ledger) -> None:
        """Its state is then found by `call_runner`, its body and receipts among the blocks."""
        self._call_runner = call_runner
        self._blocks = blocks
        self._ledger = ledger
        self._kinds = BlockKinds(blocks, ledger)
        self._nodes = NodeBuffer(call_runner.store)
        self._sealer = Sealer(call_runner.machine, self._nodes, ledger)
        self._made: PendingBlock | None = None
        self._depends_on: object = None
        self._version = 0

    def stand_still(self, give_way: Callable[[], float]) -> None:
        """Call `give_way` again and again while a block is made."""
        self._sealer.stand_still(give_way)

    def get(
        self,
        parent: Header,
        header: Header,
        mempool: Mempool,
        depends_on: object,
        fill: Callable[[Sealer], object],
    ) -> PendingBlock:
        """Return the block that `fill` makes of a header after `parent`.

        `depends_on` is all that it may differ by, beside header and pool. Raises what `fill`
        raises.
        """
        version, depends_on = mempool.version, (header, depends_on)
        made = self._made if depends_on == self._depends_on else None
        if made is not None and version == self._version:
            return made
        assert self._ledger.journal.mark() == 0, "the ledger is not that of the head"
        self._made = None
        sealed = None if made is None else self._more(made, mempool)
        if sealed is None:
            sealed = self._anew(parent, header, fill)
        self._nodes.hold(sealed.nodes)
        self._call_runner.nodes.hold(sealed.nodes)
        self._blocks.show_pending(sealed)
        self._made = PendingBlock(sealed, tuple(_swapped(sealed.changes.rows)))
        self._depends_on, self._version = depends_on, version
        return self._made

    def _anew(
        self, parent: Header, header: Header, fill: Callable[[Sealer], object]
    ) -> SealedBlock:
        self._sealer.reset(parent)
        try:
            self._sealer.begin(header)
            fill(self._sealer)
            return self._sealer.seal()
        finally:
            self._ledger.journal.revert(0)

    def _more(self, made: PendingBlock, mempool: Mempool) -> SealedBlock | None:
        """Go on with a block; None where it has to be made anew."""
        added = mempool.added_since(self._version)
        if added is None or self._ledger.core.settings or takes_requests(self._sealer.state):
            return None  # or its end is part of it
        with self._ledger.at((made.forward,)):
            is_whole = include_added(self._sealer, mempool, self._kinds, added)
            return self._sealer.seal() if is_whole else None


def _swapped(rows: Iterable[RowChange]) -> Iterable[RowChange]:
    return (RowChange(row.table, row.key, row.new, row.old) for row in rows)
