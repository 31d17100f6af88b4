"""The storage words of one account, as the account database keeps them in memory.

On a forked chain the trie has only what differs from the origin's: a word that was set to 0 is in
it as 0 where the origin's is not, and one that is not in it is the origin's. An account whose
storage was wiped has a mark in its trie, under a key that is no slot's hash.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from eth.constants import BLANK_ROOT_HASH

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak
from checkpoint.trie.trie import NodeCache, Trie

WIPED = bytes(32)
"""Key of the mark that hides all of the origin's words."""
_MARK = b"\x01"
_MOST_WORDS = 1_024
"""More are forgotten when none waits to be settled, and read again where needed."""


class Storage:
    """Words over a storage trie. Slots and words are ints below 2**256; words never set are 0."""

    __slots__ = ("_blind", "_in_trie", "_nodes", "_origin", "_root", "_wiped", "words", "written")

    def __init__(
        self,
        nodes: NodeCache,
        root: bytes = BLANK_ROOT_HASH,
        origin: Callable[[int], int] | None = None,
        *,
        wiped: bool = False,
    ) -> None:
        """`origin` gives words that the trie does not have; `wiped` marks that none are to be."""
        self._nodes = nodes
        self._root = root
        self._origin = origin
        self._wiped = wiped
        self._blind: set[int] = set()
        """Slots written without a look at what was there; they stay in the trie whatever it was."""
        self.words: dict[int, int] = {}
        """Words read or written; only the account database changes them, and takes them back."""
        self.written: set[int] = set()
        """Slots that may differ from the trie."""
        self._in_trie: dict[int, int] = {}
        """Words as the trie has them, of those that were read or settled."""

    def get(self, slot: int) -> int:
        """Return one word. Raises MissingTrieNode, and what the origin raises."""
        word = self.words.get(slot)
        if word is None:
            self._make_room()
            stored = self._stored(slot)
            if slot not in self.words:  # where an origin was waited for, others may have been here
                self.words[slot] = self._in_trie[slot] = stored
            word = self.words[slot]
        return word

    def write_blind(self, slot: int) -> None:
        """Note that a word is written whatever it was: nobody has to ask the origin for it."""
        self._make_room()
        self.written.add(slot)
        if self._origin is not None:
            self._blind.add(slot)

    def has_words(self) -> bool:
        """Whether some word may not be 0; where words of the trie were set to 0, it says so too."""
        is_blank = self._root in (BLANK_ROOT_HASH, _only_mark())
        return not is_blank or any(self.words.get(slot) for slot in self.written)

    def make_root(self) -> bytes:
        """Return the root of the trie with what was written. Raises like `get`."""
        if self.written or self._wiped:
            trie = Trie(self._nodes, self._root)
            if self._wiped:
                trie[WIPED] = _MARK
            for slot in sorted(self.written):
                word = self.words.get(slot)
                if word is None:
                    continue
                if self._origin is None:
                    if self._in_trie.get(slot) == word:
                        continue
                    is_kept = word != 0
                else:
                    is_kept = slot in self._blind or word != self._below(slot)
                trie[_key(slot)] = rlp.encode(rlp.int_bytes(word)) if is_kept else b""
                self._in_trie[slot] = word
            self._root = trie.root_hash
            self.written.clear()
            self._blind.clear()
            self._wiped = False
        return self._root

    def _make_room(self) -> None:
        if len(self.words) > _MOST_WORDS and not self.written:
            self.words.clear()
            self._in_trie.clear()

    def _stored(self, slot: int) -> int:
        if self._root != BLANK_ROOT_HASH:
            encoded = Trie(self._nodes, self._root)[_key(slot)]
            if encoded:
                return int.from_bytes(rlp.decode(encoded), "big")
        return self._below(slot)

    def _below(self, slot: int) -> int:
        """Return the word that shows where the trie has none: the origin's, or 0."""
        if self._origin is None:
            return 0
        if self._root != BLANK_ROOT_HASH and Trie(self._nodes, self._root)[WIPED]:
            self._origin = None
            return 0
        return self._origin(slot)


@cache
def _only_mark() -> bytes:
    """Return the root of a trie that has the mark alone."""
    trie = Trie({}, BLANK_ROOT_HASH)
    trie[WIPED] = _MARK
    return trie.root_hash


def _key(slot: int) -> bytes:
    return keccak(slot.to_bytes(32, "big"))
