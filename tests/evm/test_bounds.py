"""What a state keeps in memory has bounds, and which they are changes nothing but speed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from checkpoint.trie import trie
from evm_dex.evm import account_db as accounts
from evm_dex.evm import account_storage as storage
from evm_dex.evm.machine import State
from precompiles.types import Address
from tests.bytecode import assemble, deployment
from tests.chain.support import World, word
from tests.conftest import PROFILE
from tests.evm.differential.test_transactions import run_both

BLOCKS = 5_000 if PROFILE == "nightly" else 250
NEW = 2**64
"""From here on numbers are addresses and slots that nobody has used."""
STORE_AND_PAY = assemble(
    "0x01 PUSH0 CALLDATALOAD SSTORE PUSH0 PUSH0 PUSH0 PUSH0 0x01 PUSH0 CALLDATALOAD GAS CALL"
)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many of anything are remembered; in the long run it is as many as there ever are."""
    if PROFILE == "nightly":
        return trie._MOST_DECODED
    most = 20
    _set_bounds(monkeypatch, most)
    return most


def _set_bounds(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(accounts, "_MOST_ACCOUNTS", most)
    monkeypatch.setattr(accounts, "_MOST_STORAGES", most)
    monkeypatch.setattr(storage, "_MOST_WORDS", most)
    monkeypatch.setattr(trie, "_MOST_DECODED", most)


def sizes(state: Any) -> dict[str, int]:
    """How much a state holds in each of its collections."""
    database: Any = state._account_db
    held = {
        name: len(value)
        for name, value in vars(database).items()
        if isinstance(value, dict | set | list)
    }
    words = [
        len(collection)
        for account in database._storages.values()
        for collection in (account.words, account.written)
    ]
    return {**held, "decoded": len(database._nodes.decoded), "words": max(words, default=0)}


def _address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def test_many_blocks_leave_no_more_behind_than_a_few(bound: int) -> None:
    """Each pays somebody new and writes a new word; a block's own are what may be above."""
    world = World()
    contract = world.deploy(deployment(STORE_AND_PAY))
    for number in range(NEW, NEW + BLOCKS):
        assert world.send(contract, word(number), value=1, gas=150_000).receipt.succeeded
        found = sizes(world.chain._sealer.state)
        assert max(found.values()) <= bound + 20, found
    assert world.chain.state.get_storage(contract, NEW) == 1
    assert world.chain.state.get_balance(_address(NEW)) == 1
    assert not world.chain._sealer._nodes.pending


@pytest.mark.parametrize(
    "ask",
    [
        lambda state, _, number: state.get_balance(_address(number)),
        lambda state, _, number: state.get_storage(_address(number), 0),
        lambda state, contract, number: state.get_storage(contract, number),
    ],
    ids=["accounts", "storages", "words"],
)
def test_questions_between_blocks_are_forgotten_too(
    bound: int, ask: Callable[[State, Address, int], int]
) -> None:
    """An idle node is asked for any number of accounts and words, and no block comes."""
    world = World()
    contract = world.deploy(deployment(STORE_AND_PAY))
    for number in range(NEW, NEW + 4 * bound):
        assert ask(world.chain._sealer.state, contract, number) == 0
    found = sizes(world.chain._sealer.state)
    assert max(found.values()) <= bound + 2, found


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 1, 5])
@pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")
def test_the_bounds_change_nothing(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    _set_bounds(monkeypatch, most)
    run_both(Random(most))
