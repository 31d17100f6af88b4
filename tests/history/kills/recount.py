"""The process that recounts: after every kill what is new, at the end everything."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from checkpoint.rocks.read_only_store import ReadOnlyStore
from tests.history.kills.facts import Kind, read_event
from tests.history.kills.model import Key, Model
from tests.history.kills.outbox import OutboxRecount
from tests.history.kills.rows import Rows
from tests.history.kills.tables import Database, Tables

_SHOWN = 5


class Recount:
    """Holds a store against the chain it came from. Never killed, and part of neither."""

    def __init__(self, chain: Path, database: Database) -> None:
        self._chain, self._database = chain, database
        self._outbox = OutboxRecount()
        self._model = Model()
        self._stored = 0
        self._lost = self._doubled = 0
        self._differences: list[str] = []

    @property
    def counted(self) -> int:
        """The last event of the chain that was looked at."""
        return len(self._outbox.payloads)

    def look(self) -> None:
        """After a kill: the store as it is has the chain's own events, and their exact totals."""
        seen = self._database.look(self._stored)
        with closing(ReadOnlyStore(self._chain)) as chain:
            self._outbox.read(chain)
        for event_id, payload in seen.updates:
            self._compare_update(event_id, payload)
        if seen.totals is not None:
            if self._stored != seen.cursor:
                self._differs(f"the cursor is {seen.cursor}, the last update {self._stored}")
            self._advance_model(seen.cursor)
            self._compare("totals", _without_zeros(seen.totals), _without_zeros(self._model.totals))

    def finish(self) -> None:
        """At rest, with all events in: every table, every row, every log once more."""
        with closing(ReadOnlyStore(self._chain)) as chain:
            self._outbox.read(chain)
            rows = Rows(chain)
        self._advance_model(self.counted)
        self._compare_all_updates()
        tables = self._database.all()
        self._compare_tables(tables)
        known = {i: (o.user, *o[2:]) for i, o in self._model.orders.items()}
        self._compare("orders and the chain's rows", known, rows.orders)
        self._compare(
            "totals and the chain's rows and logs",
            _without_zeros(tables.totals),
            _without_zeros(rows.totals),
        )

    def report(self) -> dict[str, Any]:
        """What was found so far."""
        return {
            "events": self.counted,
            "held_against_logs": self._outbox.compared,
            "rolled_back": self._outbox.kinds[Kind.ROLLED_BACK],
            "kinds": {Kind(kind).name: n for kind, n in sorted(self._outbox.kinds.items())},
            "lost": self._lost + self._outbox.lost,
            "doubled": self._doubled + self._outbox.doubled,
            "differences": [
                *self._differences[:_SHOWN],
                *self._outbox.differences[:_SHOWN],
                *self._model.differences[:_SHOWN],
            ],
        }

    def _compare_update(self, event_id: int, payload: bytes) -> None:
        if event_id != self._stored + 1:
            self._lost += max(0, event_id - self._stored - 1)
            self._doubled += event_id <= self._stored
            self._differs(f"the store has event {event_id} after event {self._stored}")
        self._stored = event_id
        if event_id > self.counted or self._outbox.payloads[event_id - 1] != payload:
            self._differs(f"the store's event {event_id} is not the chain's")

    def _compare_all_updates(self) -> None:
        found = [0] * self.counted
        for event_id, payload in self._database.updates():
            if event_id > self.counted or self._outbox.payloads[event_id - 1] != payload:
                self._differs(f"the store's event {event_id} is not the chain's")
            else:
                found[event_id - 1] += 1
        self._lost += found.count(0)
        self._doubled += sum(n - 1 for n in found if n > 1)

    def _compare_tables(self, tables: Tables) -> None:
        model = self._model
        self._compare("totals", _without_zeros(tables.totals), _without_zeros(model.totals))
        self._compare("orders", tables.orders, {i: o.event_id for i, o in model.orders.items()})
        self._compare("fills", tables.fills, model.fills)
        active = {(order.user, i): True for i, order in model.orders.items() if order.is_open}
        self._compare("open orders", dict.fromkeys(tables.active, True), active)

    def _advance_model(self, event_id: int) -> None:
        for payload in self._outbox.payloads[self._model.applied : event_id]:
            if not payload:
                self._model.applied += 1  # lost, which is noted already
                continue
            self._model.apply(read_event(payload))

    def _compare(self, what: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
        if found == expected:
            return
        keys = [k for k in {*found, *expected} if found.get(k) != expected.get(k)][:_SHOWN]
        pairs = [(key, found.get(key), expected.get(key)) for key in keys]
        self._differs(f"{what} at event {self._model.applied}: {pairs}")

    def _differs(self, what: str) -> None:
        self._differences.append(what)


def _without_zeros(totals: Mapping[Key, list[int]]) -> dict[Key, list[int]]:
    return {key: numbers for key, numbers in totals.items() if any(numbers)}
