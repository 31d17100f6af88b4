"""Speed and memory of exporting a state to an archive and importing it.

Each runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import evm_dex
from benchmarks.filling import fill
from benchmarks.harness import Result
from precompiles.types import Address

_TARGET = 20_000
_WORK = r"""
import json, re, sys, time
from pathlib import Path
from checkpoint.archive import export_archive, import_archive
from evm_dex.chain.block_proof import inspect_block
work = {"export": export_archive, "import": import_archive}[sys.argv[1]]
started = time.perf_counter()
summary = work(Path(sys.argv[2]), Path(sys.argv[3]), inspect=inspect_block)
seconds = time.perf_counter() - started
# Not getrusage: its peak is the parent's where that was higher.
status = Path("/proc/self/status").read_text()
peak = int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024
print(json.dumps({"rows": summary.rows, "seconds": seconds, "peak": peak}))
"""


def run(*, quick: bool) -> Iterator[Result]:
    """At 50k rows and 200k."""
    for rows in (50_000,) if quick else (50_000, 200_000):
        with tempfile.TemporaryDirectory() as directory:
            base = Path(directory)
            _prepare(base / "chain", rows)
            yield from _measured("export", base / "chain", base / "archive")
            size = (base / "archive").stat().st_size / rows
            yield Result("archive", f"size per row, {rows:,} rows", size, "bytes")
            yield from _measured("import", base / "archive", base / "imported")


def _prepare(path: Path, rows: int) -> None:
    with evm_dex.open(path, checkpoint_interval=10**9) as dex:
        weth = dex.tokens["WETH"]
        fill(dex, Address(weth.raw_address), rows)
        # A transaction, so that a header commits to what was put past it.
        dex.spot.send("placeOrder", weth, 10**18, 10**9, True)


def _measured(kind: str, source: Path, target: Path) -> Iterator[Result]:
    done = subprocess.run(
        [sys.executable, "-c", _WORK, kind, str(source), str(target)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    found = json.loads(done.stdout)
    rate = found["rows"] / found["seconds"]
    size = f"{found['rows']:,} rows"
    yield Result("archive", f"{kind} of {size}", rate, "rows/s", target=f"≥ {_TARGET:,}")
    yield Result("archive", f"peak memory of {kind}, {size}", found["peak"], "MiB", target="flat")
