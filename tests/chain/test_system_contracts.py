"""System contracts in a genesis: every way to make a block calls them alike."""

from __future__ import annotations

import random
import tomllib

import msgspec
import pytest

from checkpoint.memory_store import MemoryStore
from evm_dex.chain.chain import Chain
from evm_dex.chain.genesis.genesis_file import PROFILES
from evm_dex.chain.traces import trace_transaction
from evm_dex.errors import GenesisError, GenesisMismatch
from evm_dex.evm import system_contracts
from evm_dex.evm.system_contracts import SYSTEM_CONTRACTS, begin_block, end_block
from evm_dex.evm.tracer import Tracer
from evm_dex.evm.trie_db import NodeBuffer
from tests.bytecode import deployment
from tests.chain.support import World, contents
from tests.evm.differential.test_specification import LOOK_UP

BEACON_ROOTS, HISTORY, *QUEUES = SYSTEM_CONTRACTS
WITHOUT = {"system_contracts": False}


def world() -> World:
    return World(MemoryStore())


def has_them(chain: Chain) -> bool:
    codes = {address: chain.state.get_code(address) for address in SYSTEM_CONTRACTS}
    assert codes == SYSTEM_CONTRACTS or not any(codes.values())
    return any(codes.values())


def test_a_genesis_has_them_unless_it_says_otherwise() -> None:
    assert has_them(world().chain)
    assert has_them(World(MemoryStore(), genesis={}).chain)
    assert not has_them(World(MemoryStore(), genesis=WITHOUT).chain)
    assert not has_them(World(MemoryStore(), genesis="hyperevm").chain)
    with PROFILES["hyperevm"].open("rb") as file:
        profile = tomllib.load(file)
    with pytest.raises(GenesisError, match=r"expected none.*`\$.system_contracts`"):
        World(MemoryStore(), genesis=profile | {"system_contracts": True})


def test_a_chain_that_was_begun_keeps_its_own() -> None:
    """Opened without a genesis, and with one that leaves it open; not with one that says other."""
    here = World(MemoryStore(), genesis=WITHOUT)
    here.send(b"\x42" * 20)
    root = here.chain.head.state_root
    for genesis in (None, {}, WITHOUT):
        again = World(here.store, genesis=genesis)
        assert again.chain.head.state_root == root
        again.send(b"\x42" * 20)
        assert not has_them(again.chain)
        root = again.chain.head.state_root
    with pytest.raises(GenesisMismatch, match=r"differ in: system_contracts\)"):
        World(here.store, genesis={"system_contracts": True})


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


def test_what_is_written_for_a_known_contract_is_what_its_code_does() -> None:
    """At times and heights around the ends of the rings, whose places are written again."""
    chain, chance = world().chain, random.Random(3)
    machine = chain.call_runner.machine
    direct, executed = (machine.state(NodeBuffer(chain._store), chain.head) for _ in range(2))
    for _ in range(200):
        header = msgspec.structs.replace(
            chain.head,
            block_number=chance.choice((1, 2, 8_190, 8_191, 8_192, 16_382, 16_383)),
            timestamp=chance.choice((0, 1, 8_190, 8_191, 8_192, 2**40)),
            parent_hash=chance.randbytes(32),
            parent_beacon_block_root=chance.choice((bytes(32), chance.randbytes(32))),
        )
        for state in (direct, executed):
            machine.enter(state, header)
        begin_block(direct, header)
        requests = end_block(direct, ())
        system_contracts._call(executed, BEACON_ROOTS, header.parent_beacon_block_root)
        system_contracts._call(executed, HISTORY, header.parent_hash)
        assert requests == [b for b in (system_contracts._call(executed, at) for at in QUEUES) if b]
        for state in (direct, executed):
            state.persist()
        assert direct.state_root == executed.state_root
