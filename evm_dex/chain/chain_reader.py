"""Reading a chain: its blocks, the state after each, and calls on that state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import msgspec
from eth.vm.forks.prague import PragueVM

from checkpoint.metrics import RecoveryMetrics
from checkpoint.overlay_store import OverlayStore
from evm_dex.blocks.header import Header
from evm_dex.chain.block_import import encode_block
from evm_dex.chain.block_store import BlockId, BlockStore
from evm_dex.chain.chain_settings import WRITTEN_STATE
from evm_dex.chain.halt import HaltSwitch
from evm_dex.chain.listeners import ConsoleListeners
from evm_dex.chain.observer import Observer, current_observer
from evm_dex.chain.pending_block import PendingBlock, PendingBlocks
from evm_dex.chain.sealing import Sealer
from evm_dex.chain.written_state import written_states
from evm_dex.errors import CallFailed, StateMissing, UnknownBlock
from evm_dex.evm.calls import Call, CallResult, CallRunner, Prepare
from evm_dex.evm.ledger_view import LedgerView
from evm_dex.evm.machine import Machine, State, missing_state_as
from evm_dex.evm.trie_db import NodeBuffer
from evm_dex.orderlog.outbox import Outbox
from evm_dex.origin.origin import Origin
from evm_dex.origin.past_state import PastState
from precompiles.ledger.ledger import Ledger


class StateReader:
    """EVM accounts, code and storage after a block; wei, slots and words are ints."""

    def __init__(self, state: State | PastState) -> None:
        self._state = state

    @property
    def state_root(self) -> bytes:
        """Root of the state trie."""
        return self._state.state_root

    def get_balance(self, address: bytes) -> int:
        """Return an account's wei."""
        return self._state.get_balance(address)

    def get_nonce(self, address: bytes) -> int:
        """Return how many transactions an account sent, or contracts it created."""
        return self._state.get_nonce(address)

    def get_code(self, address: bytes) -> bytes:
        """Return a contract's code; empty for other accounts."""
        return self._state.get_code(address)

    def get_storage(self, address: bytes, slot: int) -> int:
        """Return one storage word."""
        return self._state.get_storage(address, slot)


