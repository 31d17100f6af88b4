"""What is committed survives kill -9: block N or N-1 of a twin never killed, every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KILLS = 1_000 if os.environ.get("EVM_DEX_PROFILE") == "nightly" else 60


def test_every_killed_writer_leaves_its_last_block_or_the_one_it_was_writing(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.harness", str(tmp_path), str(KILLS), "7"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == KILLS
    assert report["differences"] == []
    assert len(set(report["heights"])) > KILLS // 2, "the kills hit too few different moments"
