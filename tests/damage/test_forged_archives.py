"""What is forged is refused by name, or makes the very state; in little memory and time."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

import evm_dex
from checkpoint.archive import container, export_archive, export_json_lines, import_archive
from checkpoint.archive.record_types import FORMAT, Section
from checkpoint.errors import StoreError
from checkpoint.families import Family
from checkpoint.rocks.read_only_store import ReadOnlyStore
from evm_dex.chain.block_proof import inspect_block
from tests.checkpoint.archive.archives import Sections, take_apart
from tests.conftest import LONG
from tests.damage.forgeries import NAMED, Forgery, forged_lines, forgeries

COUNT = 800 if LONG else 60
MOST_MEBIBYTES, MOST_SECONDS = 300, 10
TRAVELS = (Family.ROWS, Family.ACTIVE, Family.HEAD, Family.HASHES, Family.TRANSACTIONS)


def make_chain(path: Path) -> None:
    with evm_dex.open(path) as dex:
        for number in range(6):
            side = bool(number % 2)
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, (3000 + number) * 10**6, side)


def write(sections: Sections, target: Path) -> None:
    """Like the archive's writer, but of anything that msgpack can say."""
    with target.open("wb") as file:
        writer = container.ArchiveWriter(file, FORMAT)
        for section in Section:
            writer.begin(section)
            for record in sections[section]:
                encoded: Any = tuple(record) if isinstance(record, tuple) else record
                writer.add(encoded)
        writer.finish()


def state_of(path: Path) -> str:
    hasher = blake3()
    with closing(ReadOnlyStore(path)) as store:
        for family in TRAVELS:
            for key, value in store.iterate(family):
                hasher.update(msgspec.msgpack.encode((str(family), key, value)))
    return hasher.hexdigest()


def run(directory: Path, count: int) -> None:
    """Import every forgery in this process and tell what came of each, as JSON."""
    make_chain(directory / "chain")
    export_archive(directory / "chain", directory / "honest", inspect=inspect_block)
    export_json_lines(directory / "chain", directory / "lines", inspect=inspect_block)
    import_archive(directory / "honest", directory / "same", inspect=inspect_block)
    expected = state_of(directory / "same")
    found: dict[str, Any] = {"outcomes": {}, "seconds": 0.0}
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, (name, make) in enumerate(forged_files(directory, count)):
        archive, target = directory / f"forged-{number}", directory / f"store-{number}"
        child = os.fork()
        if child == 0:  # to be forged in memory of its own
            make(archive)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, name
        began = time.process_time()
        try:
            import_archive(archive, target, inspect=inspect_block)
            outcome = "same" if state_of(target) == expected else "ANOTHER STATE"
        except StoreError as error:
            outcome = type(error).__name__
            assert not target.exists(), name
        except BaseException as error:
            outcome = f"UNNAMED {error!r}"
        found["outcomes"][name] = outcome
        found["seconds"] = max(found["seconds"], time.process_time() - began)
        archive.unlink()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["mebibytes"] = (most - begun) // 1024
    print(json.dumps(found))


def forged_files(directory: Path, count: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Archives, then half as many files of JSON Lines, each with a function that makes it."""
    sections = take_apart(directory / "honest")

    def archive(forge: Forgery, target: Path) -> None:
        own = {section: list(records) for section, records in sections.items()}
        forge(own)
        write(own, target)

    for name, forge in forgeries(sections, 1, count):
        yield name, partial(archive, forge)
    lines = (directory / "lines").read_bytes().splitlines(keepends=True)

    def text(seed: int, target: Path) -> None:
        target.write_bytes(b"\n".join(line.strip() for line in forged_lines(lines, seed)))

    for seed in range(count // 2):
        yield f"lines {seed}", partial(text, seed)


@pytest.mark.timeout(3_600)
def test_no_forged_archive_is_taken_for_a_state(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from tests.damage import test_forged_archives;"
            f"test_forged_archives.run(Path(sys.argv[1]), {COUNT})",
            str(tmp_path),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    outcomes: dict[str, str] = found["outcomes"]
    wrong = {name: outcome for name, outcome in outcomes.items() if outcome.split()[0].isupper()}
    print(f"\n{dict(Counter(outcomes.values()))}, {found['mebibytes']} MiB, {found['seconds']} s")
    assert wrong == {}
    assert len(outcomes) >= COUNT
    assert [name for name in NAMED if outcomes[name] == "same"] == ["an index of other orders"]
    assert found["mebibytes"] <= MOST_MEBIBYTES
    assert found["seconds"] <= MOST_SECONDS
