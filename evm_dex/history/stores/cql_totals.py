"""Accounts' totals as absolute numbers with the last event in them, so that none counts twice."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import astuple

from evm_dex.history.stores.cql_session import CqlSession, Write
from evm_dex.history.stores.history_store import Statistics
from evm_dex.orderlog.effects import effect
from evm_dex.orderlog.order_update import Exchange, OrderUpdate
from evm_dex.orderlog.totals import NOTHING, Totals
from precompiles.types import Address

_MOST_REMEMBERED = 50_000
_COLUMNS = ", ".join(Totals.__struct_fields__)
_READ = f"SELECT exchange, market, last_event_id, {_COLUMNS} FROM order_statistics WHERE user = ?"  # noqa: S608 - names of ours
_SET = (
    f"INSERT INTO order_statistics (user, exchange, market, last_event_id, {_COLUMNS}) "  # noqa: S608 - as above
    f"VALUES ({', '.join('?' * (4 + len(Totals.__struct_fields__)))}) USING TIMESTAMP ?"
)

_Market = tuple[Exchange, Address]


class RunningTotals:
    """The writer's memory of totals; `forget` when another one may have written."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._of_user: dict[Address, dict[_Market, Statistics]] = {}

    def forget(self) -> None:
        self._of_user.clear()

    def read(self, user: Address) -> list[Statistics]:
        """As stored, by ascending (exchange, market), none that are all 0."""
        (found,) = self._read([user])
        return [row for _, row in sorted(found.items()) if row.totals != NOTHING]

    def add(self, updates: Iterable[OrderUpdate]) -> list[Write]:
        """Add updates, ascending; what to write, by partition."""
        effects = [(update, effect(update)) for update in updates]
        counted = [(update, added) for update, added in effects if added != NOTHING]
        self._remember({update.user for update, _ in counted})
        changed: dict[Address, set[_Market]] = {}
        for update, added in counted:
            of_user, market = self._of_user[update.user], (update.exchange, update.market)
            before = of_user.get(market) or Statistics(update.user, *market, NOTHING, 0)
            if update.event_id > before.last_event_id:
                of_user[market] = Statistics(
                    update.user, *market, before.totals + added, update.event_id
                )
                changed.setdefault(update.user, set()).add(market)
        return [
            self._write(self._of_user[user][market] for market in sorted(markets))
            for user, markets in changed.items()
        ]

    def _write(self, rows: Iterable[Statistics]) -> Write:
        """The event id is the time of writing, so a row that comes late changes nothing."""
        write = Write()
        for row in rows:
            key = (row.user, row.exchange, row.market, row.last_event_id)
            write.add(_SET, (*key, *astuple(row.totals), row.last_event_id), 150)
        return write

    def _remember(self, users: set[Address]) -> None:
        if len(self._of_user) > _MOST_REMEMBERED:
            self.forget()
        missing = sorted(users - self._of_user.keys())
        if missing:
            self._of_user |= zip(missing, self._read(missing), strict=True)

    def _read(self, users: list[Address]) -> list[dict[_Market, Statistics]]:
        answers = self._session.many(_READ, ((user,) for user in users))
        return [
            {
                (Exchange(row.exchange), Address(row.market)): Statistics(
                    user, Exchange(row.exchange), Address(row.market), Totals(*row[3:]), row[2]
                )
                for row in rows
            }
            for user, rows in zip(users, answers, strict=True)
        ]
