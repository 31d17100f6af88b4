"""A writer of balances to the CQL store ends between two writes: nothing is lost or doubled."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import product
from random import Random
from typing import Any

import pytest

from evm_dex.history.stores import cql_balances
from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings
from evm_dex.history.stores.cql_session import CqlSession, Write
from evm_dex.orderlog.balance_update import BalanceUpdate
from evm_dex.orderlog.order_update import Exchange
from tests.conftest import LONG
from tests.history.flow import MARKETS, USERS
from tests.history.model import ModelStore
from tests.history.store_contract import assert_same_balances, balance_updates, place_after

pytestmark = pytest.mark.xdist_group("cassandra")
UPDATES = balance_updates(11, 400)
MOST = 60
"""Updates in a piece."""
VERSIONS_IN_PART = 7
"""So that a balance lies in several partitions."""
KILLS = 60 if LONG else 5
CONFIRMED = 3
"""Pieces that a client has confirmed, at most, before it is killed."""


class Cut(Exception):  # noqa: N818 - stands for a kill
    """Ends the writer where it is."""


class Cutter:
    """Lets so many writes through, those of one call in any order, and ends the writer then."""

    def __init__(self, left: int, chance: Random) -> None:
        self._left, self._chance = left, chance

    def patch(self, patched: pytest.MonkeyPatch) -> None:
        execute_whole = CqlSession.execute

        def write(session: CqlSession, writes: Iterable[Write]) -> None:
            statements = [batch for each in writes for batch in session._batches(each)]
            passing = self._passing(len(statements))
            session._run(self._chance.sample(statements, passing))
            if passing < len(statements):
                raise Cut

        def execute(session: CqlSession, *asked: Any) -> None:
            if not self._passing(1):
                raise Cut
            execute_whole(session, *asked)

        patched.setattr(CqlSession, "write", write)
        patched.setattr(CqlSession, "execute", execute)

    def _passing(self, count: int) -> int:
        passing = min(count, self._left)
        self._left -= passing
        return passing


def pieces(after: int, chance: Random) -> Iterator[list[BalanceUpdate]]:
    """What a service reads that goes on from a cursor, in pieces of any length."""
    while after < len(UPDATES):
        end = after + chance.randint(1, MOST)
        yield UPDATES[after:end]
        after = min(end, len(UPDATES))


def check_unfinished(store: CqlStore) -> None:
    """All that the cursor tells of is there, and each balance with all that led to it."""
    reached = store.balance_cursor().event_id
    model = ModelStore()
    model.apply_balances(UPDATES, place_after(UPDATES[-1]))
    for user in USERS:
        lasts = {(it.exchange, it.token): it for it in store.balances(user)}
        for exchange, (_, token) in product((Exchange.SPOT, Exchange.PERP), MARKETS):
            written = model.balance_changes(user, exchange, token)
            confirmed = [it for it in written if it.event_id <= reached]
            last = lasts.get((exchange, token))
            if last is None:
                assert confirmed == []
                continue
            so_far = [it for it in written if it.version <= last.version]
            assert so_far[0] == last
            assert len(so_far) >= len(confirmed)
            assert store.balance_changes(user, exchange, token) == so_far


def check_finished(store: CqlStore) -> None:
    model = ModelStore()
    model.apply_balances(UPDATES, place_after(UPDATES[-1]))
    assert_same_balances(store, model)
    assert list(store.damage()) == []


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cql_balances, "_PART", VERSIONS_IN_PART)


def test_cut_short_at_any_write_of_balances_a_writer_goes_on_to_the_same(
    settings: CqlSettings, stores: list[CqlStore]
) -> None:
    """Each writer is another one, begins where the cursor is, and reads pieces of other lengths."""
    chance, reached = Random(3), []
    stores.append(store := CqlStore(settings))
    while (after := store.balance_cursor().event_id) < len(UPDATES):
        stores.append(store := CqlStore(settings))
        with pytest.MonkeyPatch.context() as patched:
            Cutter(chance.randrange(60), chance).patch(patched)
            try:
                for piece in pieces(after, chance):
                    store.apply_balances(piece, place_after(piece[-1]))
            except Cut:
                reached.append(store.balance_cursor().event_id)
        check_unfinished(store)
    assert len(reached) > 10
    assert len(set(reached)) < len(reached), "some got as far as no cursor"
    check_finished(store)


CLIENT = f"""
import sys
from random import Random
from evm_dex.history.stores import cql_balances
from evm_dex.history.stores.cql import CqlStore
from evm_dex.history.stores.cql_schema import CqlSettings
from tests.history.cassandra.test_cql_balance_crashes import pieces, place_after
cql_balances._PART = {VERSIONS_IN_PART}
port, keyspace, seed = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = CqlStore(CqlSettings(port=port, keyspace=keyspace, timeout=30))
after = store.balance_cursor().event_id
print("begins", flush=True)
for piece in pieces(after, Random(seed)):
    store.apply_balances(piece, place_after(piece[-1]))
    print(piece[-1].event_id, flush=True)
"""


def test_a_killed_writer_of_balances_goes_on_where_its_cursor_is(
    settings: CqlSettings, stores: list[CqlStore]
) -> None:
    chance = Random(5)
    stores.append(store := CqlStore(settings))
    for seed in range(KILLS):
        if store.balance_cursor().event_id == len(UPDATES):
            store.clear()
        arguments = [str(settings.port), settings.keyspace, str(seed)]
        with subprocess.Popen(
            [sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE, text=True
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == "begins\n"
            said = [client.stdout.readline() for _ in range(chance.randint(0, CONFIRMED))]
            time.sleep(chance.random() * 0.02)
            client.kill()
        confirmed = max((int(line) for line in said if line), default=0)
        assert store.balance_cursor().event_id >= confirmed
        check_unfinished(store)
    left = UPDATES[store.balance_cursor().event_id :]
    for first in range(0, len(left), MOST):
        piece = left[first : first + MOST]
        store.apply_balances(piece, place_after(piece[-1]))
    check_finished(store)
