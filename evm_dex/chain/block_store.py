"""Blocks in the store: how one is written, and how past ones are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice

import msgspec

from checkpoint.families import Family, height_key, height_of
from checkpoint.head import Head
from checkpoint.head_checks import first_block
from checkpoint.store import StoreReader
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.body import (
    Body,
    StoredTransaction,
    decode_body,
    decode_position,
    decode_receipts,
    encode_body,
    encode_position,
    encode_receipts,
)
from evm_dex.blocks.header import Header, decode_bloom, decode_header
from evm_dex.blocks.receipt import Log, Receipt, bloom_bits
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.sealing import SealedBlock
from evm_dex.errors import ChainStopped, UnknownBlock, UnknownTransaction
from evm_dex.orderlog.outbox import Outbox
from evm_dex.origin.origin import Origin
from precompiles.types import Address

BlockId = int | bytes | str
"""Height (negative counts back from after the head: -1 is the head), hash, or a name."""

TopicFilter = Sequence[bytes | Sequence[bytes] | None]
"""Per position: a topic, several that will do, or None for any."""

_BLOCKHASH_DEPTH = 256
_RECENT = 64
_FIRST_LOOK, _LONGEST_LOOK = 8, 256
"""Blocks that are looked through at a time, going backwards."""
"""Blocks whose contents stay decoded: who sent a transaction soon asks what became of it."""


class LogEntry(msgspec.Struct, frozen=True):
    """A log and where it was emitted."""

    log: Log
    height: int
    block_hash: bytes
    transaction_hash: bytes
    transaction_index: int
    log_index: int
    """Place among all logs of the block."""


class IncludedTransaction(msgspec.Struct, frozen=True):
    """A transaction with its receipt and place."""

    transaction: Transaction
    receipt: Receipt
    header: Header
    index: int
    gas_used: int
    first_log_index: int
    """Place of its first log among all logs of the block."""


class _RecentBlock(msgspec.Struct, frozen=True):
    header: Header
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    console: Mapping[bytes, tuple[bytes, ...]]


class BlockStore:
    """Blocks, transactions and logs of one store."""

    def __init__(self, store: StoreReader, origin: Origin | None = None) -> None:
        """`origin` is the chain that the blocks before those of a forked one are on."""
        self._store = store
        self._origin = origin
        self._recent: dict[bytes, _RecentBlock] = {}
        """Blocks of the chain by hash, the newest last."""
        self._recent_transactions: dict[bytes, tuple[_RecentBlock, int]] = {}
        """Their transactions by hash: block and place."""
        self._pending: SealedBlock | None = None
        """The pending block, of which nothing is in the store."""

    @cached_property
    def first_height(self) -> int:
        """Height of the first block: 0, or where the chain was forked."""
        first = first_block(self._store)
        return 0 if first is None else first[0]

    def remember(self, sealed: SealedBlock) -> None:
        """Spare decoding a block that was just stored."""
        block = _RecentBlock(sealed.header, sealed.transactions, sealed.receipts, sealed.console)
        self._recent[block.header.hash] = block
        for index, transaction in enumerate(block.transactions):
            self._recent_transactions[transaction.hash] = block, index
        if len(self._recent) > _RECENT:
            oldest = self._recent.pop(next(iter(self._recent)))
            for transaction in oldest.transactions:
                self._recent_transactions.pop(transaction.hash, None)

    def recent_console(self, transaction_hash: bytes) -> tuple[bytes, ...] | None:
        """Return a transaction's calls of `console.log`; None where it is not one of late."""
        found = self._recent_transactions.get(transaction_hash)
        return None if found is None else found[0].console.get(transaction_hash, ())

    def forget_recent(self) -> None:
        """Ask the store again, after blocks have left the chain."""
        self._recent.clear()
        self._recent_transactions.clear()

    def show_pending(self, sealed: SealedBlock | None) -> None:
        """Give body and receipts of the pending block by its hash, until there is another."""
        self._pending = sealed

    def header(self, block: BlockId, head: int) -> Header:
        """Return a block's header. Raises UnknownBlock."""
        block_hash = block if isinstance(block, bytes) else self._hash(block, head)
        recent = self._recent.get(block_hash)
        if recent is not None:
            return recent.header
        encoded = self._store.get(Family.HEADERS, block_hash)
        if encoded is None:
            raise UnknownBlock(f"no block with hash 0x{block_hash.hex()}")
        return decode_header(encoded)

    def ancestors(self, header: Header) -> Iterator[bytes]:
        """Yield hashes of the blocks before a header, newest first, as far as BLOCKHASH does."""
        height = header.block_number - 1
        lowest = max(height - _BLOCKHASH_DEPTH, -1)
        if height > lowest:
            yield header.parent_hash
        for below in range(height - 1, lowest, -1):
            if below < self.first_height and self._origin is not None:
                yield from islice(self._origin.hashes_down_from(below), below - lowest)
                return
            yield self._need(Family.HASHES, height_key(below))

    def hash_at(self, height: int) -> bytes:
        """Return the hash of the chain's block at a height, which there must be."""
        return self._need(Family.HASHES, height_key(height))

    def listed(self, height: int) -> bytes | None:
        """Return the hash of the chain's block at a height; None where the store has none."""
        return self._store.get(Family.HASHES, height_key(height))

    def is_on_chain(self, block_hash: bytes) -> bool:
        """Return whether the chain has a block; those it left are gone from the store."""
        return self._store.get(Family.HEADERS, block_hash) is not None

    def body(self, block_hash: bytes) -> Body:
        """Return the transactions of a block."""
        if self._pending is not None and self._pending.header.hash == block_hash:
            return Body(_stored(self._pending.transactions))
        return decode_body(self._need(Family.BODIES, block_hash))

    def receipts(self, block_hash: bytes) -> tuple[Receipt, ...]:
        """Return the receipts of a block, one per transaction."""
        if self._pending is not None and self._pending.header.hash == block_hash:
            return self._pending.receipts
        return decode_receipts(self._need(Family.RECEIPTS, block_hash))

    def included(self, transaction_hash: bytes) -> IncludedTransaction:
        """Return a transaction that is part of the chain. Raises UnknownTransaction."""
        recent = self._recent_transactions.get(transaction_hash)
        if recent is not None:
            block, index = recent
            transaction, receipts, header = block.transactions[index], block.receipts, block.header
        else:
            position = self._store.get(Family.TRANSACTIONS, transaction_hash)
            if position is None:
                raise UnknownTransaction(f"no transaction 0x{transaction_hash.hex()} on this chain")
            height, index = decode_position(position)
            block_hash = self._need(Family.HASHES, height_key(height))
            stored = self.body(block_hash).transactions[index]
            transaction, receipts = decode(stored.raw, stored.sender), self.receipts(block_hash)
            header = self.header(block_hash, height)
        before = receipts[index - 1].cumulative_gas_used if index else 0
        return IncludedTransaction(
            transaction=transaction,
            receipt=receipts[index],
            header=header,
            index=index,
            gas_used=receipts[index].cumulative_gas_used - before,
            first_log_index=sum(len(receipt.logs) for receipt in receipts[:index]),
        )

    def transactions(self, header: Header) -> list[IncludedTransaction]:
        """Return all transactions of a block with their receipts."""
        stored = self.body(header.hash).transactions
        transactions = (decode(item.raw, item.sender) for item in stored)
        return list(included_transactions(header, transactions, self.receipts(header.hash)))

    def logs(
        self, first: int, last: int, addresses: Sequence[Address], topics: TopicFilter
    ) -> Iterator[LogEntry]:
        """Yield logs that match in a range of heights, oldest first; blooms skip blocks."""
        wanted = [[bloom_bits(address) for address in addresses]] if addresses else []
        alternatives = [_alternatives(topic) for topic in topics]
        wanted += [[bloom_bits(topic) for topic in choice] for choice in alternatives if choice]
        for height in self.heights(first, last):
            block_hash = self._listed(height)
            bloom = decode_bloom(self._need(Family.HEADERS, block_hash))
            if bloom and all(any(bloom & bits == bits for bits in some) for some in wanted):
                yield from (
                    entry
                    for entry in self._block_logs(height, block_hash)
                    if _matches(entry.log, addresses, alternatives)
                )

    def all_logs(
        self, first: int, last: int, addresses: Sequence[Address], topics: TopicFilter
    ) -> Iterator[LogEntry]:
        """Yield logs like `logs`, before a fork those that the origin gives. Raises OriginError."""
        if self._origin is not None and first <= self.first_height:
            until = min(last, self.first_height)
            yield from _origin_logs(self._origin, first, until, addresses, topics)
            first = self.first_height + 1
        yield from self.logs(first, last, addresses, topics)

    def heights(self, first: int, last: int) -> Sequence[int]:
        """Return the heights of a range; those before a fork, or that an import left out, are not.

        An import leaves out what is between the first block and the newest.
        """
        start, above = self.first_height, None
        first = max(first, start)
        if first == start < last:
            above = next(self._store.iterate(Family.HASHES, start=height_key(start + 1)), None)
        next_height = height_of(above[0]) if above else start + 1
        return range(first if next_height == start + 1 else next_height, last + 1)

    def backwards(
        self, first: int, last: int, addresses: Sequence[Address], topics: TopicFilter
    ) -> Iterator[LogEntry]:
        """Yield logs that match in a range of heights, newest first, reading no more than needed.

        The range must have no gap, nor reach to blocks of another chain.
        """
        length = _FIRST_LOOK
        while last >= first:
            lowest = max(first, last - length + 1)
            yield from reversed(list(self.logs(lowest, last, addresses, topics)))
            last, length = lowest - 1, min(2 * length, _LONGEST_LOOK)

    def _block_logs(self, height: int, block_hash: bytes) -> Iterator[LogEntry]:
        place = 0
        body = self.body(block_hash)
        for index, receipt in enumerate(self.receipts(block_hash)):
            transaction_hash = body.transactions[index].hash
            for log in receipt.logs:
                yield LogEntry(log, height, block_hash, transaction_hash, index, place)
                place += 1

    def _hash(self, block: int | str, head: int) -> bytes:
        match block:
            case "latest" | "safe" | "finalized":
                height = head
            case "earliest":
                height = 0
            case int():
                height = block if block >= 0 else head + 1 + block
            case _:
                raise UnknownBlock(
                    "a block must be a height, a hash, 'latest', 'pending' or 'earliest', got "
                    f"{block!r}"
                )
        if not 0 <= height <= head:
            raise UnknownBlock(f"there is no block {block}: the head is {head}")
        if height < self.first_height:
            raise UnknownBlock(
                f"block {height} is before block {self.first_height}, where this chain was forked: "
                "it is the origin's"
            )
        return self._listed(height)

    def _listed(self, height: int) -> bytes:
        """Return the hash of the block at a height. Raises UnknownBlock where it is missing."""
        key = height_key(height)
        listed = self._store.get(Family.HASHES, key)
        if listed is None:
            above = next(self._store.iterate(Family.HASHES, start=key), None)
            first = "no later one" if above is None else f"block {height_of(above[0])}"
            raise UnknownBlock(
                f"block {height} is not in this store (one made from an archive begins with that "
                f"archive's blocks); the next it has is {first}"
            )
        return listed

    def _need(self, family: Family, key: bytes) -> bytes:
        value = self._store.get(family, key)
        if value is None:
            raise ChainStopped(f"the store has lost {family} 0x{key.hex()}: restore a checkpoint")
        return value


