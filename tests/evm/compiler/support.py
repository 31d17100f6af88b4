"""Running the same call compiled and interpreted, and all there is to compare of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from evm_dex.evm.calls import CallTransaction
from evm_dex.evm.compiler import program
from evm_dex.evm.config import CodeWatch, Deadline, ExecutionConfig, StepHook
from evm_dex.evm.tracer import Accesses
from precompiles.types import Address
from tests.chain import support

SENDER = Address(b"\xaa" * 20)
CONTRACT = Address(b"\xc0" * 20)
OTHERS = tuple(Address(bytes((0xD0 + number,)) * 20) for number in range(4))
GAS = 200_000
_WORDS = range(8)


class Frame(msgspec.Struct, frozen=True):
    """What came of one message; refund, logs and deletions its own alone."""

    kind: str
    error: str
    output: bytes
    gas_left: int
    refund: int
    logs: tuple[Any, ...]
    deleted: tuple[bytes, ...]
    depth: int


class Total(msgspec.Struct, frozen=True):
    """What came of a call with all that it called."""

    error: str
    output: bytes
    gas_left: int
    refund: int
    logs: tuple[Any, ...]
    deleted: frozenset[bytes]
    levels: int


class Outcome(msgspec.Struct, frozen=True):
    """What came of a call, and what it left behind."""

    total: Total
    frames: tuple[Frame, ...] | None
    """Each before those that it called; None where calls were not recorded."""
    warm: frozenset[Any]
    words: tuple[int, ...]
    transient: tuple[bytes, ...]
    balances: tuple[int, ...]
    touched: dict[bytes, tuple[int, ...]] | None = None
    """Accounts and words, also those that a failed call touched; None where they were not noted."""


class Machines:
    """One state on which calls are carried out either way, and taken back."""

    def __init__(self) -> None:
        self._world = support.World()
        chain = self._world.chain
        self.state: Any = chain.call_runner.state_at(chain.head)
        self._machine = chain.call_runner.machine
        self.state.set_balance(SENDER, 10**20)

    def put(self, address: Address, code: bytes) -> None:
        """Let an account have some code and a few words."""
        self.state.set_code(address, code)
        self.state.set_nonce(address, 1)
        self.state.set_balance(address, 1_000)
        for slot in _WORDS:
            self.state.set_storage(address, slot, slot % 3)

    def call(
        self,
        data: bytes = b"",
        *,
        is_compiled: bool,
        records_calls: bool = True,
        records_accesses: bool = True,
        gas: int = GAS,
        value: int = 0,
        deadline: Deadline | None = None,
        on_step: StepHook | None = None,
        watch: CodeWatch | None = None,
    ) -> Outcome:
        """What comes of a call of the contract with that much gas to execute with."""
        tried = CallTransaction(
            sender=SENDER, to=CONTRACT, data=data, value=value, gas=gas, access_list=(),
            intrinsic_gas=0, type_id=2, max_fee_per_gas=0, max_priority_fee_per_gas=0,
            blob_versioned_hashes=(), authorization_list=(),
        )  # fmt: skip
        accesses = Accesses() if records_accesses else None
        config = ExecutionConfig(
            is_compiled=is_compiled,
            records_calls=records_calls,
            accesses=accesses,
            deadline=deadline,
            on_step=on_step,
            watch=watch,
        )
        self.state.accounts.observer = accesses
        mark = self.state.snapshot()
        try:
            computation, _ = self._machine.run(self.state.under(config), tried)
            outcome = self._outcome(computation, records_calls=records_calls)
            touched = accesses.touched() if accesses else None
            return msgspec.structs.replace(outcome, touched=touched)
        finally:
            self.state.revert(mark)
            self.state.clear_transient_storage()

    def _outcome(self, computation: Any, *, records_calls: bool) -> Outcome:
        state, places = self.state, (CONTRACT, *OTHERS)
        return Outcome(
            total=_total(computation),
            frames=tuple(_frames(computation)) if records_calls else None,
            warm=frozenset(state._account_db._warm),
            words=tuple(state.get_storage(it, slot) for it in places for slot in _WORDS),
            transient=tuple(
                state.get_transient_storage(it, slot).lstrip(b"\0")
                for it in places
                for slot in _WORDS
            ),
            balances=tuple(map(state.get_balance, places)),
        )

    def agree(self, data: bytes = b"", **options: Any) -> Outcome:
        """The outcome, which is the same both ways, and both times where it is compiled.

        Frame by frame where calls are recorded, and in all where frames take in those they call.
        """
        interpreted = self.call(data, is_compiled=False, **options)
        for _ in range(2):
            compiled = self.call(data, is_compiled=True, **options)
            assert compiled == interpreted
        without = msgspec.structs.replace(interpreted, frames=None)
        unrecorded = self.call(data, is_compiled=True, records_calls=False, **options)
        assert unrecorded == without
        options |= {"records_calls": False, "records_accesses": False}
        unwatched = self.call(data, is_compiled=True, **options)
        assert unwatched == msgspec.structs.replace(without, touched=None)
        return interpreted


def _error(computation: Any) -> str:
    error = computation.error if computation.is_error else None
    return f"{type(error).__name__}: {error}" if error is not None else ""


def _total(computation: Any) -> Total:
    return Total(
        error=_error(computation),
        output=bytes(computation.output),
        gas_left=computation.get_gas_remaining(),
        refund=computation.get_gas_refund(),
        logs=computation.get_log_entries(),
        deleted=frozenset(computation.get_accounts_for_deletion()),
        levels=computation.levels_below,
    )


def _frames(computation: Any) -> Iterator[Frame]:
    waiting = [computation]
    while waiting:
        computation = waiting.pop()
        waiting += reversed(computation.children)
        yield Frame(
            kind=computation.called_by,
            error=_error(computation),
            output=bytes(computation.output),
            gas_left=computation.get_gas_remaining(),
            refund=computation._gas_meter.gas_refunded,
            logs=tuple(computation._log_entries),
            deleted=tuple(computation.accounts_to_delete),
            depth=computation.msg.depth,
        )


@contextmanager
def hot_after(count: int) -> Iterator[None]:
    """Code is compiled once execution came by so often, with no bound on time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "HOT_AFTER", count)
        patch.setattr(program, "allowance", program.Allowance(share=1.0, most_seconds=3_600))
        program.program_of.cache_clear()
        yield
    program.program_of.cache_clear()
