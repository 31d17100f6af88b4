"""State that a cheat wrote, on its way to another chain: trie nodes, and rows of the ledger.

Such a block does not follow from its transactions. The nodes prove themselves by their hashes,
from the header's state root down, and the rows by the digest that this state has of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from eth_hash.auto import keccak
from msgspec import Struct

from checkpoint.errors import StoreDamaged
from checkpoint.overlay_store import OverlayStore
from checkpoint.store import rows_before
from checkpoint.trie import rlp
from checkpoint.trie.account import Account, decode_word
from checkpoint.trie.added_nodes import TooManyNodes, added_nodes
from checkpoint.trie.walk import NodeReader, prove_key
from evm_dex.blocks.header import Header
from evm_dex.errors import StateMissing
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

Row = tuple[int, bytes, bytes | None]
"""Table, key, and value after the block; None where the row is gone."""
MOST_BYTES = 8 * 2**20
"""Of nodes and rows of one block; what is more is better taken over by an archive."""
_ROW_PARTS = (2, 3)


class WrittenState(Struct, frozen=True):
    """All that a block without transactions changed."""

    nodes: tuple[bytes, ...]
    """Trie nodes and code that the state before it does not have."""
    rows: tuple[Row, ...]

    def as_rlp(self) -> list[Any]:
        """Return it as lists of bytes."""
        rows = [
            [rlp.int_bytes(table), key] + ([] if value is None else [value])
            for table, key, value in self.rows
        ]
        return [list(self.nodes), rows]

    @classmethod
    def of_rlp(cls, given: Any) -> WrittenState:
        """Return what such lists say. Raises ValueError for others."""
        if not isinstance(given, list) or len(given) != len(("nodes", "rows")):
            raise ValueError("written state must be a list of nodes and rows")
        nodes, rows = given
        if not isinstance(nodes, list) or not all(isinstance(node, bytes) for node in nodes):
            raise ValueError("nodes must be a list of bytes")
        return cls(tuple(nodes), tuple(_row(row) for row in rows))


def _row(given: Any) -> Row:
    if (
        not isinstance(given, list)
        or len(given) not in _ROW_PARTS
        or not all(isinstance(part, bytes) for part in given)
    ):
        raise ValueError("a row must be a list of table, key and perhaps a value")
    table, key, *value = given
    return int.from_bytes(table, "big"), key, value[0] if value else None


def written_states(
    store: OverlayStore, blocks: Iterable[tuple[Header, Header]], head: int
) -> Iterator[tuple[int, WrittenState]]:
    """Yield what cheats wrote, by height, the newest first; `blocks` are (parent, block), too.

    `head` is the chain's height. Raises StateMissing where it is too much, too far back, or
    pruned: then an archive is the way.
    """
    later: dict[tuple[int, bytes], bytes | None] = {}
    known_from = head
    for parent, header in blocks:
        height = header.block_number
        later |= rows_before(store, range(height + 1, known_from + 1))
        known_from = height
        rows = tuple(
            (
                it.table,
                it.key,
                later[it.table, it.key]
                if (it.table, it.key) in later
                else store.row(it.table, it.key),
            )
            for it in store.undo(height)
        )
        size = sum(len(key) + len(value or b"") for _, key, value in rows)
        try:
            nodes = added_nodes(store, parent.state_root, header.state_root, MOST_BYTES - size)
        except (TooManyNodes, StoreDamaged) as error:
            raise StateMissing(f"what block {height} wrote can't be told: {error}") from error
        yield height, WrittenState(tuple(nodes), rows)


def committed_digest(read: NodeReader, state_root: bytes) -> int:
    """Return the digest of the ledger's rows that a state commits to."""
    encoded, _ = prove_key(read, state_root, keccak(LEDGER_ADDRESS))
    account = Account.decode(encoded) if encoded else Account()
    slot = keccak(COMMITMENT_SLOT.to_bytes(32, "big"))
    word, _ = prove_key(read, account.storage_root, slot)
    return int.from_bytes(decode_word(word), "big") if word else 0
