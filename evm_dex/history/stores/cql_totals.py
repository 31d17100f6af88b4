"""Totals as absolute numbers with the last event in them, so that no event counts twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import astuple

from evm_dex.history.stores.cql_session import CqlSession, Write
from evm_dex.history.stores.history_store import Statistics
from evm_dex.history.stores.projection import Account, Added, added_after
from evm_dex.orderlog.order_update import ZERO, Exchange, Totals
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
    """The writer's cache of totals, until `forget`."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._of_user: dict[Address, dict[_Market, Statistics]] = {}

    def forget(self) -> None:
        self._of_user.clear()

    def read(self, user: Address) -> list[Statistics]:
        """Read a user's totals by ascending (exchange, market); rows of zeros are left out."""
        (found,) = self._read([user])
        return [row for _, row in sorted(found.items()) if row.totals != ZERO]

    def add(self, added: Mapping[Account, Added]) -> list[Write]:
        """Add what updates add to totals; return what to write, by partition."""
        self._remember({user for user, _, _ in added})
        changed: dict[Address, list[Statistics]] = {}
        for (user, exchange, market), deltas in sorted(added.items()):
            of_user, key = self._of_user[user], (exchange, market)
            before = of_user.get(key) or Statistics(user, *key, ZERO, 0)
            last = deltas[-1][0]
            # A crash may have left totals with some of these events in them, or all.
            if last > before.last_event_id:
                total = before.totals + added_after(before.last_event_id, deltas)
                of_user[key] = Statistics(user, *key, total, last)
                changed.setdefault(user, []).append(of_user[key])
        return [self._write(rows) for rows in changed.values()]

    def _write(self, rows: Iterable[Statistics]) -> Write:
        """Return the rows; the event id is the write time, so a late row changes nothing."""
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
