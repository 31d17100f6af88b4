"""A forked chain: the origin's values, the fork's own changes over them, and its roots."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.archive import export_archive, import_archive
from checkpoint.families import Family
from evm_dex.chain.block_proof import inspect_block
from evm_dex.chain.proofs import prove
from evm_dex.errors import NotCovered, OriginUnreachable
from evm_dex.evm.calls import Call
from tests.bytecode import assemble, deployment
from tests.origin.fake_origin import CONTRACT, FakeOrigin, an_origin, expected_sum

STORE = assemble("PUSH0 CALLDATALOAD 0x20 CALLDATALOAD SSTORE")
"""Stores its first word in the slot that its second names."""
STORER = bytes.fromhex("57") * 20
DESTROY = assemble("PUSH0 SELFDESTRUCT")


@pytest.fixture(scope="module")
def origin() -> Iterator[FakeOrigin]:
    with an_origin() as found:
        yield found


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def test_it_goes_on_from_the_block(origin: FakeOrigin) -> None:
    head = origin.dex.chain.head
    with evm_dex.open(fork=origin.url) as dex:
        assert dex.chain.chain_id == 4242
        assert (dex.chain.head.block_number, dex.chain.head.hash) == (head.block_number, head.hash)
        assert dex.chain.head.timestamp == head.timestamp
        mined = dex.chain.mine().header
        assert mined.parent_hash == head.hash
        assert mined.block_number == head.block_number + 1
        assert mined.base_fee_per_gas == head.child().base_fee_per_gas
        assert dex.balance(dex.accounts[0].address) == 10_000 * 10**18


def test_an_earlier_block_and_another_chain_id(origin: FakeOrigin) -> None:
    genesis = {"chain_id": 99}
    with evm_dex.open(fork=f"{origin.url}@3", genesis=genesis) as dex:
        assert dex.chain.chain_id == 99
        assert dex.chain.head.hash == origin.dex.chain.header(3).hash
        assert dex.storage(CONTRACT, 17) == 7 * 17


def test_random_reads_are_those_of_the_origin(origin: FakeOrigin) -> None:
    chance = random.Random(7)
    state = origin.dex.chain.state
    token = origin.dex.tokens["WETH"].raw_address
    addresses = [CONTRACT, token, *(chance.randbytes(20) for _ in range(40))]
    with evm_dex.open(fork=origin.url) as dex:
        ours = dex.chain.state
        for _ in range(10_000):
            address, slot = chance.choice(addresses), chance.randrange(1_200)
            assert ours.get_storage(address, slot) == state.get_storage(address, slot)
            if address != token:
                assert ours.get_balance(address) == state.get_balance(address)
            assert ours.get_code(address) == state.get_code(address)
        assert max(origin.asked.values()) <= 50, "each value is asked for once a fork"


def test_a_thousand_slots_cold_and_warm_and_with_the_origin_gone(tmp_path: Path) -> None:
    with an_origin() as origin:
        with evm_dex.open(tmp_path / "fork", fork=origin.url) as dex:
            origin.asked.clear()
            before = origin.posts
            assert int.from_bytes(dex.chain.call(_sum()), "big") == expected_sum()
            assert origin.posts - before <= 6, "the access list is asked for, then all at once"
            assert max(origin.asked.values()) == 1, "no value is asked for twice"
        fork = origin.url
    with evm_dex.open(tmp_path / "fork", fork=fork) as dex:
        assert int.from_bytes(dex.chain.call(_sum()), "big") == expected_sum()


def _sum() -> Call:
    return Call(to=CONTRACT, data=b"\x01")


def test_no_root_depends_on_what_was_read(origin: FakeOrigin) -> None:
    roots = set()
    for reads in ((), range(1, 400), range(900, 500, -1)):
        with evm_dex.open(fork=origin.url) as dex:
            for slot in reads:
                dex.storage(CONTRACT, slot)
                dex.code(CONTRACT)
            _change(dex)
            for slot in reads:
                dex.storage(CONTRACT, slot)
            dex.chain.mine()
            roots.add(dex.chain.head.state_root)
    assert len(roots) == 1


def _change(dex: evm_dex.Dex) -> None:
    def change(state: Any) -> None:
        state.set_code(STORER, STORE)
        state.set_nonce(STORER, 1)

    dex.chain.write_state(change)
    dex.cheats.set_storage(CONTRACT, 3, 0)
    dex.cheats.set_storage(CONTRACT, 4, 5)
    dex.send(to=STORER, data=words(9, 9))
    dex.tokens["WETH"].send("transfer", dex.accounts[2], 1)


def test_what_is_as_at_the_origin_again_leaves_the_root() -> None:
    plain = {"system_contracts": False}  # which write in each block
    with an_origin(**plain) as origin, evm_dex.open(fork=origin.url, genesis=plain) as dex:
        before = dex.chain.head.state_root
        dex.cheats.set_storage(CONTRACT, 3, 0)
        dex.cheats.set_balance(CONTRACT, 1)
        assert dex.chain.head.state_root != before
        assert dex.storage(CONTRACT, 3) == 0
        dex.cheats.set_storage(CONTRACT, 3, 21)
        dex.cheats.set_balance(CONTRACT, 0)
        assert dex.chain.head.state_root == before


def test_what_the_fork_changed_hides_the_origins(origin: FakeOrigin, tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "fork", fork=origin.url) as dex:
        first = dex.chain.head.hash
        dex.cheats.set_storage(CONTRACT, 1, 0)
        dex.cheats.set_code(CONTRACT, b"\x00")
        dex.chain.write_state(lambda state: state.delete_account(_token(origin)))
        changed = dex.chain.head.hash
        _check_hidden(dex, _token(origin))
    with evm_dex.open(tmp_path / "fork") as dex:
        _check_hidden(dex, _token(origin))
        dex.chain.rollback(first)
        assert dex.storage(CONTRACT, 1) == 7
        with pytest.raises(evm_dex.ChainError):
            dex.chain.header(changed)


def _token(origin: FakeOrigin) -> bytes:
    return origin.dex.tokens["USDC"].raw_address


def _check_hidden(dex: evm_dex.Dex, deleted: bytes) -> None:
    state = dex.chain.state
    assert (state.get_storage(CONTRACT, 1), state.get_storage(CONTRACT, 2)) == (0, 14)
    assert state.get_code(CONTRACT) == b"\x00"
    assert state.get_code(deleted) == b""
    assert [state.get_storage(deleted, slot) for slot in range(6)] == [0] * 6


def test_created_and_destroyed_in_one_transaction(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=origin.url) as dex:
        receipt = dex.send(data=deployment(DESTROY))
        assert receipt.contract_address
        created = assemble(f"0x{words(5)[:32].hex()} PUSH0 SSTORE")
        dex.send(data=created + deployment(b"\x00"))
        assert dex.chain.state.get_code(CONTRACT)


def test_a_state_override_hides_the_origins_words(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=origin.url) as dex:

        def wipe(state: Any) -> None:
            state.delete_storage(CONTRACT)
            state.set_storage(CONTRACT, 10, 1)

        assert int.from_bytes(dex.chain.call(_sum(), prepare=wipe), "big") == 1
        assert int.from_bytes(dex.chain.call(_sum()), "big") == expected_sum()


def test_blockhash_of_earlier_blocks_is_the_origins(origin: FakeOrigin) -> None:
    code = assemble("PUSH0 CALLDATALOAD BLOCKHASH PUSH0 MSTORE 0x20 PUSH0 RETURN")
    chain = origin.dex.chain
    with evm_dex.open(fork=origin.url) as dex:
        dex.chain.mine()
        dex.chain.mine()
        dex.cheats.set_code(STORER, code)
        for height in range(chain.head.block_number + 1):
            found = dex.chain.call(Call(to=STORER, data=words(height)))
            assert found == chain.header(height).hash


def test_exchanges_checkpoints_and_export_work(origin: FakeOrigin, tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "fork", fork=origin.url, checkpoint_interval=2) as dex:
        assert dex.storage(CONTRACT, 8) == 56
        for _ in range(4):
            dex.tokens["WETH"].send("transfer", dex.accounts[2], 1)
        root = dex.chain.head.state_root
    export_archive(tmp_path / "fork", tmp_path / "state.dex", inspect=inspect_block)
    import_archive(tmp_path / "state.dex", tmp_path / "copy", inspect=inspect_block)
    with evm_dex.open(tmp_path / "copy") as dex:
        assert dex.chain.head.state_root == root
        assert dex.storage(CONTRACT, 8) == 56
        assert dex.chain.origin is not None
        with pytest.raises(OriginUnreachable, match=r"slot 0x1f3 of account.*--fork-url"):
            dex.storage(CONTRACT, 499)
        dex.chain.mine()


def test_blocks_travel_to_another_fork_of_the_same_block(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=origin.url) as dex, evm_dex.open(fork=origin.url) as other:
        for slot in range(50):
            other.storage(CONTRACT, slot)
        _ = [dex.tokens["WETH"].send("transfer", dex.accounts[2], 1) for _ in range(3)]
        dex.send(to=CONTRACT, value=5)
        first = dex.chain.first.block_number + 1
        other.chain.import_blocks(dex.chain.export_blocks(first))
        assert other.chain.head.hash == dex.chain.head.hash


def test_only_what_is_wholly_the_forks_is_proven_by_its_root(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=origin.url) as dex:
        dex.cheats.set_balance(CONTRACT, 5)
        with pytest.raises(NotCovered, match="after block 10 or before"):
            prove(dex.chain, CONTRACT, [1], "latest")
        assert prove(dex.chain, dex.spot.raw_address, [0], "latest").storage[0].value
        assert prove(dex.chain, STORER, [], "latest").account.is_empty


def test_logs_before_the_fork_are_the_origins(origin: FakeOrigin) -> None:
    token = origin.dex.tokens["WETH"].raw_address
    with evm_dex.open(fork=origin.url) as dex:
        dex.tokens["WETH"].send("transfer", dex.accounts[2], 1)
        entries = list(dex.chain.blocks.all_logs(0, 11, [token], ()))
        theirs = list(origin.dex.chain.blocks.logs(0, 10, [token], ()))
        assert entries[:-1] == theirs
        assert entries[-1].height == 11


def test_nothing_is_kept_in_a_store_before_its_first_block(tmp_path: Path) -> None:
    with an_origin() as origin:
        origin.unserved.add("eth_getCode")
        with pytest.raises(evm_dex.ChainError):
            evm_dex.open(tmp_path / "fork", fork=origin.url)
        origin.unserved.clear()
        with evm_dex.open(tmp_path / "fork", fork=origin.url) as dex:
            kept = list(dex.store.iterate(Family.ORIGIN))
            assert kept
            assert {len(key) for key, _ in kept} <= {32, 9}, "with proofs nothing is only claimed"


def test_warm_reads_take_next_to_no_time(origin: FakeOrigin, tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "fork", fork=origin.url) as dex:
        dex.chain.call(_sum())
    with evm_dex.open(tmp_path / "fork") as dex:
        began = time.process_time()
        for slot in range(1, 1_001):
            assert dex.storage(CONTRACT, slot) == 7 * slot
        assert time.process_time() - began < 1


@pytest.mark.parametrize("slots", [range(1, 1_001), range(1_000, 0, -1)], ids=["up", "down"])
def test_slots_in_a_row_are_fetched_ahead(origin: FakeOrigin, slots: range) -> None:
    with evm_dex.open(fork=origin.url) as dex:
        before = origin.posts
        assert [dex.storage(CONTRACT, slot) for slot in slots] == [7 * slot for slot in slots]
        assert origin.posts - before < 16
