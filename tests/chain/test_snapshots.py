"""Snapshots as test chains have them, by id or name, to go back to again and again."""

from __future__ import annotations

from typing import Any

import pytest

from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from evm_dex.errors import SnapshotLost, UnknownSnapshot
from precompiles.types import SPOT_ADDRESS
from tests.chain.support import ADD, World, state_of_everything


def add(world: World, amount: int) -> None:
    world.send(SPOT_ADDRESS, ADD + bytes((amount,)))


def present(world: World) -> tuple[Any, ...]:
    """All there is but trie nodes, which a revert leaves for pruning."""
    *rest, stored = state_of_everything(world)
    return (*rest, {family: pairs for family, pairs in stored.items() if family != Family.NODES})


def test_a_revert_brings_back_head_rows_and_state() -> None:
    world = World()
    add(world, 5)
    before = present(world)
    number = world.chain.snapshot()
    add(world, 6)
    assert world.balance() == 11
    assert world.chain.revert(number) == world.chain.header(1)
    assert present(world) == before
    add(world, 7)
    assert world.balance() == 12


def test_ids_increase_for_ever_and_can_be_reverted_to_many_times() -> None:
    world = World()
    assert world.chain.snapshot() == 1
    for number, amount in ((2, 5), (3, 6)):
        add(world, amount)
        assert world.chain.snapshot() == number
        world.chain.revert(1)
        assert world.balance() == 0


def test_going_back_loses_the_snapshots_of_the_blocks_that_are_gone() -> None:
    world = World()
    first, same_block = world.chain.snapshot(), world.chain.snapshot()
    add(world, 5)
    later = world.chain.snapshot()
    world.chain.revert(first)
    with pytest.raises(SnapshotLost, match=rf"snapshot {later} was taken at block 1, which is no"):
        world.chain.revert(later)
    assert world.chain.revert(same_block).block_number == 0


def test_an_id_that_was_never_given_is_told_with_the_last_that_were() -> None:
    world = World()
    with pytest.raises(UnknownSnapshot, match="no snapshot 1; the last are: none"):
        world.chain.revert(1)
    world.chain.snapshot()
    world.chain.snapshot("clean")
    with pytest.raises(UnknownSnapshot, match="no snapshot 'clear'; the last are: 1, 'clean'"):
        world.chain.revert("clear")


def test_a_name_can_be_reverted_to_many_times_and_moved() -> None:
    world = World()
    assert world.chain.snapshot("clean") == "clean"
    number = world.chain.snapshot()
    for amount in (5, 6):
        add(world, amount)
        assert world.balance() == amount
        assert world.chain.revert("clean").block_number == 0
    world.chain.revert(number)
    world.chain.revert("clean")
    add(world, 9)
    world.chain.snapshot("clean")
    add(world, 1)
    world.chain.revert("clean")
    assert world.balance() == 9


def test_what_waited_then_waits_again() -> None:
    world = World(automine=False)
    early = world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x01"))
    number = world.chain.snapshot()
    world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x02"))
    world.chain.mine()
    world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x04"))
    world.chain.revert(number)
    assert list(world.chain.mempool) == [early]
    assert world.chain.next_nonce(world.account.address) == 1
    world.chain.mine()
    assert world.balance() == 1


def test_a_snapshot_whose_block_was_rolled_back_is_lost_until_the_chain_is_there_again() -> None:
    world = World()
    add(world, 5)
    number = world.chain.snapshot()
    world.chain.rollback(0)
    add(world, 6)
    before = state_of_everything(world)
    with pytest.raises(SnapshotLost, match=r"taken at block 1, which is no longer on this chain"):
        world.chain.revert(number)
    assert state_of_everything(world) == before
    world.chain.rollback(0)
    add(world, 5)
    add(world, 6)
    world.chain.revert(number)
    assert world.balance() == 5


def test_a_snapshot_out_of_reach_says_so_and_is_kept() -> None:
    world = World(MemoryStore(undo_window=3))
    add(world, 5)
    world.chain.snapshot("early")
    for _ in range(4):
        world.chain.mine()
    before = state_of_everything(world)
    with pytest.raises(SnapshotLost, match="'early' was taken at block 1: the changes of block 1"):
        world.chain.revert("early")
    assert state_of_everything(world) == before


def test_listeners_hear_of_a_head_that_went_back() -> None:
    world, heights = World(), list[int]()
    world.chain.add_listener(lambda head: heights.append(head.height))
    number = world.chain.snapshot()
    world.chain.mine()
    world.chain.mine()
    world.chain.revert(number)
    world.chain.mine()
    world.chain.rollback(0)
    assert heights == [1, 2, 0, 1, 0]
