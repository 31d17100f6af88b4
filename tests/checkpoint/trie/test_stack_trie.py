"""The streaming trie builder against the `trie` package; against py-evm in test_walk."""

from __future__ import annotations

import pytest
from eth.constants import BLANK_ROOT_HASH
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from checkpoint.trie.nodes import BLANK_ROOT
from checkpoint.trie.stack_trie import StackTrie

# Few different bytes, so that keys share long beginnings and short values are held in parents.
KEYS = st.binary(min_size=3, max_size=3).map(lambda key: bytes(b & 0x31 for b in key))
VALUES = st.binary(min_size=1, max_size=70)


def build(pairs: dict[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    nodes: dict[bytes, bytes] = {}
    builder = StackTrie(nodes.__setitem__)
    for key in sorted(pairs):
        builder.add(key, pairs[key])
    return builder.root(), nodes


def expected_root(pairs: dict[bytes, bytes]) -> bytes:
    trie = HexaryTrie({})
    for key, value in pairs.items():
        trie[key] = value
    return trie.root_hash


@given(st.dictionaries(KEYS, VALUES))
def test_root_is_that_of_the_trie_package_and_its_nodes_hold_the_pairs(
    pairs: dict[bytes, bytes],
) -> None:
    root, nodes = build(pairs)
    assert root == expected_root(pairs)
    assert all(keccak(node) == node_hash for node_hash, node in nodes.items())
    trie = HexaryTrie(nodes, root_hash=root)
    assert {key: trie[key] for key in pairs} == pairs


@given(st.dictionaries(st.binary(min_size=20, max_size=20).map(keccak), VALUES, max_size=60))
def test_root_over_hashed_keys(pairs: dict[bytes, bytes]) -> None:
    assert build(pairs)[0] == expected_root(pairs)


def test_nothing_has_the_blank_root() -> None:
    assert build({}) == (BLANK_ROOT, {})
    assert BLANK_ROOT == BLANK_ROOT_HASH


@pytest.mark.parametrize("second", [b"\x00\x01", b"\x00\x00", b"\x01\x02\x03"])
def test_keys_out_of_order_or_of_another_length_are_the_callers_mistake(second: bytes) -> None:
    builder = StackTrie(lambda _hash, _node: None)
    builder.add(b"\x00\x01", b"value")
    with pytest.raises(AssertionError):
        builder.add(second, b"value")
