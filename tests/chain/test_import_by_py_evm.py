"""Blocks sealed here are blocks to py-evm: its stock import accepts them with full validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rlp
from eth.abc import BlockAPI
from eth.chains.base import BaseChain
from eth.chains.base import Chain as StockChain
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague.blocks import PragueBlock, PragueBlockHeader
from eth.vm.forks.prague.transactions import Authorization
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from checkpoint.families import Family
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.evm.system_contracts import SYSTEM_CONTRACTS
from evm_dex.evm.vm import build_vm
from precompiles.types import COMMITMENT_SLOT, SPOT_ADDRESS, Address
from tests.bytecode import assemble, deployment, forwarder, forwarder_that_reverts
from tests.chain.support import (
    ADD,
    ADD_AND_REVERT,
    CALL,
    EMIT,
    EXHAUST,
    World,
    contents,
    restore,
    word,
)

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

BOB = default_accounts()[1]
STORE_AND_LOG = assemble(
    "PUSH0 CALLDATALOAD 0x20 CALLDATALOAD SSTORE 0x2a 0x07 0x20 PUSH0 LOG2 NUMBER 0x01 SWAP1 SUB "
    "BLOCKHASH PUSH0 MSTORE PREVRANDAO 0x20 MSTORE TIMESTAMP 0x40 MSTORE 0x60 PUSH0 RETURN"
)
SELF_DESTRUCT = assemble("CALLER SELFDESTRUCT")


@pytest.fixture
def world() -> World:
    """A chain with blocks of every kind on it."""
    world = World()
    world.send(BOB.address, value=5, gas=21_000)
    world.send(BOB.address, value=5, gas=21_000, type_id=0)
    world.send(BOB.address, value=5, type_id=1, access_list=((SPOT_ADDRESS, (0, 7)),))
    world.send(Address(b"\x99" * 20), value=1, max_priority_fee_per_gas=7)
    store = world.deploy(deployment(STORE_AND_LOG))
    world.send(store, word(3) + word(4))
    world.send(store, word(0) + word(4))
    world.send(SPOT_ADDRESS, ADD + b"\x05")
    world.send(SPOT_ADDRESS, EMIT + b"data")
    world.send(SPOT_ADDRESS, ADD_AND_REVERT + b"\x05")
    world.send(SPOT_ADDRESS, EXHAUST + b"\x05")
    world.send(SPOT_ADDRESS, CALL + store + word(9) + word(8))
    for program in (forwarder(SPOT_ADDRESS), forwarder_that_reverts(SPOT_ADDRESS)):
        world.send(world.deploy(deployment(program)), ADD + b"\x07")
    world.send(world.deploy(deployment(SELF_DESTRUCT)), value=3)
    world.send(b"", SELF_DESTRUCT, value=2)
    world.send(b"", b"\xfe")
    world.send(BOB.address, b"\x01" * 3000)
    delegation = _authorize(world, store)
    world.send(BOB.address, word(5) + word(6), type_id=4, authorization_list=(delegation,))
    world.send(BOB.address, word(6) + word(7))
    assert world.chain.state.get_storage(BOB.address, 7) == 6
    blobs = (b"\x01" + bytes(31),) * 3
    for _ in range(2):
        world.send(BOB.address, type_id=3, max_fee_per_blob_gas=9, blob_versioned_hashes=blobs)
    _block_of_many(world, store)
    world.chain.mine(timestamp=world.chain.head.timestamp + 1000)
    _block_of_many(world, store)
    return world


def _authorize(world: World, contract: Address) -> Authorization:
    """Bob lets his account run a contract's code (EIP-7702)."""
    nonce = world.chain.next_nonce(BOB.address)
    message = b"\x05" + rlp.encode([world.chain.chain_id, contract, nonce])
    y_parity, r, s = BOB.signer.sign(keccak(message))
    return Authorization(world.chain.chain_id, contract, nonce, y_parity, r, s)


