"""A bound on how long executions on one state may take, by the clock.

Only what leaves no trace is bounded so: a block takes as long as its gas allows, on every machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from evm_dex.evm.computation import Code
from evm_dex.evm.machine import State

_OPCODES_PER_LOOK = 4_096


class TookTooLong(Exception):  # noqa: N818 - named for what happened, like all errors here
    """An execution was ended because its time was up."""


def limit_time(state: State, seconds: float) -> None:
    """Let executions on a state end after so many seconds from now, by TookTooLong."""
    limited: Any = state
    limited.deadline = time.monotonic() + seconds
    limited.computation_class = _limited_class(limited.computation_class)


@cache  # making one takes as long as a small call; there is one per chain
def _limited_class(base: Any) -> Any:
    def __init__(self: Any, state: Any, *arguments: Any) -> None:  # noqa: N807 - see below
        base.__init__(self, state, *arguments)
        self.code = _LimitedCode(self.msg.code, state.deadline)

    return type("LimitedComputation", (base,), {"__init__": __init__})


class _LimitedCode(Code):
    """Code that looks at the clock now and then while it is run."""

    __slots__ = ("_deadline",)

    def __init__(self, code: bytes, deadline: float) -> None:
        super().__init__(code)
        self._deadline = deadline

    def __iter__(self) -> Iterator[int]:
        since_look = 0
        for opcode in super().__iter__():
            yield opcode
            since_look += 1
            if since_look == _OPCODES_PER_LOOK:
                since_look = 0
                if time.monotonic() > self._deadline:
                    raise TookTooLong