class ChainReader(ABC):
    """A chain of Prague rules with precompiles over one store, to be read.

    A block is a height, a hash, "latest", "earliest" or "pending".
    """

    def __init__(
        self,
        store: OverlayStore,
        vm_type: type[PragueVM],
        ledger: Ledger,
        recovery: RecoveryMetrics | None = None,
        origin: Origin | None = None,
    ) -> None:
        """Start at the store's head; `evm_dex.chain.open_chain` makes sure there is one."""
        head = store.head()
        assert head is not None, "a store needs a genesis before a chain"
        self.chain_id = head.chain_id
        self._store = store
        self._ledger = ledger
        self._recovery = recovery or RecoveryMetrics()
        self._origin = origin
        self._blocks = BlockStore(store, origin)
        self._outbox = Outbox(store, ledger)
        self._head = self._blocks.header(head.block_hash, head.height)
        self._halt = HaltSwitch(lambda: self._head.block_number)
        machine = Machine(vm_type, head.chain_id, self._blocks.ancestors)
        self._call_runner = CallRunner(machine, store)
        self._observer = current_observer()
        nodes, record = NodeBuffer(store), self._outbox.record
        self._sealer = Sealer(machine, nodes, ledger, record, self._observer)
        self._sealer.reset(self._head)
        self._pending_blocks = PendingBlocks(self._call_runner, self._blocks, ledger)
        self._exchanges: Callable[[], AbstractContextManager[None]] = nullcontext
        self.console = ConsoleListeners()
        """Listeners to `console.log`."""

    def share(
        self,
        give_way: Callable[[], float],
        exchanges: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Use it from several threads, which take turns.

        `give_way` is called where a block in work may stand still; inside the context of
        `exchanges` a thread has the ledger alone.
        """
        self._sealer.stand_still(give_way)
        self._sealer.reset(self._head)
        self._pending_blocks.stand_still(give_way)
        self._exchanges = exchanges

    @property
    def head(self) -> Header:
        """The header of the last block."""
        return self._head

    @property
    def blocks(self) -> BlockStore:
        """The blocks of the chain, their transactions and logs."""
        return self._blocks

    @property
    def origin(self) -> Origin | None:
        """The chain that this one was forked from; None for one that was not."""
        return self._origin

    @property
    def first(self) -> Header:
        """The header of the first block: block 0, or the one that the chain was forked at."""
        return self._blocks.header(self._blocks.first_height, self._head.block_number)

    @property
    def ledger(self) -> Ledger:
        """All rows as of the head. Never change them: see `Chain.write_rows`."""
        return self._ledger

    @property
    def outbox(self) -> Outbox:
        """The log of order updates that the order history reads."""
        return self._outbox

    @property
    def recovery(self) -> RecoveryMetrics:
        """The time that opening took, and the repairs it made."""
        return self._recovery

    @property
    def call_runner(self) -> CallRunner:
        """Executes without a trace, on the state after any block."""
        return self._call_runner

    @property
    @abstractmethod
    def pending_block(self) -> PendingBlock:
        """The next block as it would be now, with what waits executed."""

    def header(self, block: BlockId) -> Header:
        """Return a block's header. Raise UnknownBlock."""
        self._halt.raise_if_halted()
        if block == "latest":
            return self._head
        if block == "pending":
            return self.pending_block.header
        return self._blocks.header(block, self._head.block_number)

    def made_height(self, block: BlockId) -> int:
        """Return a block's height, also before a fork; the head's for the pending block.

        Raises UnknownBlock.
        """
        if self._origin is not None:
            asked = 0 if block == "earliest" else block
            if isinstance(asked, int) and 0 <= asked < self._blocks.first_height:
                return asked
        return min(self.header(block).block_number, self._head.block_number)

    def context_after(self, block: BlockId) -> Header:
        """Return a block's header as executions after it see it. Raise UnknownBlock.

        That of the pending block has no roots of lists, and so no hash, which cost time.
        """
        return self.pending_block.settled.header if block == "pending" else self.header(block)

    @property
    def state(self) -> StateReader:
        """The EVM state after the head."""
        self._halt.raise_if_halted()
        if self._sealer.is_at_work:
            return StateReader(self._call_runner.state_at(self._head))
        return StateReader(self._sealer.state)

    def state_at(self, block: BlockId) -> StateReader:
        """Return the EVM state after a block; before a fork the origin's node gives it.

        Raise UnknownBlock, StateMissing.
        """
        if self._origin is not None and self.made_height(block) < self._blocks.first_height:
            return StateReader(PastState(self._origin, self.made_height(block)))
        header = self.context_after(block)
        if header == self._head:
            return self.state
        return StateReader(self._call_runner.state_at(header))

    @contextmanager
    def ledger_at(self, block: BlockId) -> Iterator[Ledger]:
        """Provide the ledger as it was after a block inside the context. Never change it."""
        with self._ledger_after(self.context_after(block)):
            yield self._ledger

    def call(self, call: Call, block: BlockId = "latest", prepare: Prepare | None = None) -> bytes:
        """Return what a call would return after a block; it leaves no trace.

        Gas is free unless the call names a fee; `prepare` is given the state before the call.
        Raise CallFailed, UnknownBlock, UndoExpired for a block too far back, and StateMissing.
        """
        return self.attempt(call, block, prepare).returned()

    def attempt(
        self, call: Call, block: BlockId = "latest", prepare: Prepare | None = None
    ) -> CallResult:
        """Return what comes of a call, also when it fails.

        Raise CallRefused if it can't begin, otherwise like `call`.
        """
        observer = self._observer if call.config.on_step is None else None
        if observer is not None and not call.to and self._attempt(call, block, prepare).succeeded:
            observer = None  # a creation that succeeds is tried out here, and sent later
        with self.console.listening(call) as noted:
            return self._attempt(noted, block, prepare, observer)

    def _attempt(
        self,
        call: Call,
        block: BlockId,
        prepare: Prepare | None,
        observer: Observer | None = None,
    ) -> CallResult:
        header, see = self.context_after(block), None
        if observer is not None:
            see, watching = observer.executed, observer.watching(call.config)
            call = msgspec.structs.replace(call, config=watching)
        with missing_state_as(StateMissing), self._looking(call, header) as looking:
            return self._call_runner.attempt(looking, header, prepare, see)

    def estimate_gas(
        self, call: Call, block: BlockId = "pending", prepare: Prepare | None = None
    ) -> int:
        """Return a gas limit with which a transaction succeeds after a block; it leaves no trace.

        By default that is the next block's end as it would be now.

        Raise like `call`.
        """
        header = self.context_after(block)
        try:
            with missing_state_as(StateMissing), self._looking(call, header) as looking:
                return self._call_runner.estimate_gas(looking, header, prepare)
        except CallFailed:
            if self._observer is not None:
                self._attempt(call, block, prepare, self._observer)
            raise

    def export_blocks(
        self, first: BlockId, last: BlockId = "latest", *, as_made: bool = False
    ) -> tuple[bytes, ...]:
        """Encode blocks `first` to `last` for `import_blocks` of a chain with this genesis.

        `as_made` with what cheats wrote. Raises UnknownBlock, and then StateMissing, UndoExpired
        where that can't be told.
        """
        heights = range(self.header(first).block_number, self.header(last).block_number + 1)
        headers = [self.header(height) for height in heights]
        marked = [it for it in reversed(headers) if as_made and it.extra_data == WRITTEN_STATE]
        pairs = ((self.header(it.parent_hash), it) for it in marked)
        written = dict(written_states(self._store, pairs, self._head.block_number))
        return tuple(
            encode_block(header, self._blocks.body(header.hash), written.get(header.block_number))
            for header in headers
        )

    def close(self) -> None:
        """Stop, and free the ledger's memory. The store stays open."""
        self._halt.close()
        self._ledger.close()
        if self._origin is not None:
            self._origin.close()

    @property
    def reach(self) -> int:
        """Height of the earliest block that `ledger_at` goes back to."""
        return self._store.reach

    @contextmanager
    def _looking(self, call: Call, header: Header) -> Iterator[Call]:
        """Provide a call that has the ledger as of a block from when it first looks at it.

        Until then the chain may go on, while the call stands still.
        """
        is_pending = header.block_number > self._head.block_number
        if not is_pending:
            self._store.check_reach(header.block_number)
        with ExitStack() as until_end:

            def bring() -> int:
                until_end.enter_context(self._exchanges())
                start = self._ledger.journal.mark()
                if not is_pending and not self._blocks.is_on_chain(header.hash):
                    raise UnknownBlock(f"block {header.block_number} has left the chain meanwhile")
                until_end.enter_context(self._ledger_after(header))
                return start

            view = LedgerView(self._ledger.journal, bring)
            config = msgspec.structs.replace(call.config, ledger_view=view)
            yield msgspec.structs.replace(call, config=config)

    @contextmanager
    def _ledger_after(self, header: Header) -> Iterator[None]:
        if header.block_number > self._head.block_number:
            with self._ledger.ahead(self.pending_block.settled.changes.rows):
                yield
            return
        self._store.check_reach(header.block_number)
        newer = range(self._head.block_number, header.block_number, -1)
        with self._ledger.at(self._store.undo(height) for height in newer):
            yield
