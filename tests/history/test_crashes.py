"""Engine and service are killed at random moments: nothing lost, nothing doubled, totals exact."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import LONG

KILLS = 1_000 if LONG else 24


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """What is left is recounted from the chain's rows, which had no part in the history."""
    command = [sys.executable, "-m", "tests.history.crashes", str(tmp_path), str(KILLS), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    report = json.loads(done.stdout)
    assert report["lost"] == report["doubled"] == 0
    assert report["differences"] == []
    assert report["kills"]["engine"] >= KILLS // 4
    assert report["kills"]["service"] >= KILLS // 4
    assert report["events"] > 5 * KILLS
    assert report["rolled_back"]
    assert report["applied_by_service"], "the service did some of it while it lived"
    print(report)