def included_transactions(
    header: Header, transactions: Iterable[Transaction], receipts: Sequence[Receipt]
) -> Iterator[IncludedTransaction]:
    """Yield the transactions of a block with their receipts, in order."""
    gas = logs = 0
    for index, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
        gas_used = receipt.cumulative_gas_used - gas
        yield IncludedTransaction(transaction, receipt, header, index, gas_used, logs)
        gas, logs = receipt.cumulative_gas_used, logs + len(receipt.logs)


def _alternatives(topic: bytes | Sequence[bytes] | None) -> tuple[bytes, ...]:
    if topic is None:
        return ()
    return (topic,) if isinstance(topic, bytes) else tuple(topic)


def matches(log: Log, addresses: Sequence[Address], topics: TopicFilter) -> bool:
    """Return whether a log is one of those that `BlockStore.logs` would find."""
    return _matches(log, addresses, [_alternatives(topic) for topic in topics])


def _matches(
    log: Log, addresses: Sequence[Address], alternatives: Sequence[tuple[bytes, ...]]
) -> bool:
    if addresses and log.address not in addresses:
        return False
    if len(log.topics) < len(alternatives):
        return False
    pairs = zip(log.topics, alternatives, strict=False)
    return all(not choice or topic in choice for topic, choice in pairs)


