"""A disk full for a while: every write says so, and the chain goes on when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import evm_dex
from checkpoint.errors import StoreFailed, StoreSuspended
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import Database
from checkpoint.verify import verify_store
from evm_dex.client.dex import Dex


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise StoreFailed("db: IO error: No space left on device")

    def no_room(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", refuse)
        patch.setattr(RocksStore, "_try_room", no_room)
        yield


def place(dex: Dex, price: int) -> None:
    dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, price * 10**6, False)


def test_a_chain_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, rollbacks and branches that were refused leave nothing in memory either."""
    with evm_dex.open() as twin, evm_dex.open(tmp_path) as dex:
        for price in (3_000, 3_001, 3_002):
            place(twin, price)
            place(dex, price)
        branch = None
        with evm_dex.open() as longer:
            place(longer, 3_000)
            longer.mine(4)
            branch = longer.chain.export_blocks(1)
        with full_disk(monkeypatch):
            for price in (3_003, 3_004):
                with pytest.raises(StoreSuspended, match=r"No space left.*make room"):
                    place(dex, price)
            with pytest.raises(StoreSuspended, match="No space left"):
                dex.mine()
            with pytest.raises(StoreSuspended, match="No space left"):
                dex.rollback(1)
            with pytest.raises(StoreSuspended, match="No space left"):
                dex.chain.import_blocks(branch)
            assert dex.head == twin.head
            assert dex.self_check() == []
            assert dex.spot.call("getBestPrices", dex.tokens["WETH"]).ask == 3_000 * 10**6
        for price in (3_003, 3_005):
            place(twin, price)
            place(dex, price)
        assert dex.head.state_root == twin.head.state_root
        dex.rollback(2)
        twin.rollback(2)
        place(dex, 3_009)
        place(twin, 3_009)
        assert dex.head.state_root == twin.head.state_root
        dex.chain.import_blocks(branch)
        assert dex.head.number == 5
    with evm_dex.open(tmp_path) as dex:
        assert dex.head.number == 5
        assert verify_store(dex.store, deep=True).difference is None
