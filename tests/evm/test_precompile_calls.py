"""What the EVM's rules mean for a precompile, through real bytecode."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from checkpoint.memory_store import MemoryStore
from evm_dex.evm.calls import Call
from evm_dex.evm.ethereum_precompiles import RESERVED_ADDRESSES
from evm_dex.evm.vm import AddressTaken, build_vm
from precompiles.errors import AmountZero
from precompiles.ledger.recovery import open_ledger
from precompiles.types import SPOT_ADDRESS, Address
from tests.bytecode import (
    assemble,
    deployment,
    forwarder,
    forwarder_that_burns,
    forwarder_that_reverts,
)
from tests.chain.support import (
    ADD,
    ADD_AND_REVERT,
    CALL,
    CONTEXT,
    EMIT,
    EXHAUST,
    ScriptedPrecompile,
    World,
    word,
)


@pytest.fixture
def world() -> World:
    return World()


def test_a_transaction_changes_the_ledger_and_pays_what_was_charged(world: World) -> None:
    included = world.send(SPOT_ADDRESS, ADD + b"\x05")
    assert world.balance() == 5
    assert included.gas_used == 21_000 + 2 * 16 + 5_000


def test_a_revert_takes_its_changes_back_keeps_the_gas_and_carries_the_error(world: World) -> None:
    included = world.send(SPOT_ADDRESS, ADD_AND_REVERT + b"\x05")
    assert world.balance() == 0
    assert not included.receipt.succeeded
    assert included.receipt.output == AmountZero().encode()
    assert included.gas_used == 21_000 + 2 * 16 + 5_000


def test_running_out_of_gas_burns_all_of_it_and_leaves_nothing(world: World) -> None:
    included = world.send(SPOT_ADDRESS, EXHAUST + b"\x05", gas=200_000)
    assert world.balance() == 0
    assert included.receipt.error == "OutOfGas"
    assert included.gas_used == 200_000


@pytest.mark.parametrize("program", [forwarder_that_reverts, forwarder_that_burns])
def test_a_caller_that_fails_later_takes_the_ledger_back_too(
    world: World, program: Callable[[bytes], bytes]
) -> None:
    contract = world.deploy(deployment(program(SPOT_ADDRESS)))
    included = world.send(contract, ADD + b"\x05")
    assert not included.receipt.succeeded
    assert world.balance(contract) == 0


def test_only_the_frame_that_reverts_is_undone(world: World) -> None:
    """Outer -> precompile adds 3; outer -> inner -> precompile adds 4, inner reverts."""
    inner = world.deploy(deployment(forwarder_that_reverts(SPOT_ADDRESS)))
    call = "0x{data} PUSH0 MSTORE PUSH0 PUSH0 0x02 0x1e PUSH0 0x{to} GAS CALL POP"
    outer = world.deploy(
        deployment(
            assemble(
                call.format(data="0103", to=SPOT_ADDRESS.hex())
                + " "
                + call.format(data="0104", to=inner.hex())
                + " "
                + call.format(data="0105", to=SPOT_ADDRESS.hex())
            )
        )
    )
    assert world.send(outer).receipt.succeeded
    assert (world.balance(outer), world.balance(inner)) == (8, 0)


def test_a_failed_creation_takes_the_ledger_back(world: World) -> None:
    """The constructor calls the precompile, then reverts."""
    program = (
        f"0x0109 PUSH0 MSTORE PUSH0 PUSH0 0x02 0x1e PUSH0 0x{SPOT_ADDRESS.hex()} GAS CALL "
        "PUSH0 PUSH0 REVERT"
    )
    included = world.send(b"", assemble(program))
    created = included.transaction.create_address
    assert not included.receipt.succeeded
    assert created is not None
    assert world.balance(created) == 0


@pytest.mark.parametrize(
    ("opcode", "is_static", "is_delegate"),
    [
        ("CALL", False, False),
        ("STATICCALL", True, False),
        ("DELEGATECALL", False, True),
        ("CALLCODE", False, True),
    ],
)
def test_the_context_tells_how_the_precompile_was_called(
    world: World, opcode: str, is_static: bool, is_delegate: bool
) -> None:
    contract = world.deploy(deployment(forwarder(SPOT_ADDRESS, opcode)))
    output = world.chain.call(Call(sender=world.account.address, to=contract, data=CONTEXT))
    caller = world.account.address if opcode == "DELEGATECALL" else contract
    header = world.chain.head
    expected = [1, int.from_bytes(caller, "big"), 0, int(is_static), int(is_delegate)]
    expected += [header.block_number, header.timestamp]
    assert [int.from_bytes(output[at : at + 32], "big") for at in range(0, len(output), 32)] == (
        expected
    )


def test_value_is_on_the_precompiles_account_during_the_call_and_goes_back_on_revert(
    world: World,
) -> None:
    world.send(SPOT_ADDRESS, CONTEXT, value=7)
    assert world.chain.state.get_balance(SPOT_ADDRESS) == 7
    world.send(SPOT_ADDRESS, ADD_AND_REVERT + b"\x01", value=7)
    assert world.chain.state.get_balance(SPOT_ADDRESS) == 7


def test_logs_come_from_the_precompile_and_vanish_with_a_revert(world: World) -> None:
    logs = world.send(SPOT_ADDRESS, EMIT + b"hello").receipt.logs
    assert [(log.address, log.topics, log.data) for log in logs] == [
        (SPOT_ADDRESS, (word(1), word(2)), b"hello")
    ]
    contract = world.deploy(deployment(forwarder_that_reverts(SPOT_ADDRESS)))
    assert world.send(contract, EMIT + b"hello").receipt.logs == ()


def test_a_call_by_the_precompile_comes_from_its_address(world: World) -> None:
    caller = world.deploy(deployment(assemble("CALLER PUSH0 MSTORE 0x20 PUSH0 RETURN")))
    output = world.chain.call(Call(to=SPOT_ADDRESS, data=CALL + caller))
    assert output == word(1) + SPOT_ADDRESS.rjust(32, b"\0")


def test_a_failed_call_by_the_precompile_leaves_no_trace_and_the_precompile_goes_on(
    world: World,
) -> None:
    """Storage, logs and refunds of the child are gone; what it returned is there."""
    child = world.deploy(
        deployment(
            assemble("0x01 PUSH0 SSTORE 0x2a PUSH0 MSTORE 0x20 PUSH0 PUSH0 LOG0 0x20 PUSH0 REVERT")
        )
    )
    included = world.send(SPOT_ADDRESS, CALL + child)
    assert included.receipt.succeeded
    assert included.receipt.logs == ()
    assert world.chain.state.get_storage(child, 0) == 0
    output = world.chain.call(Call(to=SPOT_ADDRESS, data=CALL + child))
    assert output == word(0) + word(0x2A)


def test_a_child_that_burns_its_gas_leaves_a_64th_to_the_precompile(world: World) -> None:
    child = world.deploy(deployment(assemble("INVALID")))
    included = world.send(SPOT_ADDRESS, CALL + child, gas=200_000)
    assert included.receipt.succeeded
    kept = 200_000 - included.gas_used
    at_the_call = 200_000 - included.transaction.intrinsic_gas - 2_600
    assert kept == at_the_call // 64


def test_gas_of_a_child_is_that_of_a_contracts_call(world: World) -> None:
    """Cold account 2,600 and the child's own opcodes; what is not used comes back."""
    child = world.deploy(deployment(assemble("0x01 0x02 ADD POP STOP")))
    included = world.send(SPOT_ADDRESS, CALL + child)
    assert included.gas_used == included.transaction.intrinsic_gas + 2_600 + 3 + 3 + 3 + 2


