"""Counts of code that ran are those of an interpreter that looks at every opcode."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from evm_dex.abi.artifact import code_of, load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.evm.compiler.watched import HitCounts, Trails, opcodes_of
from tests.conftest import PROFILE, fuller
from tests.evm.compiler.random_code import RandomCode
from tests.evm.compiler.support import CONTRACT, GAS, OTHERS, Machines, Outcome, hot_after

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

ROUNDS = 200 if PROFILE == "nightly" else 4
NEVER = 255
CALLDATA = (bytes(32), b"\xff" * 32, bytes(range(100)))


class Seen:
    """Counts of opcodes by code and position, from looking at each."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[bytes, int]] = Counter()

    def step(self, opcode: Any, computation: Any) -> None:
        self.counts[computation.msg.code, computation.code.program_counter - 1] += 1
        opcode(computation=computation)


def told(hits: HitCounts) -> dict[tuple[bytes, int], int]:
    return {
        (code, position): count
        for code, counts in hits.by_code.items()
        for position, count in counts.by_position(code).items()
        if count
    }


def agree(machines: Machines, data: bytes, *, gas: int = GAS, times: int = 3) -> Outcome:
    """Count a call some times, and hold it against what is seen; what came of it."""
    seen, hits = Seen(), HitCounts()
    for records_calls in (True, False):
        options: Any = {"gas": gas, "records_calls": records_calls, "records_accesses": False}
        outcome = machines.call(data, is_compiled=False, on_step=seen.step, **options)
        for _ in range(times):
            assert machines.call(data, is_compiled=True, watch=hits, **options) == outcome
    inside = {key: times * count for key, count in seen.counts.items() if key[1] < len(key[0])}
    assert told(hits) == inside
    return outcome


@pytest.mark.parametrize("seed", [0, *fuller(*range(1, ROUNDS))])
def test_counts_are_those_of_every_opcode(seed: int) -> None:
    """Whatever is compiled, wherever it fails, and however little gas there is."""
    random, machines = Random(seed), Machines()
    with hot_after((0, 1, 2, NEVER)[seed % 4]):
        for _ in range(6):
            for place, address in enumerate(OTHERS):
                machines.put(address, RandomCode(random, OTHERS[place + 1 :]).make(6))
            machines.put(CONTRACT, RandomCode(random, OTHERS).make(random.choice((5, 20, 50))))
            for data in CALLDATA:
                used = max(GAS - agree(machines, data).total.gas_left, 1)
                for _ in range(4):
                    agree(machines, data, gas=random.randrange(min(used, 200_000)))


@pytest.mark.parametrize("hot", [0, 12])
def test_loops_are_counted_compiled(hot: int) -> None:
    artifact = load_artifact("Kernels")
    interface, machines = Interface(artifact["abi"]), Machines()
    machines.put(CONTRACT, code_of(artifact, "deployedBytecode"))
    with hot_after(hot):
        for kernel in ("loop", "hashes", "products", "sort"):
            data = interface.encode_call(interface.function(kernel, 1), (20,))
            assert not agree(machines, data, gas=10**6, times=20).total.error


@pytest.mark.parametrize("seed", [0, *fuller(*range(1, ROUNDS))])
def test_a_trail_leads_to_where_a_frame_ends(seed: int) -> None:
    """Each block's start in order, each followed by opcodes up to the next."""
    random, machines = Random(seed), Machines()
    for _ in range(10):
        machines.put(CONTRACT, RandomCode(random).make(20))
        steps: list[int] = []

        def step(opcode: Any, computation: Any, steps: list[int] = steps) -> None:
            steps.append(computation.code.program_counter - 1)
            opcode(computation=computation)

        trails: list[list[int]] = []

        class Kept(Trails):
            def program_for(self, computation: Any) -> Any:
                program = super().program_for(computation)
                trails.append(computation.trail)  # noqa: B023 - of this round
                return program

        machines.call(is_compiled=False, on_step=step)
        outcome = machines.call(is_compiled=True, watch=Kept())
        (trail,) = trails
        expected, rest = list(trail), iter(steps)
        assert all(position in rest for position in expected), "in order, of the opcodes that ran"
        assert expected[:1] == steps[:1]
        assert outcome.frames is not None


def test_a_watch_is_told_where_nothing_is_to_be_compiled() -> None:
    machines, hits = Machines(), HitCounts()
    machines.put(CONTRACT, bytes.fromhex("5f5f00"))
    machines.call(is_compiled=False, watch=hits)
    assert hits.by_code[bytes.fromhex("5f5f00")].by_position(bytes.fromhex("5f5f00")) == {
        0: 1, 1: 1, 2: 1,
    }  # fmt: skip


def test_pushed_data_is_no_opcode() -> None:
    assert list(opcodes_of(bytes.fromhex("615b5b5b60"))) == [(0, 0x61), (3, 0x5B), (4, 0x60)]
    assert list(opcodes_of(b"\x5f\x80\xff")) == [(0, 0x5F), (1, 0x80), (2, 0xFF)]
