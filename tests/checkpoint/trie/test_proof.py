"""Proofs of keys that are there and that are not, checked by the `trie` library."""

from __future__ import annotations

from typing import Any, cast

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from checkpoint.trie.nodes import BLANK_ROOT
from checkpoint.trie.trie import Trie
from checkpoint.trie.walk import prove_key

KEYS = st.binary(min_size=3, max_size=3).map(lambda key: bytes(b & 0x31 for b in key))
PAIRS = st.dictionaries(KEYS, st.binary(min_size=1, max_size=70), max_size=20)


@given(PAIRS, st.lists(KEYS, max_size=5))
def test_a_proof_proves_each_key_and_each_absence(
    pairs: dict[bytes, bytes], others: list[bytes]
) -> None:
    nodes: dict[bytes, bytes] = {}
    trie = Trie(nodes, BLANK_ROOT)
    for key, value in pairs.items():
        trie[key] = value
    root = trie.root_hash
    for key in (*pairs, *others):
        value, path = prove_key(nodes.__getitem__, root, key)
        assert value == pairs.get(key, b"")
        if pairs:
            library = cast(Any, HexaryTrie)  # its methods have no types
            assert library.get_from_proof(root, key, [rlp.decode(n) for n in path]) == value


def test_an_empty_trie_has_nothing_to_walk() -> None:
    assert prove_key(lambda _: b"", BLANK_ROOT, b"key") == (b"", ())


@pytest.mark.parametrize(
    "node",
    [
        b"",
        b"\x80text",
        rlp.encode(b"text of some length"),
        rlp.encode([b"\x20"]),
        rlp.encode([b"\x20", [b"value"]]),
        rlp.encode([[b"\x20"], b"value"]),
        rlp.encode([b"", b"value"]),
        rlp.encode([b"\x40", b"value"]),
        rlp.encode([b"\x00\x61\x62\x63", [b""] * 17]),
        rlp.encode([[[b""] * 3] * 16, b""]),
        rlp.encode([b"\x20", b"x" * 5_000]),
    ],
)
def test_what_is_no_node_is_refused(node: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        prove_key(lambda _: node, b"\1" * 32, b"abc")
