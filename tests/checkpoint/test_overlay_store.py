"""Writes that are held back: seen by readers at once, on the store below all together or never."""

from __future__ import annotations

import random

import pytest

from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from checkpoint.overlay_store import OverlayStore
from checkpoint.store_batch import BlockBatch
from tests.checkpoint.fake_chain import FakeChain, contents

WINDOW = 4


class Twins:
    """The same blocks on a store directly, and held back on another."""

    def __init__(self, seed: int) -> None:
        self.rng, self.chain = random.Random(seed), FakeChain()
        self.direct, self.base = (MemoryStore(undo_window=WINDOW) for _ in range(2))
        self.staged = OverlayStore(self.base)

    def blocks(self, count: int) -> None:
        for _ in range(count):
            batch = self.chain.random_block(self.rng)
            self.direct.write(batch)
            self.staged.write(batch)


@pytest.mark.parametrize("seed", range(5))
def test_readers_see_what_is_held_back_as_if_it_were_written(seed: int) -> None:
    twins, batch = Twins(seed), BlockBatch()
    twins.blocks(5)
    assert contents(twins.base) == contents(twins.direct)
    before = contents(twins.base)
    with twins.staged.transaction(batch):
        for _ in range(3):
            twins.blocks(1)
            assert twins.staged.head() == twins.direct.head()
            for family in set(Family) - {Family.UNDO}:
                expected = dict(twins.direct.iterate(family))
                assert dict(twins.staged.iterate(family)) == expected
                for key in {*expected, *before[family]}:
                    assert twins.staged.get(family, key) == expected.get(key)
            assert twins.staged.tables() == twins.direct.tables()
            some = min(dict(twins.direct.iterate(Family.ROWS)))
            assert list(twins.staged.iterate(Family.ROWS, start=some + b"\0")) == list(
                twins.direct.iterate(Family.ROWS, start=some + b"\0")
            )
        assert contents(twins.base) == before
    assert contents(twins.staged) == before
    twins.staged.write(batch)
    assert contents(twins.base) == contents(twins.direct)
    assert twins.base.head() == twins.direct.head()
    assert twins.base.undo(5) == twins.direct.undo(5)


def test_what_is_dropped_was_never_there_and_the_next_step_starts_afresh() -> None:
    twins = Twins(1)
    twins.blocks(3)
    before = contents(twins.base)

    def fail_on_the_way() -> None:
        with twins.staged.transaction(BlockBatch()):
            twins.blocks(2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_on_the_way()
    assert contents(twins.staged) == contents(twins.base) == before
    batch = BlockBatch()
    with twins.staged.transaction(batch):
        assert contents(twins.staged) == before
    assert batch.changes == {}
