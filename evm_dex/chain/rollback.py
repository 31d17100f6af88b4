"""Going back: the batch and the ledger changes that lead from the head to an earlier block."""

from __future__ import annotations

from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.overlay_store import OverlayStore
from checkpoint.store import rows_before
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.header import Header
from evm_dex.chain.block_store import BlockStore
from evm_dex.chain.chain_reader import StateReader
from evm_dex.orderlog.outbox import Outbox
from precompiles.ledger.block_changes import changes_from_rows
from precompiles.ledger.commitment import digest
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import Commitment, LedgerChanges, RowChange
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS


def undo_changes(store: OverlayStore, ledger: Ledger, heights: range) -> LedgerChanges:
    """Return the changes of rows that take back the blocks at `heights`.

    From the store alone, since orders that ended are not in memory. Raises UndoExpired.
    """
    rows = [
        RowChange(table, key, current, old)
        for (table, key), old in rows_before(store, heights).items()
        if (current := store.row(table, key)) != old
    ]
    return changes_from_rows(rows, ledger.tables, ledger.commitment, ledger.ended)


def rollback_batch(
    blocks: BlockStore, head: Head, target: Header, changes: LedgerChanges, outbox: Outbox
) -> BlockBatch:
    """Return everything of a rollback as one batch: nothing names blocks above `target` then.

    Their headers, bodies and receipts go too, so a hash that is found is one on the chain. Trie
    nodes stay, as states share them; `evm-dex prune` takes those no state needs. The outbox
    gets what this does to orders. Raises RecordingFailed.
    """
    batch = BlockBatch()
    heights = range(target.block_number + 1, head.height + 1)
    outbox.add_rollback(batch, blocks, heights, target, changes)
    outbox.balances.add(batch, target, changes)
    batch.add_rollback(changes, heights)
    for height in heights:
        block_hash = blocks.hash_at(height)
        transactions = blocks.body(block_hash).transactions
        batch.remove_block(block_hash, (transaction.hash for transaction in transactions))
    batch.set_head(
        Head(
            head.chain_id,
            target.block_number,
            target.hash,
            target.state_root,
            changes.commitment,
        )
    )
    return batch


def apply_to_ledger(ledger: Ledger, changes: LedgerChanges) -> None:
    """Bring the ledger in memory to where `changes` lead."""
    for change in changes.rows:
        ledger.restore_row(change.table, change.key, change.new)
    ledger.accept(changes)


def check_commitment(state: StateReader, commitment: Commitment, height: int) -> str | None:
    """Return how the rows differ from what the block's state commits to; None where they agree."""
    stored = state.get_storage(LEDGER_ADDRESS, COMMITMENT_SLOT)
    expected = int.from_bytes(digest(commitment), "big")
    if stored == expected:
        return None
    return (
        f"the state of block {height} commits to ledger rows {stored:#066x}, the stored rows "
        f"are {expected:#066x}"
    )


def reload_rows(
    store: OverlayStore, batch: BlockBatch, commitment: Commitment, ended: Commitment
) -> LedgerChanges:
    """Return the changes that lead back from an unwritten batch to the rows in the store."""
    rows = tuple(
        RowChange(key[0], key[1:], None, store.get(Family.ROWS, key))
        for key in batch.changes.get(Family.ROWS, {})
    )
    return LedgerChanges(rows, {}, commitment, ended)
