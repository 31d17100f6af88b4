"""The root of a trie over a whole list.

Transaction and receipt roots are of tries whose keys are list positions. Nobody reads those
tries, so their nodes are stored nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from trie.constants import BLANK_NODE_HASH

from checkpoint.trie import rlp
from checkpoint.trie.trie import Trie


def ordered_trie_root(items: Sequence[bytes]) -> bytes:
    """Root hash of the trie that maps each item's RLP-encoded position to the item."""
    trie = Trie({}, BLANK_NODE_HASH)
    for index, item in enumerate(items):
        trie[rlp.encode(rlp.int_bytes(index))] = item
    return trie.root_hash
