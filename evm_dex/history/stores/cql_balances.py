"""Balances in the CQL store: what each is, and every update that it came by.

The last update of a balance is written with its version as the time of writing, so the highest
stands in whatever order they come. Changes lie in parts of so many versions, newest first.
"""

from __future__ import annotations

from collections.abc import Sequence

from evm_dex.history.stores.cql_session import CqlSession, Values, Write
from evm_dex.history.stores.history_store import START, Cursor
from evm_dex.history.stores.projection import last_balances
from evm_dex.orderlog.balance_update import BalanceUpdate, decode_balance, encode_balance
from evm_dex.orderlog.order_update import Exchange
from precompiles.types import Address

_PART = 10_000
"""Versions of one balance that share a partition."""
_CURSOR = "SELECT event_id, fingerprint FROM cursor WHERE log = 2"
_SET_CURSOR = "INSERT INTO cursor (log, event_id, fingerprint) VALUES (2, ?, ?) USING TIMESTAMP ?"
_LAST = (
    "INSERT INTO balances (user, exchange, token_address, version, event_id, payload) "
    "VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_CHANGE = (
    "INSERT INTO balance_changes (user, exchange, token_address, part, version, event_id, payload) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?"
)
_OF_USER = "SELECT event_id, payload FROM balances WHERE user = ?"
_VERSIONS = "SELECT exchange, token_address, version FROM balances WHERE user = ?"
_NEWEST = "SELECT version FROM balances WHERE user = ? AND exchange = ? AND token_address = ?"
_CHANGES = (
    "SELECT event_id, payload FROM balance_changes "
    "WHERE user = ? AND exchange = ? AND token_address = ? AND part = ? AND version < ? LIMIT ?"
)


class CqlBalances:
    """The balances of one store."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def cursor(self) -> Cursor:
        """Return the place in the log up to which updates were applied."""
        for row in self._session.rows(_CURSOR):
            return Cursor(row.event_id, row.fingerprint)
        return START

    def apply(self, updates: Sequence[BalanceUpdate], cursor: Cursor) -> None:
        """Write changes, then what they lead to, then the cursor: a crash only repeats.

        So all changes up to the last update of a balance are there, and it need not be repeated:
        what stands for pruned updates would differ from those that it stands for.
        """
        life = self._session.settings.seconds_to_live
        known = self._versions({update.user for update in updates})
        fresh = [it for it in updates if it.version > known.get(_owner(it), 0)]
        changes: dict[Values, Write] = {}
        for update in fresh:
            part, payload = (*_owner(update), update.version // _PART), encode_balance(update)
            change = (*part, update.version, update.event_id, payload, life)
            changes.setdefault(part, Write()).add(_CHANGE, change, len(payload) + 80)
        lasts: dict[Values, Write] = {}
        for update in last_balances(fresh):
            version, payload = update.version, encode_balance(update)
            last = (*_owner(update), version, update.event_id, payload, version)
            lasts.setdefault((update.user,), Write()).add(_LAST, last, len(payload) + 80)
        for writes in (changes, lasts):
            self._session.write(writes.values())
        place = (cursor.event_id, cursor.fingerprint, cursor.event_id)
        self._session.execute(_SET_CURSOR, place)

    def _versions(self, users: set[Address]) -> dict[Values, int]:
        """Return the version of each of the users' balances."""
        asked = sorted(users)
        answers = self._session.many(_VERSIONS, ((user,) for user in asked))
        return {
            (user, row.exchange, Address(row.token_address)): row.version
            for user, rows in zip(asked, answers, strict=True)
            for row in rows
        }

    def of_user(self, user: Address) -> list[BalanceUpdate]:
        """Return the last update of each of a user's balances, by (exchange, token)."""
        return [decode_balance(*row) for row in self._session.rows(_OF_USER, (user,))]

    def changes(
        self, user: Address, exchange: Exchange, token: Address, before: int | None, limit: int
    ) -> list[BalanceUpdate]:
        """Return updates of one balance with a version below `before`, newest first."""
        found: list[BalanceUpdate] = []
        newest = next(self._session.rows(_NEWEST, (user, exchange, token)), None)
        if newest is None:
            return found
        below = newest.version + 1 if before is None else min(before, newest.version + 1)
        for part in range((below - 1) // _PART, -1, -1):
            asked = (user, exchange, token, part, below, limit - len(found))
            found += [decode_balance(*row) for row in self._session.rows(_CHANGES, asked)]
            if len(found) == limit:
                break
        return found


def _owner(update: BalanceUpdate) -> tuple[Address, Exchange, Address]:
    return update.user, update.exchange, update.token
