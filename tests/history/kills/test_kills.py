"""Engine, service and server are killed at random moments: nothing lost, doubled or miscounted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LONG
from tests.history.cassandra.server import MADE

ROUNDS, EVENTS = (800, 1_000_000) if LONG else (10, 9_000)
KILLS = 1_000 if LONG else 10
"""At least: some rounds kill two processes."""
SERVER_ROUNDS, SERVER_EVENTS = 45, 60_000


def run(directory: Path, store: str, rounds: int, events: int) -> dict[str, Any]:
    """Its progress goes to the terminal; what it found is shown too."""
    place = [str(directory / store), "--store", store]
    size = ["--rounds", str(rounds), "--events", str(events)]
    command = [sys.executable, "-m", "tests.history.kills", *place, *size]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, "stderr says why"
    report: dict[str, Any] = json.loads(done.stdout)
    print(done.stdout)
    assert report["lost"] == report["doubled"] == 0
    assert report["differences"] == []
    assert report["events"] >= events
    assert report["held_against_logs"] > report["events"] // 2
    assert report["rolled_back"]
    return report


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """After each kill what is new, and in the end all there is, against an independent recount."""
    kills = run(tmp_path, "sqlite", ROUNDS, EVENTS)["kills"]
    assert kills["engine"] + kills["service"] >= KILLS
    assert min(kills["engine"], kills["service"]) >= KILLS // 3


@pytest.mark.skipif(not LONG, reason="a server takes its time to come back; see cassandra/")
@pytest.mark.xdist_group("cassandra")
def test_kills_of_a_cassandra_server_lose_and_double_nothing(tmp_path: Path) -> None:
    """The server is killed most often; it comes back with all it confirmed."""
    if not (MADE / "jars").is_dir():
        assert not os.environ.get("CI"), f"{MADE} has no server: `sh .ci/cassandra` fetches it"
        pytest.skip("no Cassandra server: `sh .ci/cassandra` fetches one (Java 17, Maven)")
    kills = run(tmp_path, "cassandra", SERVER_ROUNDS, SERVER_EVENTS)["kills"]
    assert kills["server"] >= SERVER_ROUNDS // 2
