"""Whatever code is run, compiling is bounded in time and room, and the machine ends alike."""

from __future__ import annotations

import inspect
import sys
import time
from random import Random

import pytest

from evm_dex.evm.compiler import program
from evm_dex.evm.compiler.builder import Builder
from evm_dex.evm.compiler.handlers import HANDLERS
from evm_dex.evm.compiler.program import Allowance, Program, program_of
from evm_dex.evm.config import Deadline, TookTooLong
from tests.bytecode import assemble
from tests.conftest import fuller
from tests.evm.compiler.support import CONTRACT, OTHERS, Machines, hot_after

SIZE = 24_576
LADDER = b"".join(
    assemble(f"DUP1 0x{min(4 + 5 * number + 5, SIZE - 1):04x} JUMPI") for number in range(4_000)
)
HOSTILE = {
    "jumpdests": b"\x5b" * SIZE,
    "push32": (b"\x7f" + b"\x5b" * 32) * (SIZE // 33),
    "jumpi ladder": (assemble("CALLVALUE") + LADDER)[:SIZE],
    "forks": assemble("CALLDATASIZE 0x05 JUMPI JUMPDEST") * (SIZE // 5),
    "dup16": assemble("DUP16") * SIZE,
    "calls": assemble("PUSH0 DUP1 DUP1 DUP1 DUP1 DUP1 GAS CALL POP") * (SIZE // 9),
    "products": assemble("DUP1 MUL DUP1 ADD") * (SIZE // 4),
    "deep stack": (assemble("0x06") * 900 + assemble("PUSH0 SLOAD POP") * 5_000)[:SIZE],
    "places to return to": (assemble("0x05 JUMPDEST JUMPDEST") * 900 + b"\x5b" * SIZE)[:SIZE],
    "copies": assemble("DUP1 DUP1 DUP1 CODECOPY") * (SIZE // 4),
}  # fmt: skip
CASES = [
    pytest.param(code, id=name, marks=pytest.mark.slow if name in ("products", "copies") else ())
    for name, code in HOSTILE.items()
]


@pytest.mark.parametrize("code", CASES)
def test_a_trace_has_a_bounded_size(code: bytes) -> None:
    found = Program(code)
    for start in (0, 1, SIZE // 2):
        began = time.process_time()
        builder = Builder(found, start, HANDLERS)
        text = builder.build()
        compile(text, "", "exec")
        assert builder.opcodes <= 2_000
        assert len(text) < 500_000
        assert time.process_time() - began < 2


@pytest.mark.parametrize("code", CASES)
def test_compiling_takes_few_levels_of_recursion(code: bytes) -> None:
    """So that it ends well in the deepest frame too."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 800)
    try:
        Builder(Program(code), 0, HANDLERS).build()
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("code", CASES)
def test_hostile_code_ends_alike(code: bytes) -> None:
    machines = Machines()
    with hot_after(0):
        machines.put(CONTRACT, code)
        machines.agree(bytes(40), gas=100_000)


def test_all_that_is_compiled_of_some_code_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "HOT_AFTER", 0)
    monkeypatch.setattr(program, "allowance", Allowance(share=1.0, most_seconds=3_600))
    found = Program(HOSTILE["jumpdests"][:500])
    for start in range(500):
        found.pass_by(start)
    assert 0 < len(found.traces) < 20


def test_compiling_takes_no_more_than_its_share_of_time() -> None:
    allowance = Allowance(share=0.25, most_seconds=0.1)
    assert allowance.is_left()
    allowance.spend(0.2)
    assert not allowance.is_left()
    allowance.spend(-0.15)
    assert allowance.is_left()


def test_many_contracts_leave_a_bounded_amount_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_MOST_OPCODES", 5_000)
    machines, random = Machines(), Random(0)
    with hot_after(0):
        for _ in range(40):
            machines.put(CONTRACT, b"\x5b" * 400 + assemble(f"0x{random.randbytes(8).hex()} POP"))
            machines.call(is_compiled=True)
            assert program._opcodes_in_all <= 5_000 + 2_000
        assert program_of.cache_info().currsize < 20


def test_code_longer_than_any_contract_is_interpreted() -> None:
    found = Program(bytes(60_000))
    for _ in range(100):
        assert found.pass_by(0) is None


def test_a_compiled_loop_ends_when_its_time_is_up() -> None:
    machines = Machines()
    machines.put(CONTRACT, assemble("JUMPDEST PUSH0 JUMP"))
    with hot_after(0):
        machines.call(is_compiled=True, gas=100_000)
        began = time.process_time()
        for is_compiled in (True, False):
            with pytest.raises(TookTooLong):
                machines.call(is_compiled=is_compiled, gas=10**15, deadline=Deadline(0.05))
        assert time.process_time() - began < 10


CALL_ITSELF = assemble("PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS CALL")
TRACES_ALTERNATE = assemble("JUMPDEST 0x06 JUMP INVALID INVALID JUMPDEST PUSH0 CALLDATALOAD JUMP")


def test_traces_that_go_from_one_to_the_other_end_when_the_time_is_up() -> None:
    machines = Machines()
    machines.put(CONTRACT, TRACES_ALTERNATE)
    with hot_after(0), pytest.raises(TookTooLong):
        machines.call(bytes(32), is_compiled=True, gas=10**15, deadline=Deadline(0.05))


@pytest.mark.parametrize(
    "ending",
    ["0x01 ADD PUSH0 MSTORE 0x20 PUSH0 RETURN", *fuller("PUSH0 SSTORE", "PUSH0 PUSH0 REVERT")],
)
def test_calls_go_1024_deep(ending: str) -> None:
    """With gas for it, which 63/64 of it passed on leave at that depth."""
    machines = Machines()
    for caller in (CALL_ITSELF, CALL_ITSELF.replace(b"\xf1", b"\xf2")):
        machines.put(CONTRACT, caller + assemble(ending))
        for address in OTHERS:
            machines.put(address, b"")
        with hot_after(0):
            found = machines.agree(gas=10**13)
        assert found.total.levels == 1024