def test_a_payment_by_the_precompile_moves_wei_and_costs_what_a_contract_pays(
    world: World,
) -> None:
    receiver = Address(b"\x55" * 20)
    included = world.send(SPOT_ADDRESS, CALL + receiver, value=9)
    assert world.chain.state.get_balance(receiver) == 9
    assert world.chain.state.get_balance(SPOT_ADDRESS) == 0
    spent = included.gas_used - included.transaction.intrinsic_gas
    assert spent == 2_600 + 9_000 + 25_000 - 2_300


def test_the_precompile_can_call_back_into_itself_and_both_frames_revert_together(
    world: World,
) -> None:
    data = CALL + SPOT_ADDRESS + ADD + b"\x03"
    assert world.send(SPOT_ADDRESS, data).receipt.succeeded
    assert world.balance(SPOT_ADDRESS) == 3
    contract = world.deploy(deployment(forwarder_that_reverts(SPOT_ADDRESS)))
    world.send(contract, data)
    assert world.balance(SPOT_ADDRESS) == 3


@pytest.mark.slow
@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12),
    reason="CPython 3.12 alone bounds recursion through C by a constant that 1,024 frames exceed",
)
def test_recursion_ends_at_the_depth_limit_without_an_exception() -> None:
    """A contract calls the precompile, which calls the contract, and so on: 1,024 frames deep
    the last call fails and all others go through. Only gas beyond any real block gets there."""
    gas = 5 * 10**12
    world = World(genesis={"gas_limit": gas})
    program = (
        "0x04 PUSH0 MSTORE8 ADDRESS 0x60 SHL 0x01 MSTORE "
        f"PUSH0 PUSH0 0x15 PUSH0 PUSH0 0x{SPOT_ADDRESS.hex()} GAS CALL STOP"
    )
    contract = world.deploy(deployment(assemble(program)))
    included = world.send(contract, gas=gas, max_fee_per_gas=10**9)
    assert included.receipt.succeeded


@pytest.mark.parametrize("address", sorted(RESERVED_ADDRESSES))
def test_reserved_addresses_are_refused(address: Address) -> None:
    ledger, _ = open_ledger(MemoryStore())
    with pytest.raises(AddressTaken, match="reserved"):
        build_vm({address: ScriptedPrecompile(ledger, address)}, ledger)


def test_two_chains_in_one_process_do_not_share_precompiles() -> None:
    one, other = World(), World()
    one.send(SPOT_ADDRESS, ADD + b"\x05")
    assert (one.balance(), other.balance()) == (5, 0)
