"""The storage words of one account, as the account database keeps them in memory."""

from __future__ import annotations

from eth.constants import BLANK_ROOT_HASH

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak
from checkpoint.trie.trie import NodeCache, Trie

_MOST_WORDS = 1_024
"""More are forgotten when none waits to be settled, and read again where needed."""


class Storage:
    """Words over a storage trie. Slots and words are ints below 2**256; words never set are 0."""

    __slots__ = ("_nodes", "_root", "words", "written")

    def __init__(self, nodes: NodeCache, root: bytes = BLANK_ROOT_HASH) -> None:
        self._nodes = nodes
        self._root = root
        self.words: dict[int, int] = {}
        """Words read or written; only the account database changes them, and takes them back."""
        self.written: set[int] = set()
        """Slots that may differ from the trie."""

    def get(self, slot: int) -> int:
        """Return one word. Raises MissingTrieNode."""
        word = self.words.get(slot)
        if word is None:
            if len(self.words) > _MOST_WORDS and not self.written:
                self.words.clear()
            word = self.words[slot] = self._stored(slot)
        return word

    def has_words(self) -> bool:
        """Whether some word may not be 0; where words of the trie were set to 0, it says so too."""
        return self._root != BLANK_ROOT_HASH or any(self.words[slot] for slot in self.written)

    def make_root(self) -> bytes:
        """Return the root of the trie with what was written. Raises MissingTrieNode."""
        if self.written:
            trie = Trie(self._nodes, self._root)
            for slot in sorted(self.written):
                word = self.words[slot]
                trie[_key(slot)] = rlp.encode(rlp.int_bytes(word)) if word else b""
            self._root = trie.root_hash
            self.written.clear()
        return self._root

    def _stored(self, slot: int) -> int:
        if self._root == BLANK_ROOT_HASH:
            return 0
        encoded = Trie(self._nodes, self._root)[_key(slot)]
        return int.from_bytes(rlp.decode(encoded), "big") if encoded else 0


def _key(slot: int) -> bytes:
    return keccak(slot.to_bytes(32, "big"))
