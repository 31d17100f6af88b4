"""Pruning: frees the disk taken by old states, their trie nodes and undo rows.

Execution never deletes a trie node, as states share them. This does, offline: what no kept state
needs goes. The roots of the other states go first, so that a state whose root is there is whole,
and a kill at any moment leaves a store that is whole and can be pruned again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from checkpoint.block_record import header_fields
from checkpoint.errors import StoreDamaged, StoreError
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.head_checks import first_block
from checkpoint.layout import disk_usage
from checkpoint.manager import CheckpointManager, remove_checkpoints
from checkpoint.manifest import list_checkpoints
from checkpoint.rocks import RocksStore
from checkpoint.store import DEFAULT_UNDO_WINDOW
from checkpoint.store_batch import BlockBatch
from checkpoint.trie.mark_nodes import mark_state
from checkpoint.verify import verify_store

Progress = Callable[[str, int, int], None]
"""Called with the step, the amount done of it, and its total (at most)."""

_BATCH = 10_000
_STEP = 4096


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a store, before or after pruning."""

    nodes: int
    """Trie nodes and codes."""
    node_bytes: int
    """Their keys and values, uncompressed."""
    undo_rows: int
    checkpoints: int
    disk_bytes: int
    """Of the live database's files, also those that checkpoints share."""


@dataclass(frozen=True, slots=True)
class PruneReport:
    """Result of pruning, or of a dry run."""

    head: Head
    states: int
    """Number of states kept: the head's, those of other recent blocks, and the genesis's."""
    before: Size
    after: Size
    """In a dry run what would be left, but for the disk, which only compaction tells."""


def prune_states(
    path: Path,
    *,
    keep_states: int | None = None,
    undo_window: int = DEFAULT_UNDO_WINDOW,
    dry_run: bool = False,
    progress: Progress,
) -> PruneReport:
    """Remove what no kept state needs from the store at `path`, and give the disk back.

    Kept are the states of the last `keep_states` blocks, or of all that the undo window leads
    back to, and the genesis's, as far as they are there. Undo rows below the window and
    checkpoints beyond the chain's retention go too. Offline: takes the lock.

    The head's state and rows are proven before and after. Raises StoreLocked; StoreDamaged where
    a kept state is not whole, with nothing changed; ValueError for `keep_states` below 1.
    """
    if keep_states is not None and keep_states < 1:
        raise ValueError(f"keep_states must be at least 1, for the head's, got {keep_states}")
    with closing(RocksStore(path, undo_window=undo_window)) as store:
        head = store.head()
        if head is None:
            raise StoreError(f"{path} has no block yet, so there is nothing to prune")
        _prove(store, head, progress)
        before = _size(store, progress)
        roots = _kept_roots(store, head, undo_window + 1 if keep_states is None else keep_states)
        marked = _mark(store, roots, before.nodes, progress)
        expired = _expired_undo(store, head)
        if dry_run:
            after = _expected(store, before, marked, len(expired))
        else:
            _remove(store, marked, expired, before.nodes, progress)
            CheckpointManager(store).remove_old()
            progress("Compacting", 0, 1)
            store.compact()
            _prove(store, head, progress)
            after = _size(store, progress)
        return PruneReport(head, len(roots), before, after)


def _prove(store: RocksStore, head: Head, progress: Progress) -> None:
    """Prove that all rows lead to the head's header, and that all its state is there."""
    report = verify_store(store, lambda done, total: progress("Proving rows", done, total))
    if report.difference is not None:
        raise StoreDamaged(report.difference, str(store.path))
    assert report.head == head, "the head was proven to be where it was"
    mark_state(store, head.state_root, set(), lambda done: progress("Proving state", done, done))


def _kept_roots(store: RocksStore, head: Head, blocks: int) -> list[bytes]:
    """Return the state roots of the last blocks and the genesis, as far as they are there."""
    first = first_block(store)
    lowest = 0 if first is None else first[0]
    heights = [*range(head.height, max(head.height - blocks, lowest), -1), lowest]
    roots = dict.fromkeys(_state_root(store, height) for height in heights)
    return [root for root in roots if root and store.get(Family.NODES, root) is not None]


def _state_root(store: RocksStore, height: int) -> bytes | None:
    block_hash = store.get(Family.HASHES, height_key(height))
    header = block_hash and store.get(Family.HEADERS, block_hash)
    return _root_of(block_hash, header) if block_hash and header else None


def _root_of(block_hash: bytes, header: bytes) -> bytes:
    try:
        return header_fields(header).state_root
    except ValueError as error:
        raise StoreDamaged(str(error), f"family headers, block {block_hash.hex()}") from error


def _mark(store: RocksStore, roots: list[bytes], most: int, progress: Progress) -> set[bytes]:
    marked: set[bytes] = set()
    for root in roots:
        mark_state(store, root, marked, lambda done: progress("Marking", done, most))
    return marked


def _expired_undo(store: RocksStore, head: Head) -> list[bytes]:
    oldest = height_key(max(head.height - store.undo_window + 1, 0))
    keys = (key for key, _ in store.iterate(Family.UNDO))
    return [key for key in keys if key < oldest]


def _remove(
    store: RocksStore, marked: set[bytes], expired: list[bytes], most: int, progress: Progress
) -> None:
    batch = BlockBatch()
    for key in expired:
        batch.delete(Family.UNDO, key)
    store.write(batch)
    removed = 0
    for doomed in (_doomed_roots(store, marked), _doomed_nodes(store, marked)):
        while keys := list(islice(doomed, _BATCH)):
            batch = BlockBatch()
            for key in keys:
                batch.delete(Family.NODES, key)
            store.write(batch)
            removed += len(keys)
            progress("Removing", removed, most)


def _doomed_roots(store: RocksStore, marked: set[bytes]) -> Iterator[bytes]:
    for block_hash, header in store.iterate(Family.HEADERS):
        root = _root_of(block_hash, header)
        if root not in marked and store.get(Family.NODES, root) is not None:
            yield root


def _doomed_nodes(store: RocksStore, marked: set[bytes]) -> Iterator[bytes]:
    return (key for key, _ in store.iterate(Family.NODES) if key not in marked)


def _size(store: RocksStore, progress: Progress) -> Size:
    nodes = node_bytes = 0
    for key, value in store.iterate(Family.NODES):
        nodes += 1
        node_bytes += len(key) + len(value)
        if nodes % _STEP == 0:
            progress("Counting", nodes, nodes)
    disk = disk_usage(store.layout.database)
    return Size(
        nodes,
        node_bytes,
        sum(1 for _ in store.iterate(Family.UNDO)),
        len(list_checkpoints(store.path)),
        disk.own + disk.shared,
    )


def _expected(store: RocksStore, before: Size, marked: set[bytes], expired: int) -> Size:
    gone = remove_checkpoints(store.path, dry_run=True)
    kept = (len(key) + len(value) for key, value in store.iterate(Family.NODES) if key in marked)
    return Size(
        len(marked),
        sum(kept),
        before.undo_rows - expired,
        before.checkpoints - len(gone),
        before.disk_bytes,
    )
