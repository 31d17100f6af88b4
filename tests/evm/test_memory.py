"""Memory of the process: what a contract repeats for little gas is not kept."""

from __future__ import annotations

import tracemalloc

import pytest

from evm_dex.evm.calls import Call
from tests.bytecode import assemble
from tests.chain.support import World

CONTRACT = b"\xcc" * 20
MEGABYTE = 2**20
SEND = "PUSH0 PUSH0 0x100000 PUSH0 PUSH0 0x42 GAS CALL POP "
RETURN_ALL = assemble("0x100000 PUSH0 RETURN")
ASK = "PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 0x" + "dd" * 20 + " GAS CALL POP "


@pytest.mark.parametrize("program", [SEND, ASK])
def test_calls_with_much_data_are_let_go_of(program: str) -> None:
    """Two hundred megabytes go in or out; a handful are there at a time."""
    world = World()
    code = assemble(program * 200)

    def prepare(state: object) -> None:
        state.set_code(CONTRACT, code)  # type: ignore[attr-defined] # any state has it
        state.set_code(b"\xdd" * 20, RETURN_ALL)  # type: ignore[attr-defined] # as above

    call = Call(to=CONTRACT, gas=2**40)
    tracemalloc.start()
    try:
        world.chain.attempt(call, prepare=prepare)
        assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
    finally:
        tracemalloc.stop()
