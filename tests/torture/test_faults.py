"""Readers and writers killed at single file operations; what was not forced to the disk lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LONG

ROOT = Path(__file__).parents[2]
CASES = 3_000 if LONG else 18
COMPILER = shutil.which("cc")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the library is for Linux"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
    pytest.mark.timeout(14_400),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("library") / "faults.so"
    source = ROOT / "tests" / "torture" / "faults.c"
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", built, source, "-ldl"], check=True)
    return built


def run(library: Path, directory: Path, cases: int, *sync: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.faults", library, directory, str(cases), "1", *sync],
        cwd=ROOT,
        env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_state_is_lost_or_ruined(library: Path, tmp_path: Path) -> None:
    """Every block that was told is there, checkpoints are whole, and reading changed nothing."""
    report = run(library, tmp_path, CASES)
    kills, losses = sum(report["kills"].values()), sum(report["losses"].values())
    print(f"\n{kills} kills {report['kills']}, {losses} power losses {report['losses']}", end="")
    print(f" with {report['renames']} renames")
    assert report["differences"] == []
    assert kills >= (1_000 if LONG else CASES // 6)
    assert losses >= (300 if LONG else 1)
    assert report["renames"] >= (50 if LONG else 0)


def test_lost_blocks_would_be_seen(library: Path, tmp_path: Path) -> None:
    """Where blocks are not forced to the disk, a power loss takes some that were told."""
    report = run(library, tmp_path, 12, "never")
    assert any("power lost" in difference for difference in report["differences"])
