"""Our trie against the `trie` package's, which py-evm was made for."""

from __future__ import annotations

from eth.db.atomic import AtomicDB
from eth.db.trie import _make_trie_root_and_nodes
from hypothesis import given
from hypothesis import strategies as st
from trie.constants import BLANK_NODE_HASH
from trie.hexary import HexaryTrie

from checkpoint.trie.trie import NodeCache, Trie, ordered_trie_root

KEYS = st.integers(0, 255).map(lambda low: bytes((low % 3,)) * 30 + bytes((low // 16, low)))
VALUES = st.binary(max_size=40)
STEPS = st.lists(st.tuples(KEYS, VALUES, st.booleans()), max_size=60)


@given(STEPS, st.booleans())
def test_same_root_and_values_as_the_reference_after_any_changes(
    steps: list[tuple[bytes, bytes, bool]], cached: bool
) -> None:
    """Empty values delete; roots are asked for now and then, so nodes are stored and reloaded.

    With a cache of decoded nodes too: changing one never changes what the cache has.
    """
    reference = HexaryTrie({})
    trie = Trie(NodeCache(AtomicDB()) if cached else {}, BLANK_NODE_HASH)
    for key, value, ask in steps:
        reference[key] = value
        trie[key] = value
        assert trie[key] == value
        if ask:
            assert trie.root_hash == reference.root_hash
    assert trie.root_hash == reference.root_hash
    assert all(trie[key] == reference[key] for key, _, _ in steps)


@given(STEPS, STEPS, st.booleans())
def test_an_earlier_root_stays_readable(
    steps: list[tuple[bytes, bytes, bool]],
    later: list[tuple[bytes, bytes, bool]],
    is_read_again: bool,
) -> None:
    """Two contracts may have the same storage, and one of them goes on to change it."""
    database = AtomicDB()
    nodes = NodeCache(database)
    trie = Trie(nodes, BLANK_NODE_HASH)
    expected: dict[bytes, bytes] = {}
    for key, value, _ in steps:
        trie[key] = expected[key] = value
    root = trie.root_hash
    if is_read_again:
        nodes.write_to(database)
        nodes = NodeCache(database)
        trie = Trie(nodes, root)
    for key, value, _ in later:
        trie[key] = value
    _ = trie.root_hash
    earlier = Trie(nodes, root)
    assert {key: earlier[key] for key in expected} == expected


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=300))
def test_root_over_a_list_is_py_evms(items: list[bytes]) -> None:
    expected, _ = _make_trie_root_and_nodes(tuple(items))
    assert ordered_trie_root(items) == expected
