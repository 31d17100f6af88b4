"""Checks of a store's head record against its blocks, quick enough for every opening."""

from __future__ import annotations

from checkpoint.block_record import block_hash_of, header_fields, stands_for_block
from checkpoint.errors import StoreDamaged, WrongChain
from checkpoint.families import Family, height_key, height_of
from checkpoint.head import Head
from checkpoint.store import StoreReader

_LISTED = 4096
"""Heights looked at: head records alone fill a write buffer in a quarter as many blocks."""


def check_opening(store: StoreReader, chain_id: int | None) -> None:
    """Refuse a store that is not whole or belongs to another chain.

    Raises StoreDamaged or WrongChain. The rows are counted and hashed by who loads them.
    """
    head = store.head()
    if head is None:
        for family in Family:
            if next(store.iterate(family), None) is not None:
                raise StoreDamaged("there are entries but no head record", f"family {family}")
        return
    if chain_id is not None and head.chain_id != chain_id:
        raise WrongChain(chain_id, head.chain_id)
    problem = header_problem(store, head)
    if problem is not None:
        raise StoreDamaged(problem, f"head at height {head.height}")
    above = next(store.iterate(Family.HASHES, start=height_key(head.height + 1)), None)
    if above is not None:
        raise StoreDamaged("there are blocks above the head", f"head at height {head.height}")


def check_blocks(store: StoreReader, origin: int | None) -> None:
    """Refuse a store that lost the newest blocks before its log, with the file that had them.

    Raises StoreDamaged.
    """
    head = store.head()
    if head is None:
        return
    if origin is None:
        raise StoreDamaged("there is a head but no bookkeeping", f"head at height {head.height}")
    expected = max(origin, head.height - _LISTED + 1)
    for key, _ in store.iterate(Family.HASHES, start=height_key(expected)):
        if height_of(key) != expected:
            break
        expected += 1
    if expected <= head.height:
        raise StoreDamaged("the block is not listed", f"family hashes, height {expected}")


def header_problem(store: StoreReader, head: Head) -> str | None:
    """Return what is wrong with the head's block, or None: it must have the head's state root."""
    listed = store.get(Family.HASHES, height_key(head.height))
    if listed != head.block_hash:
        found = "no block" if listed is None else f"block {listed.hex()}"
        return f"{found} is listed at its height, the head is block {head.block_hash.hex()}"
    header = store.get(Family.HEADERS, head.block_hash)
    if header is None:
        return f"the header of block {head.block_hash.hex()} is missing"
    if not is_header_of(header, head.block_hash):
        return f"the header kept for block {head.block_hash.hex()} is another one"
    return _fields_problem(header, head)


def first_block(store: StoreReader) -> tuple[int, bytes] | None:
    """Return height and hash of the block that a chain begins with; None where it is not there.

    Block 0, or the one that stands for the block that the chain was forked at.
    """
    listed = next(store.iterate(Family.HASHES), None)
    if listed is None:
        return None
    height, block_hash = height_of(listed[0]), listed[1]
    if height and not _stands_for(store.get(Family.HEADERS, block_hash), block_hash):
        return None
    return height, block_hash


def _stands_for(header: bytes | None, block_hash: bytes) -> bool:
    try:
        return header is not None and stands_for_block(header) == block_hash
    except ValueError:
        return False


def is_header_of(header: bytes, block_hash: bytes) -> bool:
    """Tell whether a header is that of the block with a hash."""
    try:
        return block_hash_of(header) == block_hash
    except ValueError:
        return False


def _fields_problem(header: bytes, head: Head) -> str | None:
    try:
        _, state_root, height = header_fields(header)
    except ValueError as error:
        return f"the header of block {head.block_hash.hex()} does not decode: {error}"
    if height != head.height:
        return f"its header is that of height {height}, the head is at {head.height}"
    if state_root != head.state_root:
        return f"its state root is {head.state_root.hex()}, its header says {state_root.hex()}"
    return None
