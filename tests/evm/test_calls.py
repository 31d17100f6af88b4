"""Calls and estimates: right, at any block, and without a trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkpoint.errors import UndoExpired
from checkpoint.memory_store import MemoryStore
from evm_dex.chain.block_store import BlockId
from evm_dex.errors import CallFailed, UnknownBlock
from evm_dex.evm.calls import Call
from precompiles.types import SPOT_ADDRESS, Address
from tests.bytecode import assemble, deployment, forwarder
from tests.chain.support import (
    ADD,
    ADD_AND_FAIL,
    ADD_AND_REVERT,
    CALL,
    CONTEXT,
    EXHAUST,
    Bug,
    World,
    state_of_everything,
    word,
)

COUNTER = assemble("PUSH0 SLOAD 0x01 ADD DUP1 PUSH0 SSTORE PUSH0 MSTORE 0x20 PUSH0 RETURN")


@pytest.fixture
def world() -> World:
    world = World()
    for amount in (5, 6, 7):
        world.send(SPOT_ADDRESS, ADD + bytes((amount,)))
    return world


def add(world: World, command: bytes = ADD) -> Call:
    return Call(sender=world.account.address, to=SPOT_ADDRESS, data=command + b"\x01")


@pytest.mark.parametrize("block", ["latest", 2, 0])
@pytest.mark.parametrize("command", [ADD, ADD_AND_REVERT, ADD_AND_FAIL, EXHAUST])
@pytest.mark.parametrize("method", ["call", "estimate_gas"])
def test_nothing_is_left_behind(world: World, method: str, command: bytes, block: BlockId) -> None:
    """Whether it succeeds, reverts, runs out of gas or meets a bug."""
    before = state_of_everything(world)
    run: Callable[[Call, BlockId], object] = getattr(world.chain, method)
    try:
        run(add(world, command), block)
    except (CallFailed, Bug):
        assert command != ADD
    else:
        assert command == ADD
    assert state_of_everything(world) == before


def test_a_call_sees_the_ledger_as_it_was_after_the_block(world: World) -> None:
    totals = [int.from_bytes(world.chain.call(add(world), height), "big") for height in range(4)]
    assert totals == [1, 6, 12, 19]


def test_a_call_sees_accounts_and_storage_as_they_were(world: World) -> None:
    counter = world.deploy(deployment(COUNTER))
    deployed = world.chain.head.block_number
    world.send(counter)
    world.send(counter)
    answers = [world.chain.call(Call(to=counter), deployed + ahead) for ahead in range(3)]
    assert answers == [word(1), word(2), word(3)]
    assert world.chain.call(Call(to=counter), deployed - 1) == b""


def test_a_call_runs_in_the_block_it_names(world: World) -> None:
    header = world.chain.header(2)
    output = world.chain.call(Call(to=SPOT_ADDRESS, data=CONTEXT), 2)
    assert output[-64:] == word(header.block_number) + word(header.timestamp)


def test_gas_is_free_for_a_call_and_value_is_not(world: World) -> None:
    poor = Address(b"\x31" * 20)
    assert world.chain.call(Call(sender=poor, to=SPOT_ADDRESS, data=ADD + b"\x01")) == word(1)
    with pytest.raises(CallFailed, match="has 0 wei, the call sends 1"):
        world.chain.call(Call(sender=poor, to=SPOT_ADDRESS, data=ADD + b"\x01", value=1))


def test_a_reverted_call_carries_its_data(world: World) -> None:
    contract = world.deploy(deployment(assemble("0x2a PUSH0 MSTORE 0x20 PUSH0 REVERT")))
    with pytest.raises(CallFailed) as failure:
        world.chain.call(Call(to=contract))
    assert failure.value.output == word(42)


def test_a_block_that_is_not_there_is_an_error_that_names_the_head(world: World) -> None:
    with pytest.raises(UnknownBlock, match="the head is 3"):
        world.chain.call(add(world), 4)


def test_a_block_outside_the_undo_window_is_an_error_and_leaves_no_trace() -> None:
    world = World(MemoryStore(undo_window=2))
    for amount in (5, 6, 7):
        world.send(SPOT_ADDRESS, ADD + bytes((amount,)))
    before = state_of_everything(world)
    with pytest.raises(UndoExpired):
        world.chain.call(add(world), 0)
    assert state_of_everything(world) == before


SPENDS_BY_GAS_LEFT = assemble("GAS 0x030d40 GT 0x0b JUMPI STOP JUMPDEST PUSH0 PUSH0 REVERT")
KEEPS_SLOT_CLEAR = assemble("0x01 PUSH0 SSTORE PUSH0 PUSH0 SSTORE STOP")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _: (b"\x66" * 20, b""), id="transfer"),
        pytest.param(lambda _: (b"\x66" * 20, b"\x01" * 2000), id="calldata floor"),
        pytest.param(lambda _: (b"", deployment(COUNTER)), id="creation"),
        pytest.param(lambda _: (SPOT_ADDRESS, ADD + b"\x01"), id="precompile"),
        pytest.param(lambda world: (_deploy(world, KEEPS_SLOT_CLEAR), b""), id="refund"),
        pytest.param(lambda world: (_nested(world), ADD + b"\x01"), id="nested calls"),
        pytest.param(
            lambda world: (SPOT_ADDRESS, CALL + _deploy(world, COUNTER)), id="precompile calls"
        ),
        pytest.param(lambda world: (_deploy(world, SPENDS_BY_GAS_LEFT), b""), id="looks at gas"),
    ],
)
def test_sending_with_the_estimate_succeeds(
    world: World, make: Callable[[World], tuple[bytes, bytes]]
) -> None:
    to, data = make(world)
    estimate = world.chain.estimate_gas(Call(sender=world.account.address, to=to, data=data))
    included = world.send(to, data, gas=estimate)
    assert included.receipt.succeeded, included.receipt.error
    assert estimate <= max(included.gas_used * 13 // 10, 230_000)


def _deploy(world: World, runtime: bytes) -> Address:
    return world.deploy(deployment(runtime))


def _nested(world: World) -> Address:
    """Three contracts deep to the precompile, each swallowing what fails below."""
    target: bytes = SPOT_ADDRESS
    for _ in range(3):
        target = _deploy(world, _strict_forwarder(target))
    return Address(target)


def _strict_forwarder(target: bytes) -> bytes:
    code = forwarder(target)
    # Fail when the inner call failed: revert unless the word at 0 is 1.
    return (
        code[:-3]
        + assemble("PUSH0 MLOAD")
        + _jump_over_revert(len(code) - 3 + 2)
        + assemble("RETURNDATASIZE PUSH0 RETURN")
    )


def _jump_over_revert(at: int) -> bytes:
    target = at + 7
    return assemble(f"0x{target:04x} JUMPI PUSH0 PUSH0 REVERT JUMPDEST")
