"""Random blocks against a plain dict, with reopening in between."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.memory_store import MemoryStore
from checkpoint.rocks import RocksStore
from checkpoint.store import Store
from tests.checkpoint.fake_chain import FakeChain, apply, contents

SEEDS = st.integers(0, 2**32)
WINDOW = 4
REOPEN = 0
STEPS = st.lists(st.integers(REOPEN, 12), min_size=1, max_size=12)


def run(store: Store, seed: int, steps: list[int], path: Path | None = None) -> None:
    """Blocks of so many changes each; 0 reopens the store. Compares after every step."""
    rng, chain, state = random.Random(seed), FakeChain(), contents(store)
    for size in steps:
        if size != REOPEN:
            batch = chain.random_block(rng, size)
            store.write(batch)
            apply(state, batch, WINDOW)
        elif path is not None:
            store.close()
            store = RocksStore(path, undo_window=WINDOW)
        assert contents(store) == state
        assert store.head() == chain.head
    store.close()


@settings(max_examples=40, deadline=None)
@given(SEEDS, STEPS)
def test_memory_store_equals_a_dict(seed: int, steps: list[int]) -> None:
    run(MemoryStore(undo_window=WINDOW), seed, steps)


@settings(max_examples=12, deadline=None)
@given(SEEDS, STEPS)
def test_disk_store_equals_a_dict_across_reopening(seed: int, steps: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store"
        run(RocksStore(path, undo_window=WINDOW), seed, steps, path)
