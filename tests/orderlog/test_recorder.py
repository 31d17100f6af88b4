"""What the chain records of orders is what its rows say, through blocks, rollbacks and branches."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from checkpoint.families import Family
from evm_dex.blocks.addresses import to_address
from evm_dex.client.dex import Dex
from evm_dex.history.inprocess import History
from evm_dex.history.stores.history_store import HistoryStore
from evm_dex.history.stores.sqlite import IN_MEMORY, SqliteStore
from evm_dex.history.verify_history import verify
from evm_dex.orderlog.cursors import KEEP, cursors, event_key, forget, set_cursor
from evm_dex.orderlog.order_rows import as_row
from evm_dex.orderlog.order_update import Kind, OrderUpdate, Totals, decode
from evm_dex.orderlog.recorder import IllegalTransition, RecordingFailed, check_transition
from precompiles.types import Address, CloseReason, OrderKind, OrderStatus
from tests.conftest import LONG
from tests.history.model import ModelStore
from tests.history.traffic import Traffic, chain

BLOCKS = 5_000 if LONG else 400


def outbox(dex: Dex) -> list[OrderUpdate]:
    """Everything in the outbox, which must be without a gap."""
    pairs = list(dex.store.iterate(Family.EVENTS))
    updates = [decode(int.from_bytes(key, "big"), value) for key, value in pairs]
    first = updates[0].event_id if updates else 1
    assert [update.event_id for update in updates] == list(range(first, first + len(updates)))
    return updates


def model_of(dex: Dex) -> ModelStore:
    """The history by the plainest means."""
    model = ModelStore()
    model.apply(outbox(dex))
    return model


def differences(dex: Dex) -> list[str]:
    """Between the chain's rows and what SQLite makes of its events."""
    with closing(SqliteStore(IN_MEMORY)) as store:
        store.apply(outbox(dex))
        return list(verify(dex.store, store))


@pytest.mark.slow
def test_history_of_random_trading_is_what_the_rows_say() -> None:
    """Every order, fill, open order and total, with rollbacks in between; every kind occurs."""
    with chain() as dex:
        traffic = Traffic(dex, seed=1)
        for number in range(BLOCKS):
            traffic.block()
            if number % 25 == 24:
                dex.chain.rollback(dex.head.number - traffic.random.randint(1, 6))
                traffic.again()
            if number % 100 == 99:
                assert differences(dex) == []
        updates = outbox(dex)
        assert dex.self_check() == []
    assert {update.kind for update in updates} == set(Kind) - {Kind.GAP, Kind.FOUND}
    assert {update.status for update in updates} == set(OrderStatus)
    assert {update.order_type for update in updates} == set(OrderKind)
    reasons = {update.reason for update in updates}
    assert reasons >= {CloseReason.REPLACED, CloseReason.SELF_TRADE, CloseReason.IOC_REMAINDER}
    assert_invariants(updates)


def assert_invariants(updates: list[OrderUpdate]) -> None:
    """What holds of every update, whatever made it."""
    for update in updates:
        assert update.quantity >= update.filled_quantity
        if update.status.is_open:
            assert update.quantity == update.filled_quantity + update.leaves
        else:
            assert update.leaves == 0
        assert (update.status == OrderStatus.FILLED) == (
            update.status != OrderStatus.GONE and update.filled_quantity == update.quantity
        )
        if update.kind == Kind.TRADE:
            assert 0 < update.last_quantity <= update.filled_quantity
            assert update.trade_id


