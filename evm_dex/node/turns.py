"""Turns on the chain: one thread at a time, while long executions stand still for others.

A call, a trace and a block in work give way at their looks at the clock. What then runs sees the
chain as of its head: a call has a state of its own, a block in work is not read before it is
committed. Only the exchanges' ledger is there once. So who changes it, or looks at it as of some
block, has it alone until the end: a block and all that is no call from the start, a call from its
first look.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum, auto
from threading import Lock, get_ident

from evm_dex.evm.config import TookTooLong

_SECONDS_AT_ONCE = 0.004
"""After which an execution gives way."""
_PATIENCE = 0.35
"""Seconds that others wait for the exchanges before an execution that has them is ended."""
_LEAST_HELD = 0.05
"""Seconds for which it has had them by then."""


class Use(Enum):
    """The parts of the chain that a request needs."""

    READING = auto()
    """Blocks, and accounts after them; nothing of the exchanges."""
    CALLING = auto()
    """An execution that leaves no trace, and may come to look at the exchanges."""
    ALONE = auto()
    """All else: it changes the chain, or looks at the exchanges."""


class _Gate:
    """One thread that waits."""

    __slots__ = ("lock", "since")

    def __init__(self) -> None:
        self.lock = Lock()
        self.lock.acquire()
        self.since = time.monotonic()


class Baton:
    """A lock that is handed on: to those that come anew first, in order, then to those back."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._is_taken = False
        self._new: deque[_Gate] = deque()
        self._back: deque[_Gate] = deque()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._new or self._back)

    def wanted_for(self) -> float:
        """Seconds that the first has waited for it."""
        with self._mutex:
            return time.monotonic() - self._new[0].since if self._new else 0.0

    def try_take(self) -> bool:
        """Take it if nobody has it; whether that was so."""
        with self._mutex:
            if self._is_taken:
                return False
            self._is_taken = True
            return True

    def take(self, *, is_back: bool = False) -> None:
        """Wait for it; `is_back` after all who come anew."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            gate = _Gate()
            (self._back if is_back else self._new).append(gate)
        gate.lock.acquire()

    def give(self) -> None:
        """Hand it on, or leave it."""
        with self._mutex:
            waiting = self._new or self._back
            if waiting:
                waiting.popleft().lock.release()
            else:
                self._is_taken = False


_GOING_ON = nullcontext()


class Turns:
    """The order of requests on the chain, and on its exchanges."""

    def __init__(self) -> None:
        self._chain, self._exchanges = Baton(), Baton()
        self._at_chain: int | None = None
        """The thread at work."""
        self._at_exchanges: int | None = None
        """The thread that has the exchanges, and since when."""
        self._had_since = 0.0
        self._since = 0.0
        """When that thread's turn began."""
        self._gives_way = True
        self._outside: dict[int, float] = {}
        """Seconds that a thread waited for something outside, until it looks at the clock."""

    @property
    def has_all(self) -> bool:
        """True if this thread has both the chain and the exchanges."""
        me = get_ident()
        return self._at_chain == me and self._at_exchanges == me

    def taken(self, use: Use) -> AbstractContextManager[None]:
        """Wait for a turn, which lasts for the context; inside one, go on with it."""
        me = get_ident()
        if self._at_chain != me:
            return self._turn(use)
        is_enough = use is not Use.ALONE or self._at_exchanges == me
        return _GOING_ON if is_enough else self.exchanges()

    @contextmanager
    def _turn(self, use: Use) -> Iterator[None]:
        if use is Use.ALONE:
            self._exchanges.take()
            self._have_exchanges()
        self._begin()
        try:
            yield
        finally:
            if self._outside:
                self._outside.pop(get_ident(), None)
            self._end()
            if use is Use.ALONE:
                self._leave_exchanges()

    @contextmanager
    def exchanges(self) -> Iterator[None]:
        """Have the exchanges alone inside the context; others have turns while they are waited for.

        A thread without a turn, as that of a test, goes on at once.
        """
        me = get_ident()
        if self._at_chain != me or self._at_exchanges == me:
            yield
            return
        if not self._exchanges.try_take():
            self._end()
            self._exchanges.take()
            self._begin(is_back=True)
        self._have_exchanges()
        try:
            yield
        finally:
            self._leave_exchanges()

    def try_take(self) -> bool:
        """Take a turn with all there is, if nobody has any of it; `give` ends it.

        For the thread that serves the network: it can't wait, nor give way.
        """
        if not self._exchanges.try_take():
            return False
        if not self._chain.try_take():
            self._exchanges.give()
            return False
        self._at_chain = self._at_exchanges = get_ident()
        self._gives_way = False
        return True

    def give(self) -> None:
        """End what `try_take` began."""
        self._end()
        self._leave_exchanges()

    def give_way(self) -> float:
        """Let others have their turns, if this one has been long; return the seconds waited.

        Those that it waited for something outside since the last look are among them.
        """
        outside = self._outside.pop(get_ident(), 0.0) if self._outside else 0.0
        if self._at_chain != get_ident() or not (self._gives_way and self._chain.is_wanted):
            return outside
        now = time.monotonic()
        if now - self._since < _SECONDS_AT_ONCE:
            return outside
        self._end()
        self._begin(is_back=True)
        return outside + time.monotonic() - now

    @contextmanager
    def while_waiting(self) -> Iterator[None]:
        """Let others have turns inside the context, where something outside is waited for.

        What then runs sees the chain as where an execution gives way. A thread that has no turn, or
        may not give way, goes on with what it has.
        """
        if self._at_chain != get_ident() or not self._gives_way:
            yield
            return
        me, began = get_ident(), time.monotonic()
        self._end()
        try:
            yield
        finally:
            self._begin(is_back=True)
            self._outside[me] = self._outside.get(me, 0.0) + time.monotonic() - began

    def during_call(self) -> float:
        """Give way. Raises TookTooLong where others have waited too long for the exchanges."""
        waited = self.give_way()
        if (
            self._at_exchanges == get_ident()
            and self._exchanges.wanted_for() > _PATIENCE
            and time.monotonic() - self._had_since > _LEAST_HELD
        ):
            raise TookTooLong(f"it kept others from the exchanges for {_PATIENCE:g} s")
        return waited

    def _begin(self, *, is_back: bool = False) -> None:
        self._chain.take(is_back=is_back)
        self._at_chain = get_ident()
        self._since = time.monotonic()

    def _end(self) -> None:
        self._at_chain = None
        self._gives_way = True
        self._chain.give()

    def _have_exchanges(self) -> None:
        self._at_exchanges = get_ident()
        self._had_since = time.monotonic()

    def _leave_exchanges(self) -> None:
        self._at_exchanges = None
        self._exchanges.give()
