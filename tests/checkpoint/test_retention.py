"""How many checkpoints a chain keeps is a setting of the chain, not of whoever opens it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

import evm_dex
from checkpoint.errors import StoreError
from checkpoint.manager import CheckpointManager
from checkpoint.restore import restore
from checkpoint.retention import DEFAULT_INTERVAL, DEFAULT_KEEP, Retention, resolve_retention
from checkpoint.rocks import RocksStore


def heights(path: Path) -> list[int]:
    with closing(RocksStore(path)) as store:
        return [info.height for info in CheckpointManager(store).list()]


def test_a_chain_opened_without_settings_keeps_those_it_had(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2, keep_checkpoints=15) as dex:
        dex.mine(30)
    for _ in range(2):
        with evm_dex.open(tmp_path) as dex:
            dex.mine(2)
    assert heights(tmp_path) == list(range(6, 35, 2))


def test_what_is_given_replaces_what_was_stored_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "retention.json"
    assert resolve_retention(file, None, None) == Retention(DEFAULT_INTERVAL, DEFAULT_KEEP)
    assert resolve_retention(file, 7, None) == Retention(7, DEFAULT_KEEP)
    assert resolve_retention(file, None, 3) == Retention(7, 3)
    assert resolve_retention(file, None, None) == Retention(7, 3)
    assert resolve_retention(file, 8, 4) == resolve_retention(file, None, None) == Retention(8, 4)


def test_a_chain_from_before_loses_no_checkpoint_to_the_defaults(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=1, keep_checkpoints=99) as dex:
        dex.mine(DEFAULT_KEEP + 5)
    (tmp_path / "retention.json").unlink()
    with evm_dex.open(tmp_path) as dex:
        assert len(dex.checkpoints()) == DEFAULT_KEEP + 5
        dex.mine(DEFAULT_INTERVAL - dex.head.number)
        assert len(dex.checkpoints()) == DEFAULT_KEEP + 5


def test_a_restore_leaves_the_settings_alone(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2, keep_checkpoints=9) as dex:
        dex.mine(4)
    with evm_dex.open(tmp_path, keep_checkpoints=12) as dex:
        dex.mine()
    restore(tmp_path, 2)
    assert resolve_retention(tmp_path / "retention.json", None, None) == Retention(2, 12)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"version":2,"interval":1,"keep":1}', b'{"version":1,"interval":0,"keep":1}'],
)
def test_settings_that_can_not_be_read_are_named_and_can_be_replaced(
    tmp_path: Path, content: bytes
) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2, keep_checkpoints=9) as dex:
        dex.mine(4)
    (tmp_path / "retention.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"retention\.json can't be read"):
        evm_dex.open(tmp_path)
    with evm_dex.open(tmp_path, checkpoint_interval=2, keep_checkpoints=9) as dex:
        assert dex.head.number == 4
    assert heights(tmp_path) == [2, 4]


@pytest.mark.parametrize(("interval", "keep"), [(0, None), (None, 0), (-1, 5)])
def test_settings_that_make_no_sense_are_refused_and_not_stored(
    tmp_path: Path, interval: int | None, keep: int | None
) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        evm_dex.open(tmp_path, checkpoint_interval=interval, keep_checkpoints=keep)
    assert not (tmp_path / "retention.json").exists()
