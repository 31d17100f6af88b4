"""Making blocks: one long-lived state, transactions applied in turn, roots once at the end.

The result must be what py-evm's own import accepts with full validation; a test holds it so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from eth.abc import ComputationAPI

from checkpoint.head import Head
from checkpoint.trie.added_nodes import check_added
from checkpoint.trie.trie import ordered_trie_root
from evm_dex.blocks.gas import MAX_BLOB_GAS_PER_BLOCK
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Receipt, consensus_encoding, logs_bloom
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.observer import Observer
from evm_dex.chain.written_state import WrittenState, committed_digest
from evm_dex.evm.config import MINING, Unhurried
from evm_dex.evm.console_calls import ConsoleCalls
from evm_dex.evm.machine import Machine, logs_of
from evm_dex.evm.state import SealedLedger, seal_ledger
from evm_dex.evm.system_contracts import end_block, requests_hash
from evm_dex.evm.trie_db import NodeBuffer
from evm_dex.orderlog.order_update import OrderUpdate
from precompiles.ledger.commitment import digest
from precompiles.ledger.storage import EarlierChanges, LedgerChanges


class SettledBlock(msgspec.Struct, frozen=True):
    """A block that was executed, with the state it leaves; its lists have no roots yet."""

    header: Header
    """The header that later executions see; roots of lists, bloom and hash are to come."""
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    changes: LedgerChanges
    nodes: dict[bytes, bytes]

    def sealed(self) -> SealedBlock:
        """Complete the header by what it says of the lists."""
        blooms = [logs_bloom(receipt.logs) for receipt in self.receipts]
        encoded = [
            consensus_encoding(receipt, transaction.type_id, bloom)
            for receipt, transaction, bloom in zip(
                self.receipts, self.transactions, blooms, strict=True
            )
        ]
        header = msgspec.structs.replace(
            self.header,
            transaction_root=ordered_trie_root([item.raw for item in self.transactions]),
            receipt_root=ordered_trie_root(encoded),
            bloom=_union(blooms).to_bytes(256, "big"),
        )
        return SealedBlock(header, self.transactions, self.receipts, self.changes, self.nodes)


class SealedBlock(msgspec.Struct, frozen=True):
    """Everything of a block that goes into its batch."""

    header: Header
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    changes: LedgerChanges
    nodes: dict[bytes, bytes]
    updates: Sequence[OrderUpdate] = ()
    """Updates of orders, for the outbox."""
    console: Mapping[bytes, tuple[bytes, ...]] = {}
    """Calls of `console.log` by the hash of their transaction, of those that made any."""

    def head(self, chain_id: int) -> Head:
        """Return the store's head record once this block is written."""
        header, commitment = self.header, self.changes.commitment
        return Head(chain_id, header.block_number, header.hash, header.state_root, commitment)


Recorder = Callable[
    [Header, Sequence[Transaction], Sequence[Receipt], LedgerChanges], Sequence[OrderUpdate]
]


def _record_nothing(*_: object) -> Sequence[OrderUpdate]:
    return ()


