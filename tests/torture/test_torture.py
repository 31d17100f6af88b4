"""kill -9 at any moment of anything that writes: what is left is a state of a twin never killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LONG
from tests.torture.victims import ACTIVITIES

ROOT = Path(__file__).parents[2]
KILLS = 1_200 if LONG else 60
SEED = 7


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the harness prints."""
    directory = tmp_path_factory.mktemp("torture")
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.harness", directory, str(KILLS), str(SEED)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_kill_leaves_a_state_that_the_twin_had_too(report: Any) -> None:
    """Head, checkpoints, second stores and archives; nothing half done, no invariant broken."""
    assert report["kills"] >= KILLS
    assert report["differences"] == []


def test_the_kills_came_in_the_middle_of_every_activity(report: Any) -> None:
    hits = {activity: report["hits"].get(activity, 0) for activity in ACTIVITIES}
    print(
        f"\n{report['kills']} kills, {report['between']} of them between activities: {hits}", end=""
    )
    print(f"; {report['in_full']} openings after them read every row")
    assert sum(hits.values()) + report["between"] == report["kills"]
    least = KILLS // 100 if LONG else 0
    assert min(hits.values()) >= least
    assert sum(count > 0 for count in hits.values()) > len(ACTIVITIES) // 2
    assert sum(hits.values()) > KILLS // 2


def test_the_kills_came_at_many_different_moments(report: Any) -> None:
    """Most activities move no head, so there is another height once in each round of them."""
    assert len(set(report["heights"])) > len(report["heights"]) // len(ACTIVITIES)
    assert report["proven"] > KILLS // 10
