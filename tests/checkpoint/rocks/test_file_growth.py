"""The files of a store stay few however many blocks and checkpoints there were."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import rlp
from eth_hash.auto import keccak

from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.manager import CheckpointManager
from checkpoint.manifest import list_checkpoints
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import MOST_SMALL
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.reader import RocksReader
from checkpoint.store_batch import BlockBatch
from precompiles.ledger.commitment import EMPTY_COMMITMENT
from tests.conftest import LONG

BLOCKS, INTERVAL = (100_000, 10) if LONG else (160, 2)
MOST_FILES = MOST_SMALL * (len(Family) + 1) if LONG else 128
"""For a store whose rows fit into one file for each family; one more for each 64 MiB. As many as
the long run may have are only there while merging gets no processor time.
"""
DESCRIPTORS = 256


def block(height: int, rng: random.Random) -> BlockBatch:
    """Something in every family, as a block with an order leaves it."""
    number = rlp.sedes.big_endian_int.serialize(height)
    header = rlp.encode([bytes(32), rng.randbytes(256), b"", bytes(32), *[b""] * 4, number])
    batch, block_hash = BlockBatch(), keccak(header)
    batch.put(Family.HEADERS, block_hash, header)
    batch.put(Family.BODIES, block_hash, rng.randbytes(200))
    batch.put(Family.RECEIPTS, block_hash, rng.randbytes(300))
    batch.put(Family.HASHES, height_key(height), block_hash)
    batch.put(Family.TRANSACTIONS, rng.randbytes(32), height_key(height) + bytes(4))
    for _ in range(4):
        batch.put(Family.NODES, rng.randbytes(32), rng.randbytes(100))
    batch.put(Family.ROWS, b"\6" + height_key(height), rng.randbytes(90))
    batch.put(Family.ACTIVE, height_key(height), b"")
    batch.put(Family.EVENTS, height_key(height), rng.randbytes(100))
    batch.put(Family.OUTBOX, b"", height_key(height))
    batch.put(Family.UNDO, height_key(height), rng.randbytes(120))
    batch.set_head(Head(1, height, block_hash, bytes(32), EMPTY_COMMITMENT))
    return batch


def grow(path: Path, blocks: int) -> None:
    """Write blocks and checkpoints with few descriptors, and tell the most files there were."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    rng, most, opened = random.Random(1), 0, 0
    with closing(RocksStore(path)) as store:
        manager = CheckpointManager(store, INTERVAL, 3)
        for height in range(blocks):
            store.write(block(height, rng))
            head = store.head()
            assert head is not None
            manager.committed(head)
            if height % 50 == 0:
                most = max(most, len(list((path / "db").glob("*.sst"))))
                opened = max(opened, len(list(Path("/proc/self/fd").iterdir())))
        assert manager.metrics.failed == 0, manager.metrics.last_failure
    with closing(RocksStore(path)) as store:
        head = store.head()
        assert head is not None
        print(head.height, most, opened)


@pytest.mark.timeout(14_400)
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.slow
def test_files_and_descriptors_stay_bounded(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.checkpoint.rocks import test_file_growth;"
        f"test_file_growth.grow(Path(sys.argv[1]), {BLOCKS})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "chain"],
        capture_output=True,
        check=False,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr
    height, most, opened = map(int, done.stdout.split())
    print(f"\n{BLOCKS} blocks: at most {most} files, {opened} descriptors")
    assert height == BLOCKS - 1
    assert most <= MOST_FILES
    assert opened < DESCRIPTORS


def test_a_store_with_more_files_than_may_be_open_is_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkpoint.rocks.reader.MOST_OPEN", 3)
    rng = random.Random(2)
    with closing(RocksStore(tmp_path)) as store:
        manager = CheckpointManager(store, 3, 3)
        for height in range(10):
            store.write(block(height, rng))
            head = store.head()
            assert head is not None
            manager.committed(head)
        expected = list(store.iterate(Family.ROWS))
    info = list_checkpoints(tmp_path)[-1]
    with closing(RocksReader(info.database)) as reader:
        links = reader._links
        assert len(list(reader.iterate(Family.ROWS))) == info.height + 1
    assert not links._exit_callbacks  # type: ignore[attr-defined] # nothing is left to undo
    with closing(ReadOnlyStore(tmp_path)) as beside:
        assert list(beside.iterate(Family.ROWS)) == expected
