"""Damage to a SQLite file is named, found by `verify`, or changes no answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evm_dex.history.inprocess import History
from evm_dex.history.stores.history_store import (
    HistoryStore,
    Query,
    StoreBroken,
    StoreUnavailable,
)
from evm_dex.history.stores.sqlite import SqliteStore
from evm_dex.history.verify_history import verify
from evm_dex.orderlog.order_update import OrderUpdate, UnknownUpdate
from tests.conftest import LONG
from tests.history.traffic import Traffic, chain

CASES = 1_000 if LONG else 80
NAMED = (StoreBroken, StoreUnavailable, UnknownUpdate)
PAGE = 4_096


def answers(store: HistoryStore) -> list[Any]:
    """What every query says."""
    found: list[Any] = [store.cursor()]
    updates: list[OrderUpdate] = []
    while page := store.stream(len(updates), 1_000):
        updates += page
    found.append(updates)
    orders = sorted({update.order_id for update in updates})
    for order_id in orders:
        found += [store.order(order_id), store.changes(order_id), store.order_fills(order_id)]
    for user in sorted({update.user for update in updates}):
        query = Query(user=user, limit=1_000)
        found += [store.open_orders(user), store.statistics(user)]
        found += [store.history(query), store.fills(query)]
    for client in sorted({(u.user, u.client_order_id) for u in updates if u.client_order_id}):
        found.append(store.by_client_id(*client))
    for market in sorted({update.market for update in updates}):
        query = Query(market=market, limit=1_000)
        found += [store.history(query), store.fills(query)]
    return found


def flip_bit(content: bytearray, at: random.Random) -> None:
    content[at.randrange(len(content))] ^= 1 << at.randrange(8)


def flip_small_bits(content: bytearray, at: random.Random) -> None:
    for _ in range(40):
        content[at.randrange(len(content))] ^= 1


def cut(content: bytearray, at: random.Random) -> None:
    del content[at.randrange(len(content)) :]


def zero_page(content: bytearray, at: random.Random) -> None:
    start = at.randrange(len(content) // PAGE) * PAGE
    content[start : start + PAGE] = bytes(PAGE)


def swap_pages(content: bytearray, at: random.Random) -> None:
    one, two = (at.randrange(len(content) // PAGE) * PAGE for _ in range(2))
    first, second = content[one : one + PAGE], content[two : two + PAGE]
    content[one : one + PAGE], content[two : two + PAGE] = second, first


def random_bytes(content: bytearray, at: random.Random) -> None:
    start = at.randrange(len(content))
    content[start : start + 64] = at.randbytes(len(content[start : start + 64]))


WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(flip_bit, flip_bit, flip_bit, flip_small_bits, cut, zero_page, swap_pages, random_bytes),
)


@pytest.mark.slow
def test_damage_is_named_found_or_harmless(tmp_path: Path) -> None:
    whole, damaged = tmp_path / "whole.db", tmp_path / "damaged.db"
    outcomes: Counter[str] = Counter()
    with chain() as dex:
        traffic = Traffic(dex, 6)
        for number in range(25):
            traffic.block()
            if number == 15:
                dex.chain.rollback(12)
                traffic.again()
        with History(dex, whole) as history:
            assert list(verify(dex.store, history.store)) == []
            sound = answers(history.store)
        content = whole.read_bytes()
        at = random.Random(7)
        for number in range(CASES):
            changed = bytearray(content)
            WAYS[number % len(WAYS)](changed, at)
            for beside in tmp_path.glob("damaged.db*"):
                beside.unlink()
            damaged.write_bytes(changed)
            outcome = outcome_of(damaged, lambda store: verify(dex.store, store), sound)
            outcomes[outcome] += 1
            assert outcome != "accepted", (number, WAYS[number % len(WAYS)].__name__)
    assert min(outcomes["found"], outcomes["named"]) > CASES // 20


def outcome_of(
    path: Path, differences: Callable[[HistoryStore], Iterator[str]], sound: list[Any]
) -> str:
    try:
        with closing(SqliteStore(path, read_only=True)) as store:
            if list(differences(store)):
                return "found"
            return "harmless" if answers(store) == sound else "accepted"
    except NAMED:
        return "named"
