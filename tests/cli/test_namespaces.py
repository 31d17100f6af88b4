"""Media that can't be written, and processes that don't see each other, as containers have them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import evm_dex
from evm_dex.history.inprocess import History
from evm_dex.history.stores.sqlite import SqliteStore
from tests.checkpoint.processes import start
from tests.checkpoint.rocks.test_read_only_store import WRITER

ROOT = Path(__file__).parents[2]
WETH, USDC = 10**18, 10**6
_NO_MOUNT = 77
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]


def in_namespace(flags: Sequence[str], command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in namespaces of its own; skip where that is not permitted."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = [shutil.which("unshare") or "", *own, *flags]
    if not unshare[0] or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("unshare is not there, or namespaces are not permitted")
    done = subprocess.run(
        [*unshare, *command], cwd=ROOT, capture_output=True, check=False, text=True, timeout=300
    )
    if done.returncode == _NO_MOUNT:
        pytest.skip(f"mounts are not permitted in a namespace: {done.stderr}")
    return done


COMMANDS = """
import json, os, sys
from pathlib import Path
from typer.testing import CliRunner
from evm_dex.cli.app import app
chain, history, user, out = sys.argv[1:]
try:
    Path(chain, "probe").touch()
    sys.exit("the directory can be written")
except OSError:
    pass
store = ("--store", f"sqlite:{history}")
commands = [
    ("check", "--chain", chain),
    ("book", "WETH", "--chain", chain),
    ("positions", "WETH", "--chain", chain),
    ("checkpoint", "list", "--chain", chain),
    ("checkpoint", "verify", "--all", "--deep", "--chain", chain),
    ("checkpoint", "verify", "--head", "--chain", chain),
    ("checkpoint", "diff", "latest", "head", "--chain", chain),
    ("checkpoint", "export", f"{out}/archive", "--chain", chain),
    ("checkpoint", "export", f"{out}/lines", "--format", "jsonl", "--chain", chain),
    ("history", "orders", user, *store),
    ("history", "fills", user, *store),
    ("history", "stats", user, *store),
    ("history", "stream", "--all", *store),
    ("history", "verify", "--chain", chain, *store),
]
found = {}
for command in commands:
    result = CliRunner().invoke(app, [*command])
    found[" ".join(command[:2])] = (result.exit_code, result.output[-300:])
print(json.dumps(found))
"""
READ_ONLY = (
    f'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit {_NO_MOUNT}; shift; exec "$@"'
)


def test_every_reading_command_works_on_media_that_cannot_be_written(tmp_path: Path) -> None:
    media, out = tmp_path / "media", tmp_path / "out"
    out.mkdir()
    with evm_dex.open(media / "chain", checkpoint_interval=3) as dex:
        user = dex.accounts[0]
        with History(dex, media / "history.db"):
            for number in range(7):
                price = (3_000 + number) * USDC
                dex.spot.send("placeOrder", dex.tokens["WETH"], WETH, price, number % 3 == 2)
    done = in_namespace(
        ["--mount"],
        [
            *("sh", "-c", READ_ONLY, "sh", str(media), sys.executable, "-c", COMMANDS),
            *(str(media / "chain"), str(media / "history.db"), user.address, str(out)),
        ],
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: result for name, result in found.items() if result[0]} == {}


BUSY_READER = """
import sys
from contextlib import closing
from checkpoint.lock import holder_of
from checkpoint.rocks.read_only_store import ReadOnlyStore
from pathlib import Path
heights, held = [], 0
for _ in range(int(sys.argv[2])):
    held += holder_of(Path(sys.argv[1], "lock")) is not None
    with closing(ReadOnlyStore(sys.argv[1])) as store:
        heights.append(store.head().height)
assert heights == sorted(heights)
print(held, heights[0], heights[-1])
"""


def test_a_reader_that_does_not_see_the_writers_process_reads_a_busy_store(tmp_path: Path) -> None:
    with start(WRITER, tmp_path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        done = in_namespace(
            ["--pid", "--fork", "--mount-proc"],
            [sys.executable, "-c", BUSY_READER, str(tmp_path), "40"],
        )
        writer.kill()
    assert done.returncode == 0, done.stderr
    held, first, last = map(int, done.stdout.split())
    assert held == 0, "the writer is not seen"
    assert last > first


def test_a_history_whose_writer_was_killed_is_not_read_without_its_log(tmp_path: Path) -> None:
    """Where it can't be recovered in place; the database alone would be an older one."""
    kept = tmp_path / "kept"
    kept.mkdir()
    store = SqliteStore(tmp_path / "history.db")
    for file in tmp_path.glob("history.db*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, kept / file.name)
    store.close()
    assert (kept / "history.db-wal").stat().st_size
    code = (
        "import sys\n"
        "from evm_dex.history.stores.sqlite import SqliteStore\n"
        "from evm_dex.history.stores.history_store import StoreUnavailable\n"
        "try:\n"
        "    SqliteStore(sys.argv[1], read_only=True)\n"
        "except StoreUnavailable as error:\n"
        "    print(error)\n"
    )
    database = str(kept / "history.db")
    done = in_namespace(
        ["--mount"],
        ["sh", "-c", READ_ONLY, "sh", str(kept), sys.executable, "-c", code, database],
    )
    assert done.returncode == 0, done.stderr
    assert "copy both files to one that can" in done.stdout
