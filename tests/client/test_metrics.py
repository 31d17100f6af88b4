"""What opening and checkpoints cost is told by a call, and logged."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import pytest

import evm_dex
from checkpoint.metrics import CheckpointMetrics, stopwatch
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore


def test_metrics_count_what_was_made_removed_and_read(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=1, keep_checkpoints=2) as dex:
        before = dex.metrics()
        assert before.checkpoints == CheckpointMetrics()
        dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, 3_000 * 10**6, False)
        dex.mine(4)
        made = dex.metrics().checkpoints
        assert (made.made, made.removed, made.last_height) == (5, 3, 5)
        assert made.last_rows == sum(dex.counts().values())
        assert 0 < made.last_seconds < made.seconds
    with evm_dex.open(tmp_path) as dex:
        recovery = dex.metrics().recovery
        assert recovery.rows["orders"] == 1
        assert recovery.seconds > 0
        assert recovery.repairs == ()
        assert dex.metrics().checkpoints.made == 0


def test_a_chain_in_memory_has_no_checkpoints_to_tell_of() -> None:
    with evm_dex.open() as dex:
        assert dex.metrics().checkpoints == CheckpointMetrics()


def test_what_opening_repaired_is_in_the_metrics_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with evm_dex.open(tmp_path) as dex:
        dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, 3_000 * 10**6, False)
    with closing(RocksStore(tmp_path)) as store:
        store.set_active({(1).to_bytes(8, "big"): False})
    with caplog.at_level(logging.WARNING), evm_dex.open(tmp_path) as dex:
        (repair,) = dex.metrics().recovery.repairs
    assert repair.startswith("order 1 is active")
    assert caplog.messages == [f"repaired: {repair}"]


def test_each_long_step_is_logged_with_its_height_rows_and_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        with evm_dex.open(tmp_path, checkpoint_interval=2, keep_checkpoints=1) as dex:
            dex.mine(4)
        restore(tmp_path)
    text = "\n".join(f"{record.name}: {record.message}" for record in caplog.records)
    for line in (
        "evm_dex.chain.open_chain: opened at block 0: ",
        "checkpoint.manager: checkpoint of block 2: ",
        "checkpoint.manager: removed the checkpoint of block 2",
        "checkpoint.verify: block 4: ",
        "checkpoint.restore: restored block 4 at ",
    ):
        assert line in text


def test_a_stopwatch_measures_what_happens_inside() -> None:
    with stopwatch() as watch:
        first = watch.seconds
        assert watch.seconds > first
    assert watch.seconds == watch.seconds > first
