"""A rollback is a commit like any other: a lost log does not bring back what was rolled back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import evm_dex
from checkpoint.errors import CommitsLost, StoreDamaged
from checkpoint.rocks.read_only_store import ReadOnlyStore


def half(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 2)


def flip_last(log: Path) -> None:
    content = log.read_bytes()
    log.write_bytes(content[:-9] + bytes((content[-9] ^ 1,)) + content[-8:])


@pytest.mark.parametrize("damage", [Path.unlink, half, flip_last])
@pytest.mark.parametrize("blocks_after", [0, 1, 6])
def test_the_state_before_a_rollback_does_not_come_back(
    tmp_path: Path, damage: Callable[[Path], None], blocks_after: int
) -> None:
    """Also where the chain went on to the very height that the files of rows are at."""
    with evm_dex.open(tmp_path) as dex:
        dex.mine(8)
        dex.create_checkpoint()  # writes the log out: block 8 is in files of rows
        dex.rollback(2)
        for number in range(blocks_after):
            price = (3_000 + number) * 10**6
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, price, False)
    (log,) = (tmp_path / "db").glob("*.log")
    damage(log)
    with pytest.raises(StoreDamaged) as refused:
        evm_dex.open(tmp_path)
    with pytest.raises(StoreDamaged):
        ReadOnlyStore(tmp_path)
    if damage is not flip_last:
        assert isinstance(refused.value, CommitsLost)
        assert f"but height {2 + blocks_after} was committed" in str(refused.value)
    if damage is Path.unlink:
        assert "is at height 8, from before a rollback, but" in str(refused.value)
