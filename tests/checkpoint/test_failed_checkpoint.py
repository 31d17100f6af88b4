"""A checkpoint that can't be made fails no block: it is told of, and made up for later."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

import evm_dex
from checkpoint.errors import StoreFailed
from checkpoint.manager import CheckpointManager
from checkpoint.manifest import list_checkpoints
from checkpoint.restore import verify_checkpoint
from checkpoint.rocks import RocksStore, database
from tests.checkpoint.fake_chain import FakeChain, many_rows


def refusing(number: int) -> type:
    """RocksDB's checkpoints where the disk refuses them."""

    class Refusing:
        def __init__(self, _rocks: object) -> None: ...

        def create_checkpoint(self, path: str) -> None:
            raise OSError(f"IO error: {os.strerror(number)}: while link file to {path}/1.sst")

    return Refusing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EIO])
def test_the_block_stands_and_the_checkpoint_comes_later(
    tmp_path: Path,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2) as dex:
        weth = dex.tokens["WETH"]
        dex.mine()
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(database, "Checkpoint", refusing(number))
            receipt = dex.spot.send("placeOrder", weth, 10**18, 3_000 * 10**6, False)
            assert receipt.succeeded
            assert dex.head.number == 2
            dex.mine(5)
        assert dex.head.number == 7
        assert os.strerror(number) in caplog.text
        assert "which is durable all the same" in caplog.text
        assert 1 < dex.metrics().checkpoints.failed < 5
        assert list_checkpoints(tmp_path) == ()
        dex.mine(8)
        assert [info.problem for info in list_checkpoints(tmp_path)]
        assert dex.metrics().checkpoints.last_height in range(8, 16)
    with evm_dex.open(tmp_path) as dex:
        assert dex.head.number == 15


def test_a_chain_opens_where_no_checkpoint_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=2) as dex:
        dex.mine(2)
    for info in list_checkpoints(tmp_path):
        shutil.rmtree(info.path)
    monkeypatch.setattr(database, "Checkpoint", refusing(errno.ENOSPC))
    with evm_dex.open(tmp_path, checkpoint_interval=2) as dex:
        assert dex.head.number == 2
        with pytest.raises(StoreFailed, match="No space"):
            dex.create_checkpoint()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP])
def test_where_files_cannot_be_shared_they_are_copied(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "Checkpoint", refusing(number))
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        manager = CheckpointManager(store, interval=1, keep=9)
        store.write(chain.block({}))
        for first in range(0, 4000, 1000):
            store.write(chain.block(many_rows(1000, first=first)))
            info = manager.committed(chain.head) if chain.head else None
            assert info is not None
            assert info.height == chain.height
    for info in list_checkpoints(tmp_path):
        assert verify_checkpoint(info, deep=False).difference is None
        assert info.usage().shared == 0


def test_a_full_disk_is_not_filled_with_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = FakeChain()
    with closing(RocksStore(tmp_path)) as store:
        store.write(chain.block({}))
        monkeypatch.setattr(database, "Checkpoint", refusing(errno.ENOSPC))
        with pytest.raises(StoreFailed, match="No space"):
            store.checkpoint(tmp_path / "checkpoints" / "000000000000")


def test_a_listener_that_fails_fails_no_block(caplog: pytest.LogCaptureFixture) -> None:
    with evm_dex.open() as dex:

        def fail(_: object) -> None:
            raise OSError(errno.ENOSPC, "no room")

        dex.chain.add_listener(fail)
        assert dex.spot.send(
            "placeOrder", dex.tokens["WETH"], 10**18, 3_000 * 10**6, False
        ).succeeded
        assert "a listener failed after block 1" in caplog.text
