"""The configuration of executions: what is watched and bounded holds over all frames."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from evm_dex.evm.calls import Call
from evm_dex.evm.config import MINING, Deadline, ExecutionConfig, TookTooLong
from evm_dex.evm.tracer import Accesses, Tracer
from tests.bytecode import assemble, deployment
from tests.chain.support import World

# DELEGATECALLs itself twice per frame: 2**depth frames, and none runs more than 20 opcodes.
TWICE = assemble(
    "PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS DELEGATECALL POP "
    "PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS DELEGATECALL POP STOP"
)


def test_short_frames_without_end_are_ended() -> None:
    world = World()
    contract = world.deploy(deployment(TWICE))
    began = time.process_time()
    with pytest.raises(TookTooLong):
        world.chain.attempt(Call(to=contract, config=ExecutionConfig(deadline=Deadline(0.2))))
    assert time.process_time() - began < 2


def test_a_step_hook_runs_every_opcode_of_all_frames_once() -> None:
    world = World()
    contract = world.deploy(deployment(assemble("0x2a PUSH0 MSTORE 0x20 PUSH0 RETURN")))
    seen: list[int] = []

    def note(opcode: Any, computation: Any) -> None:
        seen.append(computation.code.program_counter - 1)
        opcode(computation=computation)

    tried = world.chain.attempt(Call(to=contract, config=ExecutionConfig(on_step=note)))
    assert int.from_bytes(tried.output, "big") == 0x2A
    assert seen == [0, 2, 3, 4, 6, 7]


def test_a_state_under_another_configuration_has_the_same_accounts() -> None:
    state = World().chain._sealer.state
    address = b"\x42" * 20
    other = state.under(msgspec.structs.replace(MINING, validates=False))
    other.set_balance(address, 7)
    assert state.get_balance(address) == 7
    assert (state.config.validates, other.config.validates) == (True, False)
    other.set_balance(address, 0)


def test_only_what_shows_single_opcodes_needs_the_interpreter() -> None:
    assert MINING.needs_interpreter is not MINING.is_compiled
    assert not ExecutionConfig(deadline=Deadline(1)).needs_interpreter
    assert not Tracer().watching().needs_interpreter
    assert not ExecutionConfig(accesses=Accesses()).needs_interpreter
    assert ExecutionConfig(is_compiled=False).needs_interpreter
    assert Tracer(most_steps=1).watching().needs_interpreter
