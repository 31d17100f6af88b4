"""Blocks that are consistent from ledger row to header, made without an EVM."""

from __future__ import annotations

import random
from collections.abc import Mapping

import rlp
from eth_hash.auto import keccak
from trie.constants import BLANK_NODE_HASH
from trie.hexary import HexaryTrie

from checkpoint.families import Family, height_key, row_key
from checkpoint.head import Head
from checkpoint.store import StoreReader
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.commitment import EMPTY_COMMITMENT, SetHash, digest, expand
from precompiles.ledger.storage import Commitment, LedgerChanges, RowChange
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

CHAIN_ID = 1337
ORDERS = 6
CODE = b"\xfe"
Rows = Mapping[tuple[int, bytes], bytes | None]
State = dict[Family, dict[bytes, bytes]]


class FakeChain:
    """Grows block by block; keeps what a store should hold after each."""

    def __init__(self, chain_id: int = CHAIN_ID, salt: bytes = b"") -> None:
        """`salt` makes block hashes differ from those of a chain with the same rows."""
        self.chain_id, self.salt = chain_id, salt
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self.commitment = EMPTY_COMMITMENT
        self.height = -1
        self.head: Head | None = None
        self.nodes: dict[bytes, bytes] = {}
        self.state: State = {family: {} for family in Family}

    def block(self, changes: Rows) -> BlockBatch:
        """The batch of the next block, which changes these rows."""
        self.height += 1
        ledger = self._ledger_changes(changes)
        batch = BlockBatch()
        batch.add_ledger(ledger, self.height)
        state_root = self._put_state(batch)
        parent = self.head.block_hash if self.head else bytes(32)
        number = rlp.sedes.big_endian_int.serialize(self.height)
        header = rlp.encode([parent, self.salt, b"", state_root, *[b""] * 4, number])
        block_hash = keccak(header)
        batch.put(Family.HEADERS, block_hash, header)
        batch.put(Family.HASHES, height_key(self.height), block_hash)
        batch.put(Family.BODIES, block_hash, b"body %d " % self.height * 20)
        batch.put(Family.RECEIPTS, block_hash, b"receipts %d " % self.height * 20)
        transaction = keccak(b"transaction" + block_hash)
        batch.put(Family.TRANSACTIONS, transaction, height_key(self.height) + bytes(4))
        batch.put(Family.EVENTS, height_key(self.height), b"event %d" % self.height)
        batch.put(Family.OUTBOX, b"", height_key(self.height))
        self.head = Head(self.chain_id, self.height, block_hash, state_root, self.commitment)
        batch.set_head(self.head)
        apply(self.state, batch)
        return batch

    def random_block(self, rng: random.Random, size: int = 8) -> BlockBatch:
        """A block of about `size` row changes: new rows, other values, removals."""
        return self.block(random_rows(rng, self.rows, size))

    def _ledger_changes(self, changes: Rows) -> LedgerChanges:
        total = SetHash(self.commitment.accumulator)
        counts = dict(self.commitment.counts)
        rows, activations = [], {}
        for (table, key), new in changes.items():
            old = self.rows.get((table, key))
            rows.append(RowChange(table, key, old, new))
            counts[table] = counts.get(table, 0) + (new is not None) - (old is not None)
            if old is not None:
                total.remove([expand(table, key, old)])
                del self.rows[table, key]
            if new is not None:
                total.add([expand(table, key, new)])
                self.rows[table, key] = new
            if table == ORDERS and is_active(old) != is_active(new):
                activations[key] = is_active(new)
        counts = {table: count for table, count in counts.items() if count}
        self.commitment = Commitment(total.accumulator(), counts)
        return LedgerChanges(tuple(rows), activations, self.commitment)

    def _put_state(self, batch: BlockBatch) -> bytes:
        """Trie nodes of a state whose ledger account holds the rows' digest."""
        nodes: dict[bytes, bytes] = {}
        storage = HexaryTrie(nodes)
        slot = COMMITMENT_SLOT.to_bytes(32, "big")
        storage[keccak(slot)] = rlp.encode(int.from_bytes(digest(self.commitment), "big"))
        state = HexaryTrie(nodes)
        nodes[keccak(CODE)] = CODE
        account = [1, 0, storage.root_hash, keccak(CODE)]
        state[keccak(LEDGER_ADDRESS)] = rlp.encode(account)
        for other in range(20):
            address = other.to_bytes(20, "big")
            state[keccak(address)] = rlp.encode([self.height, 10**18, BLANK_NODE_HASH, keccak(b"")])
        for node_hash, node in nodes.items():
            batch.put(Family.NODES, node_hash, node)
        return state.root_hash


def is_active(order: bytes | None) -> bool:
    """Whether a row of the order table, as these tests make them, is an active order."""
    return order is not None and order[0] == 1


def random_rows(rng: random.Random, rows: Mapping[tuple[int, bytes], bytes], size: int) -> Rows:
    """About `size` changes to `rows`."""
    changes: dict[tuple[int, bytes], bytes | None] = {}
    existing = sorted(rows) if rows else []
    for _ in range(size):
        if existing and rng.random() < 0.4:
            key = rng.choice(existing)
            changes[key] = None if rng.random() < 0.5 else _value(rng)
        else:
            changes[rng.choice((1, 5, ORDERS)), rng.randbytes(8)] = _value(rng)
    return changes


def apply(state: State, batch: BlockBatch, undo_window: int = 1024) -> None:
    """What a store must do with a batch, said in the plainest way."""
    for family, changes in batch.changes.items():
        for key, value in changes.items():
            if value is None:
                state[family].pop(key, None)
            else:
                state[family][key] = value
    if batch.head is not None:
        for key in [*state[Family.UNDO]]:
            if int.from_bytes(key, "big") <= batch.head.height - undo_window:
                del state[Family.UNDO][key]


def contents(store: StoreReader) -> State:
    """All a store holds."""
    return {family: dict(store.iterate(family)) for family in Family}


def many_rows(count: int, table: int = ORDERS, first: int = 0) -> Rows:
    """Rows of the size of orders, with ids from `first`."""
    rng = random.Random(first)
    return {
        (table, (first + i).to_bytes(8, "big")): b"\x01" + rng.randbytes(90) for i in range(count)
    }


def stored_rows(chain: FakeChain) -> dict[bytes, bytes]:
    """The chain's rows by their keys in the store."""
    return {row_key(table, key): value for (table, key), value in chain.rows.items()}


def _value(rng: random.Random) -> bytes:
    return bytes((rng.choice((1, 2)),)) + rng.randbytes(rng.randrange(4, 60))
