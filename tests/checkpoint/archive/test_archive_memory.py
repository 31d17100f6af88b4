"""Memory does not grow with the state, on either way; measured in Python's own allocations."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from checkpoint.archive import container
from checkpoint.rocks import bulk_loader
from tests.checkpoint.archive.archives import big, export, load

FEW, MANY = 3_000, 24_000


def peak(work: Callable[[], object]) -> int:
    """Most bytes held at a time by what `work` allocates."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_eight_times_the_rows_take_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "FRAME_BYTES", 1 << 14)
    monkeypatch.setattr(bulk_loader, "_BATCH_BYTES", 1 << 15)
    peaks: dict[str, list[int]] = {"import": [], "export": []}
    for rows in (FEW, FEW, MANY):  # once to warm up
        archive, store = tmp_path / f"archive-{rows}", tmp_path / f"store-{len(peaks['import'])}"
        if not archive.exists():
            export(big(rows)[1], archive)
        peaks["import"].append(peak(partial(load, archive, store)))
        again = tmp_path / f"again-{store.name}"
        peaks["export"].append(peak(partial(export, store, again)))
        assert again.read_bytes() == archive.read_bytes()
    # These rows are no orders that decode: an import keeps the 8 bytes of each one's key.
    kept = {"import": 8 * (MANY - FEW), "export": 0}
    for way, (_, few, many) in peaks.items():
        assert many - kept[way] < 1.25 * few