class Sealer:
    """The block in work on top of a parent."""

    def __init__(
        self,
        machine: Machine,
        nodes: NodeBuffer,
        ledger: SealedLedger,
        record: Recorder = _record_nothing,
        observer: Observer | None = None,
    ) -> None:
        """`record` makes the outbox's updates of a block from what it leaves."""
        self._observer = observer
        self._record = record
        self._machine = machine
        self._nodes = nodes
        self._ledger = ledger
        self._console_calls = ConsoleCalls()
        watched = MINING if observer is None else observer.watching(MINING)
        self._config = msgspec.structs.replace(watched, on_console=self._console_calls.note)
        self.is_at_work = False
        """True while a block is being made; its state must not be read by others then."""

    def stand_still(self, give_way: Callable[[], float]) -> None:
        """Call `give_way` again and again while transactions run, from the next `reset` on."""
        deadline = Unhurried(give_way)
        self._config = msgspec.structs.replace(self._config, deadline=deadline)

    def reset(self, parent: Header) -> None:
        """Start from a parent with a fresh state; what was in work is gone."""
        self._ledger.journal.revert(0)
        self._nodes.take()
        self.is_at_work = False
        self.state = self._machine.state(self._nodes, parent, self._config)

    def begin(self, header: Header, ancestors: Iterable[bytes] | None = None) -> None:
        """Open a block whose header is as its parent left it; mined or imported, it begins here.

        `ancestors` are hashes of the blocks before it; None for those of the chain.
        """
        self.header = header
        self.is_at_work = True
        self.gas_used = 0
        self.blob_gas_used = 0
        self.transactions: list[Transaction] = []
        self.receipts: list[Receipt] = []
        self._console: dict[bytes, tuple[bytes, ...]] = {}
        self._machine.begin(self.state, header, ancestors)

    def fits(self, transaction: Transaction) -> bool:
        """Return whether the block has room left for its gas and blobs."""
        blobs = self.blob_gas_used + transaction.blob_gas
        gas = self.gas_used + transaction.gas
        return gas <= self.header.gas_limit and blobs <= MAX_BLOB_GAS_PER_BLOCK

    def apply(self, transaction: Transaction) -> None:
        """Execute one transaction. Raises py-evm's ValidationError, with nothing changed."""
        computation, gas_used = self._machine.apply(self.state, transaction)
        printed = self._console_calls.take()
        if printed:
            self._console[transaction.hash] = printed
        if self._observer is not None:
            self._observer.executed(computation, gas_used)
        self.include(transaction, computation, gas_used)

    def include(self, transaction: Transaction, computation: ComputationAPI, gas_used: int) -> None:
        """Take in one that was executed on the block's state."""
        self.gas_used += gas_used
        self.blob_gas_used += transaction.blob_gas
        self.transactions.append(transaction)
        self.receipts.append(_receipt(computation, self.gas_used))

    def seal(self) -> SealedBlock:
        """Close the block, and record its updates of orders."""
        sealed = self.settle().sealed()
        updates = self._record(sealed.header, sealed.transactions, sealed.receipts, sealed.changes)
        return msgspec.structs.replace(sealed, updates=updates, console=self._console)

    def settle(self, earlier: EarlierChanges | None = None) -> SettledBlock:
        """Close the block as far as its state goes: requests, ledger digest, state root.

        `earlier` as for `Ledger.seal`.
        """
        requests = end_block(self.state, (log for each in self.receipts for log in each.logs))
        changes = seal_ledger(self.state, self._ledger, earlier)
        self.state.persist()
        header = msgspec.structs.replace(
            self.header,
            state_root=self.state.state_root,
            gas_used=self.gas_used,
            blob_gas_used=self.blob_gas_used,
            requests_hash=requests_hash(requests) if self.header.rules.has_requests else None,
        )
        self.is_at_work = False
        transactions, receipts = tuple(self.transactions), tuple(self.receipts)
        return SettledBlock(header, transactions, receipts, changes, self._nodes.take())

    def adopt(self, header: Header, state_root: bytes, written: WrittenState) -> SealedBlock:
        """Close a block that takes over state written elsewhere; `reset` has to follow it.

        `header` is as the block began. Raises ValueError, UntrustedStorage where nodes and rows
        are not what the root says.
        """
        nodes = check_added(self._nodes.stored, written.nodes, state_root)
        for table, key, value in written.rows:
            self._ledger.restore_row(table, key, value)
        changes = self._ledger.seal()
        self._nodes.hold(nodes)
        expected = committed_digest(self._nodes.__getitem__, header.state_root)
        if changes.rows:
            expected = int.from_bytes(digest(changes.commitment), "big")
        if committed_digest(self._nodes.__getitem__, state_root) != expected:
            raise ValueError("its rows are not those that its state commits to")
        empty = ordered_trie_root([])
        sealed = msgspec.structs.replace(
            header,
            state_root=state_root,
            transaction_root=empty,
            receipt_root=empty,
            bloom=bytes(256),
            gas_used=0,
            blob_gas_used=0,
            requests_hash=requests_hash([]) if header.rules.has_requests else None,
        )
        updates = self._record(sealed, (), (), changes)
        return SealedBlock(sealed, (), (), changes, self._nodes.take(), updates)


def _receipt(computation: ComputationAPI, cumulative_gas_used: int) -> Receipt:
    if computation.is_error:
        error = computation.error
        output = b"" if error.erases_return_data else computation.output
        return Receipt(False, cumulative_gas_used, (), output, type(error).__name__)
    return Receipt(True, cumulative_gas_used, logs_of(computation), b"", "")


def _union(blooms: Iterable[int]) -> int:
    union = 0
    for bloom in blooms:
        union |= bloom
    return union
