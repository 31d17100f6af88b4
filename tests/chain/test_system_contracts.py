"""System contracts in a genesis: every way to make a block calls them alike."""

from __future__ import annotations

from checkpoint.memory_store import MemoryStore
from evm_dex.chain.traces import trace_transaction
from evm_dex.evm.system_contracts import SYSTEM_CONTRACTS
from evm_dex.evm.tracer import Tracer
from tests.bytecode import deployment
from tests.chain.support import World, contents
from tests.evm.differential.test_specification import LOOK_UP

BEACON_ROOTS, HISTORY, *_ = SYSTEM_CONTRACTS


def world() -> World:
    return World(MemoryStore(), genesis={"system_contracts": True})


def test_a_genesis_has_them_where_it_says_so() -> None:
    chosen, plain = world(), World()
    for address, code in SYSTEM_CONTRACTS.items():
        assert chosen.chain.state.get_code(address) == code
        assert plain.chain.state.get_code(address) == b""


def test_hashes_of_past_blocks_are_in_the_state() -> None:
    """Of blocks with transactions, of empty ones, and of those that a cheat wrote."""
    here = world()
    here.chain.mine()
    here.chain.write_state(lambda state: state.set_balance(b"\x42" * 20, 1))
    here.send(b"\x42" * 20)
    for height in range(here.chain.head.block_number):
        word = here.chain.state.get_storage(HISTORY, height)
        assert word == int.from_bytes(here.chain.header(height).hash, "big")


def test_blocks_are_imported_and_traced_as_they_were_made() -> None:
    here, twin = world(), world()
    reader = here.deploy(deployment(LOOK_UP))
    included = here.send(reader)
    tracer = Tracer(most_steps=10_000)
    trace = trace_transaction(here.chain, included.transaction.hash, tracer)
    assert trace.gas_used == included.gas_used
    assert not trace.frame.error
    assert all(step.address == reader or step.depth > 1 for step in tracer.steps)
    twin.chain.import_blocks(here.chain.export_blocks(0))
    assert contents(twin.store) == contents(here.store)