def _origin_logs(
    origin: Origin, first: int, last: int, addresses: Sequence[Address], topics: TopicFilter
) -> Iterator[LogEntry]:
    """Yield logs that match in blocks of the chain that this one was forked from."""
    wanted = [[_hex(topic) for topic in choice] or None for choice in map(_alternatives, topics)]
    asked = {
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "address": [_hex(address) for address in addresses],
        "topics": wanted,
    }
    given = {name: value for name, value in asked.items() if value}
    for found in origin.ask("eth_getLogs", given):
        log = Log(
            Address(_bytes(found["address"])),
            tuple(map(_bytes, found["topics"])),
            _bytes(found["data"]),
        )
        yield LogEntry(
            log,
            int(found["blockNumber"], 16),
            _bytes(found["blockHash"]),
            _bytes(found["transactionHash"]),
            int(found["transactionIndex"], 16),
            int(found["logIndex"], 16),
        )


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))


def _stored(transactions: Iterable[Transaction]) -> tuple[StoredTransaction, ...]:
    return tuple(StoredTransaction(item.raw, item.sender) for item in transactions)


def block_batch(
    sealed: SealedBlock, head: Head, *, genesis: bytes = b"", outbox: Outbox | None = None
) -> BlockBatch:
    """Return everything that a block writes as one batch, its order updates included."""
    batch = BlockBatch()
    header = sealed.header
    batch.put_all(Family.NODES, sealed.nodes)
    stored = _stored(sealed.transactions)
    batch.put(Family.HEADERS, header.hash, header.encoded)
    batch.put(Family.BODIES, header.hash, encode_body(Body(stored, genesis)))
    batch.put(Family.RECEIPTS, header.hash, encode_receipts(sealed.receipts))
    batch.put(Family.HASHES, height_key(header.block_number), header.hash)
    for index, transaction in enumerate(sealed.transactions):
        position = encode_position(header.block_number, index)
        batch.put(Family.TRANSACTIONS, transaction.hash, position)
    batch.add_ledger(sealed.changes, header.block_number)
    if outbox is not None:
        outbox.add(batch, sealed.updates)
        outbox.balances.add(batch, header, sealed.changes)
    batch.set_head(head)
    return batch