def _block_of_many(world: World, store: Address) -> None:
    world.chain.automine = False
    for index in range(140):
        data = ADD + bytes((index,)) if index % 2 else word(index) + word(index)
        world.chain.send(world.signed(SPOT_ADDRESS if index % 2 else store, data, gas=100_000))
    world.chain.send(world.signed(BOB.address, account=BOB, value=1))
    block = world.chain.mine()
    assert len(block.transaction_hashes) == 141
    world.chain.automine = True


def _blocks(world: World) -> Iterator[BlockAPI]:
    for height in range(1, world.chain.head.block_number + 1):
        header = world.chain.header(height)
        raws = [stored.raw for stored in world.chain.blocks.body(header.hash).transactions]
        builder = PragueBlock.get_transaction_builder()
        yield PragueBlock(
            header=rlp.decode(header.encoded, sedes=PragueBlockHeader),
            transactions=[builder.decode(raw) for raw in raws],
            uncles=[],
            withdrawals=[],
        )


def _stock_chain(genesis: Any = None) -> tuple[BaseChain, World]:
    """Py-evm's own chain at the same genesis, over a ledger of its own."""
    twin = World(genesis=genesis)
    restored = restore(twin.store)
    vm_class = build_vm(restored.by_address, restored.ledger)
    stock = StockChain.configure("Stock", vm_configuration=((0, vm_class),), chain_id=31337)
    database = AtomicDB()
    for key, node in twin.store.iterate(Family.NODES):
        database[key] = node
    genesis = rlp.decode(twin.chain.header(0).encoded, sedes=PragueBlockHeader)
    twin.chain._ledger = restored.ledger
    return stock.from_genesis_header(database, genesis), twin


def test_stock_import_reproduces_every_block(world: World) -> None:
    """Hashes, roots, gas, blooms: py-evm works all of them out again and compares."""
    stock, twin = _stock_chain()
    for block in _blocks(world):
        imported = stock.import_block(block, perform_validation=True).imported_block
        assert imported.hash == block.hash
        assert imported.header.state_root == block.header.state_root
    assert stock.get_canonical_head().hash == world.chain.head.hash
    assert twin.ledger.commitment == world.ledger.commitment


def test_stock_import_with_system_contracts() -> None:
    """Past hashes from block 3 on, and requests of validators."""
    genesis = {"system_contracts": True}
    world = World(genesis=genesis)
    withdrawals = list(SYSTEM_CONTRACTS)[2]
    for _ in range(3):
        world.send(withdrawals, b"\x11" * 56, value=100, gas=400_000)
    assert world.chain.head.requests_hash != world.chain.header(0).requests_hash
    stock, _ = _stock_chain(genesis)
    for block in _blocks(world):
        imported = stock.import_block(block, perform_validation=True).imported_block
        assert imported.hash == block.hash


def test_our_own_import_reproduces_every_block_that_py_evm_reads(world: World) -> None:
    exported = world.chain.export_blocks(0)
    decoded = [rlp.decode(block, sedes=PragueBlock) for block in exported[1:]]
    assert [block.hash for block in decoded] == [block.hash for block in _blocks(world)]
    assert [rlp.encode(block) for block in decoded] == list(exported[1:])
    twin = World()
    twin.chain.import_blocks(exported)
    assert contents(twin.store) == contents(world.store)


def test_an_altered_block_is_refused_and_the_ledger_stays(world: World) -> None:
    stock, twin = _stock_chain()
    before = twin.ledger.commitment
    first = next(_blocks(world))
    altered = first.copy(header=first.header.copy(base_fee_per_gas=1))
    with pytest.raises(ValidationError):
        stock.import_block(altered)
    assert twin.ledger.commitment == before
    assert twin.ledger.journal.mark() == 0


def test_the_slot_is_written_only_when_the_rows_changed(world: World) -> None:
    def slot() -> int:
        return world.chain.state.get_storage(SPOT_ADDRESS, COMMITMENT_SLOT)

    before = slot()
    world.send(BOB.address)
    assert slot() == before
    world.send(SPOT_ADDRESS, ADD + b"\x01")
    assert slot() != before
