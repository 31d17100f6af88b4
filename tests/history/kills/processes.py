"""Children that share the parent's imports, so that starting one costs milliseconds."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

_PR_SET_PDEATHSIG = 1


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a child, which ends with its parent; the child's id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def kill(child: int, name: str) -> None:
    """Hard, and it must not have ended by itself."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed, f"the {name} stopped by itself: {status}"


def ended(child: int) -> bool:
    """Whether it is over, for whatever reason."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def finished(child: int) -> None:
    """Wait for the end of a child that must not fail."""
    _, status = os.waitpid(child, 0)
    assert status == 0, "a child failed; its stderr says why"


class Asked:
    """A child that does one thing after the other when it is told to, and answers."""

    def __init__(self, make: Callable[[], Callable[[str], Any]]) -> None:
        """`make` runs in the child and gives what answers."""
        self._connection, there = Pipe()
        self._child = forked(lambda: _answer(there, make()))
        there.close()

    def ask(self, what: str) -> Any:
        """Its answer. Raises EOFError when it failed; what happened is on its stderr."""
        self._connection.send(what)
        return self._connection.recv()

    def end(self) -> None:
        """Let it go."""
        kill(self._child, "child")


def _answer(connection: Connection[Any, Any], answer: Callable[[str], Any]) -> None:
    while True:
        connection.send(answer(connection.recv()))
