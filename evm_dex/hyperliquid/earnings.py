"""Trades and earnings of accounts in each coin, minute by minute."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable

import msgspec

from evm_dex.orderlog.candles import MINUTE
from precompiles.types import Address


class Earned(msgspec.Struct, frozen=True):
    """Sums since the chain began, as they were after the last change in a minute."""

    time: int = 0
    """Of that change, in seconds."""
    volume: int = 0
    """Traded, in the quote."""
    cash: int = 0
    """Quote received less paid, fees included; on a perpetual gains realized and funding."""
    size: int = 0
    """Base received less given; on a perpetual the position."""
    entry: int = 0
    """Quote that the position was entered for, negative for a short one."""


_NOTHING = Earned()


class Earnings:
    """The sums of all accounts."""

    def __init__(self) -> None:
        self._minutes: dict[Address, dict[str, list[Earned]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def change(
        self,
        user: Address,
        coin: str,
        time: int,
        *,
        volume: int = 0,
        cash: int = 0,
        size: int = 0,
        position: tuple[int, int] | None = None,
    ) -> Callable[[], object]:
        """Add to an account's sums, or set its position to (size, entry); return what undoes it."""
        minutes = self._minutes[user][coin]
        before = minutes[-1] if minutes else _NOTHING
        size, entry = (before.size + size, before.entry) if position is None else position
        after = Earned(time, before.volume + volume, before.cash + cash, size, entry)
        if minutes and before.time // MINUTE == time // MINUTE:
            minutes[-1] = after
            return lambda: minutes.__setitem__(-1, before)
        minutes.append(after)
        return minutes.pop

    def coins(self, user: Address) -> list[str]:
        """Return what an account has traded."""
        return [coin for coin, minutes in self._minutes.get(user, {}).items() if minutes]

    def at(self, user: Address, coin: str, time: int) -> Earned:
        """Return an account's sums at a time, in seconds; to the minute."""
        minutes = self._minutes.get(user, {}).get(coin, [])
        place = bisect_right(minutes, time, key=lambda minute: minute.time)
        return minutes[place - 1] if place else _NOTHING

    def begins(self, user: Address) -> int | None:
        """Return when an account first traded; None for never."""
        firsts = [minutes[0].time for minutes in self._minutes.get(user, {}).values() if minutes]
        return min(firsts, default=None)