def test_cancelled_order_keeps_what_was_filled() -> None:
    """The service that this describes said 0."""
    with chain() as dex:
        weth, price = dex.tokens["WETH"], 2_000 * 10**6
        one, two = dex.accounts[1:3]
        dex.chain.automine = True
        dex.spot.send("placeOrder", weth, 10**18, price, False, sender=one)
        dex.spot.send("placeOrder", weth, 10**18 // 4, price, True, sender=two)
        dex.spot.send("cancelOrder", 1, sender=one)
        last = outbox(dex)[-1]
        assert (last.kind, last.status) == (Kind.CLOSED, OrderStatus.CANCELLED)
        assert (last.filled_quantity, last.leaves) == (10**18 // 4, 0)
        assert (last.average_price, last.filled_quote) == (price, price // 4)


@pytest.mark.parametrize("is_traded", [False, True])
def test_an_order_may_be_reduced_to_what_it_is(is_traded: bool) -> None:
    """Its row stays as it is, in the block and in a rollback of it, and its log is recorded."""
    with chain() as dex:
        weth, price = dex.tokens["WETH"], 2_000 * 10**6
        one, two = dex.accounts[1:3]
        dex.chain.automine = True
        dex.spot.send("placeOrder", weth, 10**18, price, False, sender=one)
        if is_traded:
            dex.spot.send("placeOrder", weth, 10**18 // 4, price, True, sender=two)
        order = outbox(dex)[-2 if is_traded else -1]
        dex.spot.send("replaceOrder", 1, 10**18, price, sender=one)
        reduced = outbox(dex)[-1]
        assert (reduced.kind, reduced.order_id) == (Kind.REDUCED, 1)
        assert as_row(reduced) == as_row(order)
        dex.spot.send("placeOrder", weth, 10**15, price + 10_000, False, sender=two)
        dex.chain.rollback(dex.head.number - 2)
        back = [u for u in outbox(dex) if u.kind == Kind.ROLLED_BACK]
        assert [as_row(u) for u in back if u.order_id == 1] == [as_row(order)]
        assert len(back) == 2
        dex.spot.send("cancelOrder", 1, sender=one)
        assert differences(dex) == []


def test_reverted_frame_leaves_no_event() -> None:
    with chain() as dex:
        traffic = Traffic(dex, 1)
        traffic.send("spot", "placeOrder", dex.tokens["WETH"], 10**18 + 1, 2_000 * 10**6, True)
        (block,) = dex.mine()
        assert not dex.receipt(block.transaction_hashes[0]).succeeded
        assert outbox(dex) == []


def test_revert_to_a_snapshot_and_another_future() -> None:
    with chain() as dex:
        traffic = Traffic(dex, 9)
        for _ in range(10):
            traffic.block()
        before, snapshot = model_of(dex), dex.chain.snapshot()
        for _ in range(10):
            traffic.block()
        dex.chain.revert(snapshot)
        after = model_of(dex)
        for order_id in range(1, 100):
            old, new = before.order(order_id), after.order(order_id)
            assert (old is None) == (new is None)
            if old and new:
                assert (old.status, old.filled_quote) == (new.status, new.filled_quote)
        traffic.again()
        for _ in range(5):
            traffic.block()
        assert list(verify(dex.store, model_of(dex))) == []


def test_branch_that_is_taken_over_is_recorded_with_what_it_undoes() -> None:
    with chain() as ours, chain() as theirs:
        for dex, seed, blocks in ((ours, 1, 6), (theirs, 2, 9)):
            traffic = Traffic(dex, seed)
            for _ in range(blocks):
                traffic.block()
        last = outbox(ours)[-1].event_id
        ours.chain.import_blocks(theirs.chain.export_blocks(1))
        updates = outbox(ours)
        undoing = [u for u in updates if u.event_id > last and u.kind == Kind.ROLLED_BACK]
        assert undoing
        assert all(update.status == OrderStatus.GONE for update in undoing)
        assert updates[last : last + len(undoing)] == undoing
        made, taken = (
            [
                replace(decode(0, value), previous=b"")
                for _, value in dex.store.iterate(Family.EVENTS)
            ]
            for dex in (theirs, ours)
        )
        assert taken[last + len(undoing) :] == made
        assert list(verify(ours.store, model_of(ours))) == []


def test_invalid_branch_leaves_the_outbox_as_it_was() -> None:
    with chain() as ours, chain() as theirs:
        for dex, seed, blocks in ((ours, 1, 4), (theirs, 2, 6)):
            traffic = Traffic(dex, seed)
            for _ in range(blocks):
                traffic.block()
        before = outbox(ours)
        branch = list(theirs.chain.export_blocks(1))
        header = bytearray(branch[-1])
        header[120] ^= 1  # a byte of its state root
        with pytest.raises(Exception, match=r"state_root|child|parent"):
            ours.chain.import_blocks([*branch[:-1], bytes(header)])
        assert outbox(ours) == before
        assert ours.chain.outbox.state().last == before[-1].event_id


def test_a_history_that_was_off_leaves_a_marker(tmp_path: Path) -> None:
    """Whether it is on is kept with the chain, so that a look by a command changes nothing."""
    path = tmp_path / "chain"
    for history in (False, None):
        with chain(path, history=history) as dex:
            Traffic(dex, 3).block()
            assert outbox(dex) == []
            height = dex.head.number
    with chain(path, history=True) as dex:
        marker, *found = outbox(dex)
        assert (marker.kind, marker.block_number) == (Kind.GAP, height)
        assert {update.kind for update in found} == {Kind.FOUND}
        Traffic(dex, 5).block()
        last = outbox(dex)[-1].event_id
    with chain(path) as dex:
        assert outbox(dex)[-1].event_id == last, "no gap, no marker"
    with chain(path, history=False):
        pass
    with chain(path, history=True) as dex:
        assert [update.kind for update in outbox(dex)].count(Kind.GAP) == 2


@pytest.mark.slow
def test_what_is_open_is_known_again_after_the_history_was_off() -> None:
    """With each block that follows, as on a twin whose history was never off."""
    with (
        chain() as dex,
        chain() as twin,
        History(dex) as history,
        History(twin) as complete,
    ):
        both = Traffic(dex, 8), Traffic(twin, 8)
        for number in range(150):
            if number in (50, 100):
                dex.chain.outbox.switch(number == 100, dex.chain.head)
            for traffic in both:
                traffic.block()
            if number >= 100:
                assert open_orders(dex, history.store) == open_orders(twin, complete.store)
        found = [order for order in outbox(dex) if order.kind == Kind.FOUND]
        assert len(found) > 10
        assert {order.status for order in found} == {
            *(OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNTRIGGERED)
        }


@pytest.mark.slow
@pytest.mark.parametrize("back", [13, 20, 25, 32, 40, 45])
def test_a_rollback_takes_back_what_was_recorded_and_no_more(back: int) -> None:
    """Recorded are blocks 1 to 20, 31 to 40 and 51 on; 13 is before the history was off first."""
    with chain() as dex, History(dex) as history:
        traffic = Traffic(dex, 4)
        known = {}
        for number in range(1, 61):
            if number in (21, 31, 41, 51):
                dex.chain.outbox.switch(number in (31, 51), dex.chain.head)
            traffic.block()
            known[number] = totals(dex, history.store)
        dex.chain.rollback(back)
        assert totals(dex, history.store) == known[back]
        traffic.again()
        for _ in range(5):
            traffic.block()
        dex.chain.rollback(back)
        assert totals(dex, history.store) == known[back]


def test_a_rollback_while_the_history_is_off_is_known_of_later() -> None:
    """Blocks that come in the place of unrecorded ones are recorded where the history is on."""
    with chain() as dex, History(dex) as history:
        traffic = Traffic(dex, 6)
        for on, blocks in ((True, 10), (False, 10)):
            dex.chain.outbox.switch(on, dex.chain.head)
            for _ in range(blocks):
                traffic.block()
        dex.chain.rollback(15)
        assert dex.chain.outbox.state().missing == ((11, 0),)
        dex.chain.outbox.switch(True, dex.chain.head)
        assert dex.chain.outbox.state().missing == ((11, 15),)
        traffic.again()
        before = totals(dex, history.store)
        for _ in range(5):
            traffic.block()
        dex.chain.rollback(12)
        assert dex.chain.outbox.state().missing == ((11, 12),)
        assert totals(dex, history.store) == before
        dex.chain.rollback(10)
        assert dex.chain.outbox.state().missing == ()


def totals(dex: Dex, store: HistoryStore) -> list[list[tuple[Address, Totals]]]:
    users = map(to_address, dex.accounts)
    return [[(row.market, row.totals) for row in store.statistics(user)] for user in users]


def open_orders(dex: Dex, store: HistoryStore) -> list[list[OrderUpdate]]:
    users = map(to_address, dex.accounts)
    return [[as_row(order) for order in store.open_orders(user)] for user in users]


def test_a_new_chain_has_no_marker(tmp_path: Path) -> None:
    with chain(tmp_path / "chain") as dex:
        assert outbox(dex) == []
        assert dex.chain.outbox.state().is_recording


def test_outbox_is_pruned_only_below_its_slowest_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evm_dex.orderlog.outbox._PRUNE_EVERY", 10)
    monkeypatch.setattr("evm_dex.orderlog.cursors.KEEP", 25)
    assert KEEP == 100_000
    with chain() as dex:
        traffic = Traffic(dex, 3)
        set_cursor(dex.store, "slow", 7)
        set_cursor(dex.store, "fast", 30)
        while dex.chain.outbox.state().last < 80:
            traffic.block()
        assert outbox(dex)[0].event_id == 7, "the event at the cursor is what it is known by"
        assert cursors(dex.store) == {"slow": 7, "fast": 30}
        assert forget(dex.store, "slow")
        assert not forget(dex.store, "slow")
        last = dex.chain.outbox.state().last
        while dex.chain.outbox.state().last < last + 10:
            traffic.block()
        assert outbox(dex)[0].event_id == 30
        forget(dex.store, "fast")
        last = dex.chain.outbox.state().last
        while dex.chain.outbox.state().last < last + 10:
            traffic.block()
        state = dex.chain.outbox.state()
        assert outbox(dex)[0].event_id == state.first
        assert 25 <= state.last - state.first + 1 < 25 + 20
        assert dex.store.get(Family.EVENTS, event_key(30)) is None


def test_rows_that_logs_do_not_lead_to_stop_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours must not become history."""
    with chain() as dex:
        traffic = Traffic(dex, 3)
        traffic.block()
        before, height = outbox(dex), dex.head.number
        monkeypatch.setattr("evm_dex.orderlog.recorder.order_event", lambda _log: None)
        traffic.send("spot", "placeOrder", dex.tokens["WETH"], 10**18, 1_000 * 10**6, True)
        with pytest.raises(RecordingFailed, match="changed without a log"):
            dex.mine()
        monkeypatch.undo()
        assert (outbox(dex), dex.head.number) == (before, height)
        dex.mine()
        assert outbox(dex)[-1].kind == Kind.PLACED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, OrderStatus.FILLED),
        (OrderStatus.NEW, OrderStatus.REJECTED),
        (OrderStatus.NEW, OrderStatus.NEW),
        (OrderStatus.FILLED, OrderStatus.CANCELLED),
        (OrderStatus.CANCELLED, OrderStatus.NEW),
        (OrderStatus.UNTRIGGERED, OrderStatus.FILLED),
        (OrderStatus.GONE, OrderStatus.NEW),
    ],
)
def test_illegal_moves_raise(before: OrderStatus | None, after: OrderStatus) -> None:
    with pytest.raises(IllegalTransition, match="order 5"):
        check_transition(before, after, 5)


def test_ids_are_given_in_the_order_of_what_happened() -> None:
    with chain() as dex:
        traffic = Traffic(dex, 8)
        for _ in range(12):
            traffic.block()
        updates = outbox(dex)
    places = [(u.block_number, u.log_index) for u in updates]
    assert places == sorted(places)
    told = Counter((*place, u.order_id) for place, u in zip(places, updates, strict=True))
    assert set(told.values()) == {1}, "one log says one thing of an order"
