"""Threads for requests that take long: as many as there are, of which few stay."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_Result = TypeVar("_Result")
_STACK_BYTES = 64 * 2**20
"""Room for the 1,024 nested calls that the EVM allows."""
_KEPT = 2
"""Threads that stay without work. Others end, and what deep calls left on their stacks is free."""


class Workers:
    """Runs each piece of work at once, on a thread of its own."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._work: deque[Callable[[], None]] = deque()
        self._wake = threading.Semaphore(0)
        self._idle = 0
        self._is_closed = False
        self._threads: set[threading.Thread] = set()

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Begin it; what comes of it is in the future, which may be cancelled until it begins."""
        future: Future[_Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                found = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(found)

        with self._mutex:
            self._work.append(run)
            if self._idle:
                self._idle -= 1
                self._wake.release()
                return future
            thread = _with_deep_stack(self._run)
            self._threads.add(thread)
        thread.start()
        return future

    def close(self) -> None:
        """Let all that was begun finish, and end the threads."""
        with self._mutex:
            self._is_closed = True
            if self._idle:
                self._wake.release(self._idle)
                self._idle = 0
            threads = tuple(self._threads)
        for thread in threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._mutex:
                work = self._work.popleft() if self._work else None
                if work is None:
                    if self._is_closed or self._idle >= _KEPT:
                        self._threads.discard(threading.current_thread())
                        return
                    self._idle += 1
            if work is None:
                self._wake.acquire()
            else:
                work()
            del work


_stack_size = threading.Lock()


def _with_deep_stack(run: Callable[[], None]) -> threading.Thread:
    return _DeepThread(target=run, name="chain", daemon=True)


class _DeepThread(threading.Thread):
    """A thread with a stack of its own size, which Python sets for all threads at once."""

    def start(self) -> None:
        with _stack_size:
            before = threading.stack_size(_STACK_BYTES)
            try:
                super().start()
            finally:
                threading.stack_size(before)
