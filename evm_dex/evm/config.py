"""Configuration of the executions on one state: their watchers, bounds and skipped checks.

A state is built with one configuration, and its computations read it there. Mining runs with the
default; calls, traces and simulated blocks differ in it alone. The EVM's rules are the VM class's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from evm_dex.evm.ledger_view import LedgerView

OPCODES_PER_LOOK = 4_096
"""Most opcodes that a frame runs between two looks at its deadline."""

_LONGEST_STEP = 1.0
"""Seconds between two looks at most, so that nobody waits longer for what a look lets through."""
StepHook = Callable[[Any, Any], None]
"""Runs an opcode, given it and its computation."""


class TookTooLong(Exception):  # noqa: N818 - named for what happened, like all errors here
    """An execution was ended because its time was up."""


class Deadline:
    """A moment by the clock, for all frames of all executions that share it.

    Only what leaves no trace is bounded so: a block takes as long as its gas allows, on every
    machine. Frames look when they begin and every `OPCODES_PER_LOOK` opcodes, or so much gas, so
    deep recursion can't hide between two looks.
    """

    __slots__ = ("_moment", "_on_look")

    def __init__(self, seconds: float, on_look: Callable[[], float] | None = None) -> None:
        """`seconds` from now; `on_look` is called at each look, where the execution waits.

        It returns the seconds that it took, which don't count.
        """
        self._moment = time.monotonic() + seconds
        self._on_look = on_look

    def check(self, seconds: float = 0) -> None:
        """Raise TookTooLong when the moment has passed, or what takes so long would pass it."""
        if self._on_look is not None:
            self._moment += self._on_look()
        if seconds > _LONGEST_STEP or time.monotonic() + seconds > self._moment:
            raise TookTooLong


class Unhurried(Deadline):
    """No end: a block takes as long as its gas allows. Others may be let through all the same."""

    __slots__ = ("_look",)

    def __init__(self, on_look: Callable[[], float]) -> None:
        """Call `on_look` where a deadline would be looked at."""
        super().__init__(0)
        self._look = on_look

    def check(self, seconds: float = 0) -> None:  # noqa: ARG002 - a block has the time
        """Let others through."""
        self._look()


class CodeWatch(Protocol):
    """Sees which code runs, compiled or not: see `evm_dex.evm.compiler.watched`."""

    def program_for(self, computation: Any) -> Any:
        """Return the program that a frame's code runs as."""


class AccessObserver(Protocol):
    """Notes accounts and storage words as they become warm (EIP-2929)."""

    def begin(self, state: Any, transaction: Any) -> None:
        """Look at the state before a transaction, or a call in the form of one."""

    def address_touched(self, address: bytes) -> None:
        """Note an account."""

    def storage_touched(self, address: bytes, slot: int) -> None:
        """Note a storage word."""


class ExecutionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Differences between executions under the same rules; the default is that of mining."""

    on_step: StepHook | None = None
    """Runs every opcode in place of the interpreter, and so sees the machine before and after."""
    records_calls: bool = False
    """Whether each computation notes by which opcode it was called, and keeps what it was given."""
    watch: CodeWatch | None = None
    """Told which code runs; what comes of it is the same."""
    deadline: Deadline | None = None
    accesses: AccessObserver | None = None
    on_console: Callable[[bytes], None] | None = None
    """Is told the input of each call of `console.log`, which costs and does what it did before."""
    logs_transfers: bool = False
    """Whether transfers of the native coin are logged, as a token's would be (ERC-7528)."""
    validates: bool = True
    """Whether a transaction must be valid to be executed."""
    blob_base_fee: int | None = None
    """Wei per blob gas; None for what follows from the block's excess of blobs."""

    is_compiled: bool = os.environ.get("EVM_DEX_COMPILE", "1") != "0"
    """Whether code that runs often is compiled; what comes of it is the same.

    EVM_DEX_COMPILE=0 in the environment has all code interpreted.
    """

    ledger_view: LedgerView | None = None
    """Brings the ledger to the block that is looked at; None where it is there already."""

    precompiles: Mapping[bytes, Any] | None = None
    """Precompiles by address where some are moved; None for those of the VM, which stay warm."""

    @property
    def is_plain(self) -> bool:
        """True for an execution without tracers and with every check, as in a mined block."""
        watchers = self.on_step, self.accesses, self.precompiles
        return (
            self.validates
            and watchers == (None, None, None)
            and not (self.records_calls or self.logs_transfers)
        )

    @property
    def needs_interpreter(self) -> bool:
        """Whether opcodes must run one by one, in the order and place they have in the code."""
        is_watched = self.watch is not None  # which the interpreter by opcodes tells nothing
        return self.on_step is not None or not (self.is_compiled or is_watched)


_PRECOMPILE_GAS_PER_SECOND = 8_000_000
"""Speed of the slowest, a map to G2 of BLS12-381, on a slow machine."""


def check_time(config: ExecutionConfig, gas: int) -> None:
    """Raise TookTooLong where there is no time for a precompile of that price.

    Nothing can look at the clock while a precompile runs, so its price stands for its time.
    """
    if config.deadline is not None:
        config.deadline.check(gas / _PRECOMPILE_GAS_PER_SECOND)


MINING = ExecutionConfig()
"""The configuration of blocks, whose result depends on their transactions alone."""
