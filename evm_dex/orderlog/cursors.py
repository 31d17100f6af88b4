"""Cursors of the outbox's consumers, and removal of updates that all of them have read."""

from __future__ import annotations

import msgspec

from checkpoint.families import Family
from checkpoint.record_codec import pack, unpack
from checkpoint.store import Store, StoreReader
from checkpoint.store_batch import BlockBatch

KEEP = 100_000
"""Updates that are kept while no consumer is registered."""
PRUNE_AT_ONCE = 4_000
"""Most updates that go with one batch, so that no block waits for a large pruning."""
STATE_KEY = b""
"""The outbox's own record in the family OUTBOX; consumers' names are not empty."""
RESERVED = b"\x00"
"""First byte of the keys in the family OUTBOX that are no consumer's name: of the balance log."""
_VERSION = 1
_DECODER = msgspec.msgpack.Decoder(int)


def event_key(event_id: int) -> bytes:
    """Return the key of an update; keys sort as ids do."""
    return event_id.to_bytes(8, "big")


def cursors(store: StoreReader) -> dict[str, int]:
    """Return the last update that each registered consumer has applied, by name."""
    return {
        key.decode(): unpack(_VERSION, _DECODER, value, f"the cursor of {key.decode()}")
        for key, value in store.iterate(Family.OUTBOX, start=b"\x01")
    }


def set_cursor(store: Store, name: str, event_id: int) -> None:
    """Set a consumer's cursor, and register the consumer if it is new.

    The update itself is kept, as the consumer is recognised by it. Raises ValueError for an
    empty name, StoreFailed.
    """
    _check(name)
    batch = BlockBatch()
    batch.put(Family.OUTBOX, name.encode(), pack(_VERSION, event_id))
    store.write(batch)


def forget(store: Store, name: str) -> bool:
    """Remove a consumer; return whether it was registered."""
    _check(name)
    if store.get(Family.OUTBOX, name.encode()) is None:
        return False
    batch = BlockBatch()
    batch.delete(Family.OUTBOX, name.encode())
    store.write(batch)
    return True


def prune(store: StoreReader, batch: BlockBatch, first: int, last: int) -> int:
    """Delete updates from `first` on that nobody needs; return the first that is left."""
    needed = min(cursors(store).values(), default=last - KEEP + 1)
    end = min(needed, first + PRUNE_AT_ONCE)
    for event_id in range(first, end):
        batch.delete(Family.EVENTS, event_key(event_id))
    return max(first, end)


def _check(name: str) -> None:
    if not name or name[0] == "\0":
        raise ValueError(f"a consumer's name must begin with a letter, got {name!r}")
