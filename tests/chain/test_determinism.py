"""The same transactions give the same state root after every block, however the chain is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

import evm_dex
from evm_dex.client.dex import Dex
from tests.chain.trading import transactions
from tests.conftest import PROFILE

COUNT = 10_000 if PROFILE == "nightly" else 600
LIVES = 8
JOURNEYS = 12
FURTHEST = 200
"""Blocks gone back at once, at most."""

Roots = list[bytes]


@pytest.fixture(scope="module")
def raws() -> tuple[bytes, ...]:
    return transactions(seed=11, count=COUNT)


@pytest.fixture(scope="module")
def expected(raws: tuple[bytes, ...]) -> Roots:
    """State roots of a chain in memory that goes straight ahead."""
    with evm_dex.open() as dex:
        roots = send(dex, raws)
        assert dex.self_check() == []
        assert len(set(roots)) == COUNT, "every block must change the state"
        return roots


def send(dex: Dex, raws: tuple[bytes, ...]) -> Roots:
    """State roots after each of the transactions, from the one that is next."""
    roots = []
    for raw in raws[dex.head.number :]:
        dex.send_raw(raw)
        roots.append(dex.head.state_root)
    return roots


def on_disk(path: Path, raws: tuple[bytes, ...], random: Random) -> Roots:
    with evm_dex.open(path, checkpoint_interval=random.randint(20, 100)) as dex:
        return send(dex, raws)


def with_restarts(path: Path, raws: tuple[bytes, ...], random: Random) -> Roots:
    roots: Roots = []
    for end in [*sorted(random.sample(range(COUNT), LIVES)), COUNT]:
        with evm_dex.open(path) as dex:
            roots += send(dex, raws[:end])
    return roots


def with_rollbacks(path: Path, raws: tuple[bytes, ...], random: Random) -> Roots:
    """Each time some way back, some steps into another future, back again, and on."""
    roots: Roots = []
    with evm_dex.open(path) as dex:
        for end in [*sorted(random.sample(range(COUNT), JOURNEYS)), COUNT]:
            roots += send(dex, raws[:end])
            back = max(0, end - random.randint(0, FURTHEST))
            dex.rollback(back)
            del roots[back:]
            dex.snapshot("here")
            dex.mine(random.randint(1, 3))
            dex.revert("here")
        return roots + send(dex, raws)


def by_import(_: Path, raws: tuple[bytes, ...], random: Random) -> Roots:
    """Blocks executed by another chain that takes them over, some hundred at a time."""
    with evm_dex.open() as first, evm_dex.open() as second:
        send(first, raws)
        done = 0
        while done < COUNT:
            end = min(COUNT, done + random.randint(50, 300))
            second.chain.import_blocks(first.chain.export_blocks(done + 1, end))
            done = end
        return [second.block(height).state_root for height in range(1, COUNT + 1)]


WAYS = (on_disk, with_restarts, with_rollbacks, by_import)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_roots(
    way: Callable[[Path, Sequence[bytes], Random], Roots],
    raws: tuple[bytes, ...],
    expected: Roots,
    tmp_path: Path,
) -> None:
    assert way(tmp_path, raws, Random(way.__name__)) == expected
