"""Feeds, the consumer between them and a store, rebuilding and verifying."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zmq
from msgspec.structs import replace
from typer.testing import CliRunner

import evm_dex
from checkpoint.families import Family
from checkpoint.record_codec import pack
from checkpoint.restore import restore
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.addresses import to_address
from evm_dex.cli.app import app
from evm_dex.client.dex import Dex
from evm_dex.history.consumer import Consumer
from evm_dex.history.feed import (
    EventsPruned,
    Feed,
    FeedRefused,
    FeedUnavailable,
    HistoryDiffers,
    Updates,
    read_outbox,
)
from evm_dex.history.feed_client import ChainFeed, RemoteFeed, StoreFeed
from evm_dex.history.feed_server import FeedServer
from evm_dex.history.feed_wire import JSON, PLAIN, decode_answer, encode_updates
from evm_dex.history.inprocess import History
from evm_dex.history.rebuild import rebuild
from evm_dex.history.stores.history_store import START, Cursor, StoreUnavailable
from evm_dex.history.stores.sqlite import IN_MEMORY, SqliteStore
from evm_dex.history.verify_history import verify
from evm_dex.orderlog.cursors import STATE_KEY, cursors
from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, decode, encode, fingerprint
from evm_dex.orderlog.outbox import OutboxState
from tests.history.model import ModelStore
from tests.history.store_contract import assert_same
from tests.history.traffic import Traffic, chain
from tests.ports import free_ports
from tests.waiting import until


class ListFeed(Feed):
    """Ready-made events; `away` times it does not answer."""

    def __init__(self, events: Sequence[OrderUpdate], away: int = 0) -> None:
        self.events, self.away = events, away

    def read(self, cursor: Cursor, limit: int = 100, *, consumer: str = "") -> Updates:
        del consumer
        if self.away:
            self.away -= 1
            raise FeedUnavailable("nobody there")
        some = self.events[cursor.event_id : cursor.event_id + min(limit, 100)]
        return Updates(len(self.events), tuple((e.event_id, encode(e)) for e in some))

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.01))

    def close(self) -> None:
        pass


class Flaky(ModelStore):
    """A store that is away for some of the time."""

    away = 0

    def apply(self, updates: Sequence[OrderUpdate]) -> int:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("locked")
        return super().apply(updates)


def running(consumer: Consumer) -> threading.Thread:
    thread = threading.Thread(target=consumer.run, daemon=True)
    thread.start()
    return thread


def test_consumer_carries_everything_over_and_tells_how_it_is(events: list[OrderUpdate]) -> None:
    store, feed = ModelStore(), ListFeed(events[:250])
    consumer = Consumer(feed, store)
    assert consumer.health().state == "starting"
    assert consumer.step() == 100
    health = consumer.health()
    assert (health.last_event_id, health.lag, health.applied) == (100, 150, 100)
    assert health.last_event_time == events[99].timestamp
    assert consumer.catch_up() == 150
    assert consumer.health().lag == 0
    assert consumer.health().is_healthy
    assert store.events == events[:250]


def test_consumer_waits_for_feed_and_store_and_recovers(
    events: list[OrderUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evm_dex.history.consumer._FIRST_PAUSE", 0.01)
    store, feed = Flaky(), ListFeed(events, away=3)
    store.away = 2
    consumer = Consumer(feed, store)
    thread = running(consumer)
    until(lambda: consumer.health().last_event_id == len(events))
    assert consumer.health().retries == 5
    store.away = 10**9
    feed.events = [*events, replace(events[-1], event_id=len(events) + 1)]
    until(lambda: consumer.health().state == "waiting for the store")
    assert consumer.health().problem == "locked"
    assert not consumer.health().is_healthy
    until(lambda: consumer.health().lag == 1)
    store.away = 0
    until(lambda: consumer.health().is_healthy)
    consumer.stop()
    thread.join()
    assert len(store.events) == len(events) + 1


def test_history_in_process_follows_blocks_and_rollbacks() -> None:
    with chain() as dex, History(dex) as history:
        traffic = Traffic(dex, 6)
        for number in range(40):
            traffic.block()
            if number == 20:
                dex.chain.rollback(15)
                traffic.again()
            last = dex.chain.outbox.state().last
            assert history.store.cursor().event_id == last
        assert list(verify(dex.store, history.store)) == []
        assert history.health().lag == 0


def test_history_in_process_says_that_its_store_is_stuck() -> None:
    store = Flaky()
    with chain() as dex, History(dex, store) as history:
        traffic = Traffic(dex, 6)
        traffic.block()
        store.away = 10**9
        behind = dex.chain.outbox.state().last
        while dex.chain.outbox.state().last == behind:
            traffic.block()
        health = history.health()
        assert health.state == "waiting for the store"
        assert health.problem == "locked"
        assert health.lag == dex.chain.outbox.state().last - behind
        assert health.last_event_id == behind
        store.away = 0
        traffic.block()
        assert history.health().is_healthy
        assert history.health().lag == 0


def test_a_store_that_hangs_is_seen_to_lag(events: list[OrderUpdate]) -> None:
    seen: list[int] = []

    class Hanging(ModelStore):
        def apply(self, updates: Sequence[OrderUpdate]) -> int:
            seen.append(consumer.health().lag)
            return super().apply(updates)

    consumer = Consumer(ListFeed(events[:150]), Hanging())
    consumer.catch_up()
    assert seen == [150, 50]


def test_balances_are_carried_over_beside_orders(tmp_path: Path) -> None:
    """In process, over sockets and from files; after rollbacks; and what was pruned is made up."""
    path, kept = tmp_path / "chain", SqliteStore(tmp_path / "kept.db")
    with chain(path) as dex, History(dex, kept) as history:
        dex.chain.outbox.balances.switch(True, dex.chain.head)
        traffic = Traffic(dex, 9)
        for number in range(20):
            traffic.block()
            if number == 10:
                dex.chain.rollback(8)
                traffic.again()
            assert history.store.balance_cursor().event_id == last_balance(dex)
        assert list(verify(dex.store, kept)) == []
        user = to_address(dex.accounts[0].address)
        known = kept.balances(user)
        assert [it for it in known if it.exchange == Exchange.SPOT]
        port = free_ports(2)
        with (
            closing(FeedServer(dex.chain, dex.store, port)),
            closing(SqliteStore(IN_MEMORY)) as remote,
        ):
            consumer = Consumer(RemoteFeed(f"tcp://127.0.0.1:{port}"), remote)
            consumer.catch_up()
            consumer.feed.close()
            assert list(verify(dex.store, remote)) == []
            assert remote.balances(user) == known
    feed = ChainFeed(path)
    with closing(SqliteStore(IN_MEMORY)) as read, evm_dex.open_beside(path) as dex:
        Consumer(feed, read).catch_up()
        assert read.balances(user) == known
    pruned = tmp_path / "pruned.db"
    with evm_dex.open(path) as dex, closing(SqliteStore(pruned)) as late:
        batch = BlockBatch()
        for event_id in range(1, 30):
            batch.delete(Family.EVENTS, b"b" + event_id.to_bytes(8, "big"))
        dex.store.write(batch)
        Consumer(StoreFeed(dex.store), late).catch_up()
        assert list(verify(dex.store, late)) == []
        assert {it.event_id for it in late.balances(user)} == {last_balance(dex)}
        assert [it.version for it in late.balances(user)] == [it.version for it in known]
    told = CliRunner().invoke(
        app, ["history", "balances", "--store", f"sqlite:{pruned}", "--user", f"0x{user.hex()}"]
    )
    assert [json.loads(line)["version"] for line in told.stdout.splitlines()] == [
        it.version for it in known
    ]


def last_balance(dex: Dex) -> int:
    return max((update.event_id for update in dex.chain.outbox.balances.read()), default=0)


def test_another_future_of_balances_is_noticed_though_its_last_is_the_same(tmp_path: Path) -> None:
    """Deposits of two accounts: the first one's differs, the last one's is the same bytes."""
    path, store = tmp_path / "chain", SqliteStore(IN_MEMORY)

    def deposit(dex: Dex, first: int) -> None:
        for number, amount in enumerate((first, 7)):
            dex.cheats.deal_on_spot("USDC", dex.accounts[number + 3], amount)

    with evm_dex.open(path, checkpoint_interval=1, balance_log=True) as dex:
        start = dex.create_checkpoint().height
        deposit(dex, 5)
        Consumer(StoreFeed(dex.store), store).catch_up()
        count = last_balance(dex)
    restore(path, start)
    with evm_dex.open(path) as dex:
        deposit(dex, 6)
        assert last_balance(dex) == count
        with pytest.raises(HistoryDiffers, match="history rebuild"):
            Consumer(StoreFeed(dex.store), store).catch_up()
        rebuild(store, StoreFeed(dex.store))
        assert list(verify(dex.store, store)) == []


def test_another_future_is_noticed_though_its_last_event_is_the_same(tmp_path: Path) -> None:
    """The orders of two accounts: the first one's differs, the last one's is the same bytes."""
    path, store = tmp_path / "chain", SqliteStore(IN_MEMORY)

    def trade(dex: Dex, first: int) -> bytes:
        weth = dex.tokens["WETH"]
        for number, price in enumerate((first, 3_000)):
            sender = dex.accounts[number]
            dex.spot.send("placeOrder", weth, 10**18, price * 10**6, False, sender=sender)
        return dex.chain.head.state_root

    with evm_dex.open(path, checkpoint_interval=1) as dex:
        start = dex.chain.head.block_number
        start = dex.create_checkpoint().height
        hashes = [trade(dex, 3_100)]
        Consumer(StoreFeed(dex.store), store).catch_up()
        (known,) = store.stream(1, 1)
    restore(path, start)
    with evm_dex.open(path) as dex:
        hashes.append(trade(dex, 3_200))
        (event,) = read_outbox(dex.store, Cursor(1, b"")).updates()
        assert replace(event, previous=b"") == replace(known, previous=b"")
        assert len(set(hashes)) == 2
        with pytest.raises(HistoryDiffers, match="history rebuild"):
            Consumer(StoreFeed(dex.store), store).catch_up()
    store.close()


def test_each_event_has_the_fingerprint_of_the_one_before_through_rollbacks() -> None:
    with chain() as dex:
        traffic = Traffic(dex, 6)
        for number in range(30):
            traffic.block()
            if number == 20:
                dex.chain.rollback(15)
                traffic.again()
        events = read_outbox(dex.store, START)
        before = b""
        for update, (_, payload) in zip(events.updates(), events.payloads, strict=True):
            assert update.previous == before
            assert encode(update) == payload
            before = fingerprint(update)
        assert any(update.kind == Kind.ROLLED_BACK for update in events.updates())


def test_an_outbox_from_before_events_were_chained_goes_on() -> None:
    """Its events keep their bytes; the chain of fingerprints begins with the first new one."""
    with chain() as dex:
        traffic = Traffic(dex, 6)
        for _ in range(5):
            traffic.block()
        last = dex.chain.outbox.state().last
        batch = BlockBatch()
        for update in read_outbox(dex.store, START).updates():
            old = encode(replace(update, previous=b""))
            assert old[0] == 1
            batch.put(Family.EVENTS, update.event_id.to_bytes(8, "big"), old)
        dex.store.write(batch)
        for _ in range(5):
            traffic.block()
        with History(dex) as history:
            assert list(verify(dex.store, history.store)) == []
            first, second = history.store.stream(last - 1, 2)
            assert (first.previous, second.previous) == (b"", fingerprint(first))


def test_verify_names_what_differs() -> None:
    with chain() as dex:
        traffic = Traffic(dex, 6)
        for _ in range(30):
            traffic.block()
        with History(dex) as history:
            assert isinstance(history.store, SqliteStore)
            database = history.store._database
            for change, named in (
                ("DELETE FROM fills WHERE rowid IN (SELECT 1)", None),
                ("UPDATE order_statistics SET orders = orders + 1", "totals are"),
                ("DELETE FROM active_orders", "open orders"),
                ("DELETE FROM fills", "its fills come to"),
                ("DELETE FROM orders", "does not have it"),
            ):
                database.execute("SAVEPOINT before")
                if named is not None:
                    database.execute(change)
                found = list(verify(dex.store, history.store))
                assert bool(found) == (named is not None)
                assert named is None or any(named in difference for difference in found)
                database.execute("ROLLBACK TO before")
            for listener in dex.chain.listeners:
                dex.chain.remove_listener(listener)
            before = dex.chain.outbox.state().last
            while dex.chain.outbox.state().last == before:
                traffic.block()
            (behind,) = verify(dex.store, history.store)
            assert "is at update" in behind


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Traffic, str]]:
    """A chain on disk that serves its feed."""
    port = free_ports(2)
    with chain(tmp_path / "chain") as dex:
        server = FeedServer(dex.chain, dex.store, port)
        yield Traffic(dex, 3), f"tcp://127.0.0.1:{port}"
        server.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "h")) as opened:
        yield opened


def test_remote_consumer_follows_a_running_chain(
    served: tuple[Traffic, str], store: SqliteStore
) -> None:
    traffic, address = served
    feed = RemoteFeed(address)
    consumer = Consumer(feed, store, "remote")
    thread = running(consumer)
    for _ in range(20):
        traffic.block()
    last = traffic.dex.chain.outbox.state().last
    until(lambda: consumer.health().last_event_id == last)
    until(lambda: cursors(traffic.dex.store).get("remote") == last)
    consumer.stop()
    thread.join()
    feed.close()
    assert list(verify(traffic.dex.store, store)) == []


def test_wake_up_carries_payloads_for_machines_and_documents_for_people(
    served: tuple[Traffic, str],
) -> None:
    traffic, address = served
    host, port = address.rsplit(":", 1)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    listener = context.socket(zmq.SUB)
    listener.setsockopt(zmq.SUBSCRIBE, b"")
    listener.connect(f"{host}:{int(port) + 1}")
    got: dict[bytes, list[list[bytes]]] = {PLAIN: [], JSON: []}

    def hears() -> bool:
        traffic.block()
        while listener.poll(20):
            topic, *rest = listener.recv_multipart()
            got[topic].append(rest)
        return bool(got[JSON])

    until(hears)
    event_id, payload = got[PLAIN][-1]
    update = decode(int.from_bytes(event_id, "big"), payload)
    document = json.loads(got[JSON][-1][0])
    assert document["version"] == 1
    assert document["event_id"] == update.event_id
    assert document["quantity"] == str(update.quantity)
    listener.close(linger=0)
    context.term()


def test_feed_refuses_what_it_does_not_understand(served: tuple[Traffic, str]) -> None:
    traffic, address = served
    traffic.block()
    feed = RemoteFeed(address)
    with pytest.raises(HistoryDiffers, match="the chain's last one is"):
        feed.read(Cursor(10**6, b"12345678"))
    with pytest.raises(HistoryDiffers, match="update 1 of the chain is not"):
        feed.read(Cursor(1, b"12345678"))
    feed._connected().send(b"hello")
    answer = feed._connected().recv()
    with pytest.raises(FeedRefused, match="malformed request"):
        decode_answer(answer)
    assert feed.read(START, 1).payloads
    feed.close()


def test_nobody_at_the_other_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evm_dex.history.feed_client._PATIENCE", 0.05)
    feed = RemoteFeed(f"tcp://127.0.0.1:{free_ports(2)}")
    for _ in range(2):
        with pytest.raises(FeedUnavailable, match="no answer"):
            feed.read(START)
    feed.close()


def test_a_question_that_is_lost_is_put_again() -> None:
    """Who was asked was killed before it answered; the next one to come up is asked too."""
    answers: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    feed = RemoteFeed(f"tcp://127.0.0.1:{answers.bind_to_random_port('tcp://127.0.0.1')}")

    def answer_the_second() -> None:
        answers.recv_multipart()
        *envelope, _ = answers.recv_multipart()
        answers.send_multipart([*envelope, encode_updates(Updates(0, ()))])

    thread = threading.Thread(target=answer_the_second, daemon=True)
    thread.start()
    assert feed.read(START) == Updates(0, ())
    thread.join()
    feed.close()
    answers.close(linger=0)


def test_two_feeds_at_a_port_are_refused(served: tuple[Traffic, str]) -> None:
    traffic, address = served
    with pytest.raises(OSError, match="feed at"):
        FeedServer(traffic.dex.chain, traffic.dex.store, int(address.rsplit(":", 1)[1]))


def test_chain_at_rest_is_read_from_its_files(tmp_path: Path, store: SqliteStore) -> None:
    with chain(tmp_path / "chain") as dex:
        traffic = Traffic(dex, 3)
        for _ in range(10):
            traffic.block()
        consumer = Consumer(ChainFeed(tmp_path / "chain"), store)
        consumer.catch_up()
        assert store.cursor().event_id == dex.chain.outbox.state().last, "while it runs, too"
        for _ in range(5):
            traffic.block()
    consumer.catch_up()
    with chain(tmp_path / "chain") as dex:
        assert list(verify(dex.store, store)) == []
    with pytest.raises(FeedUnavailable, match="no database"):
        ChainFeed(tmp_path / "none").read(START)


def test_restored_chain_is_noticed_and_the_history_rebuilt(
    tmp_path: Path, store: SqliteStore
) -> None:
    """After a restore ids are given out again; the same id is then another event."""
    with chain(tmp_path / "chain", checkpoint_interval=10) as dex:
        traffic = Traffic(dex, 3)
        for _ in range(25):
            traffic.block()
        Consumer(StoreFeed(dex.store), store).catch_up()
    assert restore(tmp_path / "chain").height == 20
    consumer = Consumer(ChainFeed(tmp_path / "chain"), store)
    with pytest.raises(HistoryDiffers, match="history rebuild"):
        consumer.catch_up()
    with chain(tmp_path / "chain") as dex:
        traffic = Traffic(dex, 4)
        while dex.chain.outbox.state().last <= store.cursor().event_id + 5:
            traffic.block()
        with pytest.raises(HistoryDiffers, match="is not the one that the store has"):
            consumer.catch_up()
        rebuild(store, StoreFeed(dex.store))
        assert list(verify(dex.store, store)) == []


@pytest.fixture
def old() -> Iterator[SqliteStore]:
    with closing(SqliteStore(IN_MEMORY)) as opened:
        yield opened


def test_rebuild_from_outbox_stream_or_both(
    events: list[OrderUpdate], store: SqliteStore, old: SqliteStore
) -> None:
    model, target = ModelStore(), store
    model.apply(events)
    old.apply(events[:400])
    assert rebuild(target, ListFeed(events)) == len(events)
    assert_same(target, model)

    class Pruned(ListFeed):
        def read(self, cursor: Cursor, limit: int = 100, *, consumer: str = "") -> Updates:
            if cursor.event_id < 300:
                raise EventsPruned("gone")
            if cursor.fingerprint != fingerprint(events[cursor.event_id - 1]):
                raise HistoryDiffers("another")
            return super().read(cursor, limit, consumer=consumer)

    with pytest.raises(EventsPruned, match="give a store"):
        rebuild(target, Pruned(events))
    assert target.cursor().event_id == len(events), "nothing was emptied"
    assert rebuild(target, Pruned(events), old) == len(events)
    assert_same(target, model)
    assert rebuild(target, None, old) == 400
    with pytest.raises(ValueError, match="give a feed"):
        rebuild(target, None)


def test_pruned_events_are_asked_for_in_vain() -> None:
    with chain() as dex:
        Traffic(dex, 3).block()
        batch = BlockBatch()
        batch.put(Family.OUTBOX, STATE_KEY, pack(1, OutboxState(5, is_recording=True, first=4)))
        dex.store.write(batch)
        with pytest.raises(EventsPruned, match="updates 1 to 3 were removed"):
            read_outbox(dex.store, START)


def test_commands_answer_from_a_store(tmp_path: Path) -> None:
    """orders, order, fills, stats, stream, verify, rebuild, consumers: tables and JSON."""
    with chain(tmp_path / "chain") as dex:
        traffic = Traffic(dex, 3)
        for _ in range(20):
            traffic.block()
        user = dex.accounts[1].address
        last = dex.chain.outbox.state().last
    at = ["--store", f"sqlite:{tmp_path / 'h'}"]
    assert f"update {last}" in history("rebuild", *at, "--chain", str(tmp_path / "chain"))
    opened = json.loads(history("orders", user, *at, "--json"))["orders"]
    assert {order["status"] for order in opened} <= {"new", "partially_filled", "untriggered"}
    page = json.loads(history("orders", user, *at, "--json", "--history", "--limit", "3"))
    assert len(page["updates"]) == 3
    more = history("orders", user, *at, "--json", "--history", "--before", page["next"])
    assert json.loads(more)["updates"][0]["event_id"] < page["updates"][-1]["event_id"]
    order_id = str(page["updates"][0]["order_id"])
    assert json.loads(history("order", order_id, *at, "--json"))["changes"]
    fills = json.loads(history("fills", user, *at, "--json"))["updates"]
    totals = json.loads(history("stats", user, *at, "--json"))["statistics"]
    volume = sum(int(fill["last_quote"]) for fill in fills)
    assert volume == sum(int(total["volume"]) for total in totals)
    assert len(history("stream", *at, "--limit", "5").splitlines()) == 5
    assert "agrees with the chain's rows" in history(
        "verify", *at, "--chain", str(tmp_path / "chain")
    )
    assert "Orders" in history("orders", user, *at)
    assert "volume" in history("stats", user, *at)

    beside = ("--chain", str(tmp_path / "chain"))
    every = history("fills", user, *at, *beside)
    assert "spot WETH trade" in every
    assert f"at {int(fills[0]['last_price']) / 10**6:,.2f}".rstrip("0").rstrip(".") in every
    market = history(
        "fills", user, *at, *beside, "--market", "WETH", "--exchange", "spot", "--json"
    )
    assert {fill["exchange"] for fill in json.loads(market)["updates"]} == {"spot"}
    assert "spot WETH" in history("stats", user, *at, *beside)
    assert "give --chain DIR too" in history("fills", user, *at, "--market", "WETH", fails=True)
    unknown = history("fills", user, *at, *beside, "--market", "DOGE", fails=True)
    assert "no market DOGE here; there are WETH" in unknown
    assert "no consumer is registered" in history("consumers", str(tmp_path / "chain"))


def test_the_stream_is_printed_by_date_and_fills_a_store_again(tmp_path: Path) -> None:
    with chain(tmp_path / "chain") as dex:
        traffic = Traffic(dex, 6)
        for _ in range(30):
            traffic.block()
        with History(dex, tmp_path / "h") as history_of:
            stream = history_of.store.stream(0, 1_000)
            cursor = history_of.store.cursor()
    at = ("--store", f"sqlite:{tmp_path / 'h'}")
    lines = history("stream", *at, "--all")
    assert [json.loads(line)["event_id"] for line in lines.splitlines()] == [
        *range(1, cursor.event_id + 1)
    ]
    middle = stream[len(stream) // 2].timestamp
    late = history("stream", *at, "--all", "--start", str(middle)).splitlines()
    early = history("stream", *at, "--all", "--end", str(middle)).splitlines()
    assert early + late == lines.splitlines()
    assert early
    iso = datetime.fromtimestamp(middle, UTC).replace(tzinfo=None).isoformat()
    assert history("stream", *at, "--all", "--start", iso).splitlines() == late
    file = tmp_path / "events.jsonl"
    file.write_text(lines)
    again = ("--store", f"sqlite:{tmp_path / 'again'}")
    assert f"up to update {cursor.event_id}" in history(
        "rebuild", *again, "--from", f"jsonl:{file}"
    )
    assert "agrees" in history("verify", *again, "--chain", str(tmp_path / "chain"))
    with closing(SqliteStore(tmp_path / "again")) as filled:
        assert filled.cursor() == cursor
    file.write_text(lines.replace('"kind": "placed"', '"kind": "posted"', 1))
    assert "line 1: " in history("rebuild", *again, "--from", f"jsonl:{file}", fails=True)
    file.write_text("".join(lines.splitlines(keepends=True)[1:]))
    missed = history("rebuild", *again, "--from", f"jsonl:{file}", fails=True)
    assert "update 2 came where 1 was due" in missed


def test_commands_say_what_to_write_instead(tmp_path: Path) -> None:
    for arguments, said in (
        (("orders", "0x12", "--store", "sqlite:none"), "there is no history at none"),
        (("orders", "x", "--store", "mongo:x"), "must be sqlite:PATH or cql"),
        (("serve", "--store", f"sqlite:{tmp_path / 'h'}"), "give either --chain DIR or --feed"),
        (("order", "7", "--store", f"sqlite:{tmp_path / 'h'}"), "the history has no order 7"),
    ):
        SqliteStore(tmp_path / "h").close()
        assert said in history(*arguments, fails=True)


def history(*arguments: str, fails: bool = False) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, ["history", *arguments])
    assert (done.exit_code != 0) == fails, done.output
    return " ".join(done.output.split()) if fails else done.stdout
