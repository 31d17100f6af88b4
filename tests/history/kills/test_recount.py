"""The recount finds what is lost, doubled or wrong: in the outbox, and in each table of a store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.families import Family
from checkpoint.head import Head
from checkpoint.store import StoreReader
from evm_dex.client.dex import Dex
from evm_dex.history.consumer import Consumer
from evm_dex.history.feed_client import StoreFeed
from evm_dex.history.stores.sqlite import SqliteStore
from tests.history.kills.bulk import BulkTraffic, chain
from tests.history.kills.facts import Kind, read_event
from tests.history.kills.outbox import OutboxRecount
from tests.history.kills.recount import Recount
from tests.history.kills.tables import SqliteTables


class Tampered(StoreReader):
    """A store whose outbox has other payloads, and perhaps leaves out an id."""

    def __init__(self, store: StoreReader, payloads: list[bytes], left_out: int = 0) -> None:
        self._store, self._payloads, self._left_out = store, payloads, left_out

    def head(self) -> Head | None:
        return self._store.head()

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._store.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        assert (family, prefix) == (Family.EVENTS, b"")
        first = int.from_bytes(start or b"", "big")
        for event_id in range(first, len(self._payloads) + 1):
            if event_id != self._left_out:
                yield event_id.to_bytes(8, "big"), self._payloads[event_id - 1]


def trade(dex: Dex) -> None:
    """A few blocks, a way back, and others instead."""
    traffic = BulkTraffic(dex, seed=5)
    for blocks in (4, 2):
        for _ in range(blocks):
            traffic.block()
        if blocks == 4:
            dex.chain.rollback(dex.head.number - 2)
            traffic.again()


@pytest.fixture(scope="module")
def traded() -> Iterator[Dex]:
    """A chain in memory."""
    with chain(None) as dex:
        trade(dex)
        yield dex


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain on disk, and its history in a file beside it."""
    directory = tmp_path_factory.mktemp("traded")
    with chain(directory / "chain") as dex, closing(SqliteStore(directory / "store")) as store:
        trade(dex)
        Consumer(StoreFeed(dex.store), store).catch_up()
    return directory


def payloads_of(dex: Dex) -> list[bytes]:
    return [payload for _, payload in dex.store.iterate(Family.EVENTS)]


def recounted(dex: Dex, payloads: list[bytes]) -> OutboxRecount:
    recount = OutboxRecount()
    recount.read(Tampered(dex.store, payloads))
    return recount


def test_an_outbox_as_it_is_has_nothing_lost_or_doubled(traded: Dex) -> None:
    recount = recounted(traded, payloads_of(traded))
    assert (recount.lost, recount.doubled, recount.differences) == (0, 0, [])
    assert recount.compared > 100
    assert recount.kinds[Kind.ROLLED_BACK]


@pytest.mark.parametrize("place", [0, 1, -1])
def test_an_event_that_was_never_written_is_lost(traded: Dex, place: int) -> None:
    """Though ids go on without a gap."""
    payloads = payloads_of(traded)
    del payloads[place]
    recount = recounted(traded, payloads)
    assert (recount.lost, recount.doubled) == (1, 0)


def test_an_event_that_was_written_twice_is_doubled(traded: Dex) -> None:
    payloads = payloads_of(traded)
    recount = recounted(traded, [*payloads, payloads[-1]])
    assert (recount.lost, recount.doubled) == (0, 1)


@pytest.mark.parametrize("change", ["left out", "swapped"])
def test_a_rollback_names_each_order_once(traded: Dex, change: str) -> None:
    payloads = payloads_of(traded)
    kinds = [read_event(payload).kind for payload in payloads]
    first = kinds.index(Kind.ROLLED_BACK)
    if change == "left out":
        del payloads[first]
    else:
        payloads[first : first + 2] = reversed(payloads[first : first + 2])
    assert recounted(traded, payloads).differences


def test_ids_that_leave_one_out_are_a_loss(traded: Dex) -> None:
    recount = OutboxRecount()
    recount.read(Tampered(traded.store, payloads_of(traded), left_out=20))
    assert recount.lost
    assert "event 21 follows event 19" in recount.differences


def look_and_finish(directory: Path) -> Recount:
    recount = Recount(directory / "chain", SqliteTables(directory / "store"))
    recount.look()
    recount.finish()
    return recount


def test_a_store_as_it_is_differs_in_nothing(at_rest: Path) -> None:
    report = look_and_finish(at_rest).report()
    assert (report["lost"], report["doubled"], report["differences"]) == (0, 0, [])
    assert report["events"] > 100


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE order_statistics SET orders = orders + 1", "totals"),
        ("UPDATE order_statistics SET volume = CAST(volume + 1 AS TEXT)", "totals"),
        ("UPDATE order_statistics SET fees_in_quote = '0'", "totals"),
        ("DELETE FROM fills WHERE event_id = (SELECT max(event_id) FROM fills)", "fills"),
        ("UPDATE orders SET event_id = event_id - 1 WHERE order_id = 3", "orders"),
        ("DELETE FROM active_orders", "open orders"),
        ("UPDATE order_history SET payload = zeroblob(99) WHERE event_id = 9", "not the chain's"),
        ("DELETE FROM order_history WHERE event_id = 9", "event 10 after event 8"),
    ],
)
def test_a_table_that_is_wrong_is_found(at_rest: Path, statement: str, found: str) -> None:
    """Whatever the table is, and put right afterwards."""
    database = at_rest / "store"
    before = database.read_bytes()
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    try:
        report = look_and_finish(at_rest).report()
    finally:
        database.write_bytes(before)
    assert any(found in difference for difference in report["differences"])
    assert bool(report["lost"]) == ("order_history" in statement)
