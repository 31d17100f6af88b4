"""The blocks of an archive: which travel, and how they are held against the head's hash."""

from __future__ import annotations

from collections.abc import Callable

from checkpoint.archive.record_types import ChainRecord, kept_heights
from checkpoint.block_record import (
    BlockInspector,
    BlockRecord,
    HeaderFields,
    block_hash_of,
    header_fields,
    stands_for_block,
)
from checkpoint.errors import ArchiveDamaged
from checkpoint.families import Family, height_key

Sink = Callable[[Family, bytes, bytes], None]
"""Takes an entry of a store."""


class BlockVerifier:
    """Takes the blocks by ascending height and turns them into entries of a store.

    Each is the parent of the next by hash, up to the head; only the first is not, once there is a
    gap above it. There it is the inspector's word that it is this chain's. The first is block 0, or
    that of a forked chain, which stands for a block of another.
    """

    def __init__(self, chain: ChainRecord, inspect: BlockInspector, sink: Sink) -> None:
        self._chain, self._inspect, self._sink = chain, inspect, sink
        self._expected = iter(kept_heights(0, chain.height))
        self._last_height, self._last_hash = -1, bytes(32)
        self.genesis: bytes | None = None
        """Hash of the first block; None until it was added."""
        self.first_height = 0
        self.state_root: bytes | None = None
        """Of the head, once it was taken."""

    def add(self, block: BlockRecord) -> None:
        """Add the next block. Raises ArchiveDamaged."""
        where = f"section blocks, block {block.height}"
        if self.genesis is None and 0 < block.height <= self._chain.height and _is_fork(block):
            self.first_height = block.height
            self._expected = iter(kept_heights(block.height, self._chain.height))
        expected = next(self._expected, None)
        if block.height != expected:
            raise ArchiveDamaged(f"block {expected} is due", where)
        parent, state_root, height = _header_fields(block, where)
        if height != block.height:
            raise ArchiveDamaged(f"its header is that of block {height}", where)
        if self._last_height == height - 1 and parent != self._last_hash:
            raise ArchiveDamaged(f"block {self._last_hash.hex()} is not its parent", where)
        if self.genesis is not None and _is_fork(block):
            raise ArchiveDamaged("it stands for a block of another chain", where)
        self._last_height, self._last_hash = height, block_hash_of(block.header)
        self.genesis = self.genesis or self._last_hash
        if height == self._chain.height:
            if self._last_hash != self._chain.block_hash:
                raise ArchiveDamaged(
                    f"its header has hash {self._last_hash.hex()}, the archive claims block "
                    f"{self._chain.block_hash.hex()}",
                    where,
                )
            self.state_root = state_root
        self._put(block, where)

    def finish(self) -> bytes:
        """Return the state root of the head. Raises ArchiveDamaged when blocks are missing."""
        if self.state_root is None:
            raise ArchiveDamaged(f"block {next(self._expected)} is missing", "section blocks")
        return self.state_root

    def _put(self, block: BlockRecord, where: str) -> None:
        try:
            transactions = self._inspect(self._chain.chain_id, block)
        except ValueError as error:
            raise ArchiveDamaged(str(error), where) from error
        block_hash, height = self._last_hash, height_key(block.height)
        self._sink(Family.HEADERS, block_hash, block.header)
        self._sink(Family.BODIES, block_hash, block.body)
        self._sink(Family.RECEIPTS, block_hash, block.receipts)
        self._sink(Family.HASHES, height, block_hash)
        for index, transaction in enumerate(transactions):
            self._sink(Family.TRANSACTIONS, transaction, height + index.to_bytes(4, "big"))


def _is_fork(block: BlockRecord) -> bool:
    try:
        return stands_for_block(block.header) is not None
    except ValueError:
        return False


def _header_fields(block: BlockRecord, where: str) -> HeaderFields:
    try:
        return header_fields(block.header)
    except ValueError as error:
        raise ArchiveDamaged(f"its header does not decode: {error}", where) from error
