"""The pending block: the next one as it would be now, executed once for all who ask.

It is made on a state of its own, up to the state root, by which a call after it finds its state as
it finds that of a block of the chain. What its header says of its lists is worked out for those
who ask for the block itself. The ledger goes back at once, and is brought forward by the block's
rows for as long as somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.chain.block_builder import include_added
from evm_dex.chain.block_kinds import BlockKinds
from evm_dex.chain.block_store import BlockStore
from evm_dex.chain.mempool import Mempool
from evm_dex.chain.sealing import SealedBlock, Sealer, SettledBlock
from evm_dex.evm.calls import CallRunner
from evm_dex.evm.system_contracts import takes_requests
from evm_dex.evm.trie_db import NodeBuffer
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import EarlierChanges


class PendingBlock(msgspec.Struct, frozen=True, dict=True):
    """A block that may follow the head, and what it does to the ledger."""

    settled: SettledBlock
    show: Callable[[SealedBlock], None]
    """Is told of the whole block once somebody asks for it."""

    @cached_property
    def sealed(self) -> SealedBlock:
        """The whole block, which executions after it do without."""
        sealed = self.settled.sealed()
        self.show(sealed)
        return sealed

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
        settled = None if made is None else self._more(made, mempool)
        if settled is None:
            settled = self._anew(parent, header, fill)
        self._nodes.hold(settled.nodes)
        self._call_runner.nodes.hold(settled.nodes)
        self._blocks.show_pending(None)
        self._made = PendingBlock(settled, self._blocks.show_pending)
        self._depends_on, self._version = depends_on, version
        return self._made

    def _anew(
        self, parent: Header, header: Header, fill: Callable[[Sealer], object]
    ) -> SettledBlock:
        self._sealer.reset(parent)
        try:
            self._sealer.begin(header)
            fill(self._sealer)
            return self._sealer.settle()
        finally:
            self._ledger.journal.revert(0)

    def _more(self, made: PendingBlock, mempool: Mempool) -> SettledBlock | None:
        """Go on with a block; None where it has to be made anew."""
        added = mempool.added_since(self._version)
        if added is None or self._ledger.core.settings or takes_requests(self._sealer.state):
            return None  # or its end is part of it
        with self._ledger.ahead(made.settled.changes.rows):
            earlier = EarlierChanges(made.settled.changes, self._ledger.journal.mark())
            is_whole = include_added(self._sealer, mempool, self._kinds, added)
            return self._sealer.settle(earlier) if is_whole else None
