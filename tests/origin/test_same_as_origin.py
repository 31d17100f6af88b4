"""A fork does what its origin does: the same transactions have the same outcome on both.

Contracts of the origin are called, created, funded and destroyed at random, on a fork of it and
then on the origin itself, which has all its state in its own tries.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

import evm_dex
from evm_dex.client.dex import Dex
from evm_dex.node.node_config import NodeConfig
from tests.bytecode import assemble, deployment
from tests.conftest import fuller
from tests.origin.fake_origin import FakeOrigin, served

WORKER = assemble(
    "0x60 CALLDATALOAD 0x2e JUMPI 0x40 CALLDATALOAD 0x13 JUMPI "
    "PUSH0 CALLDATALOAD 0x20 CALLDATALOAD SSTORE STOP "
    "JUMPDEST 0x600160005560006000f3 PUSH0 MSTORE "
    "0x40 CALLDATALOAD 0x0a 0x16 PUSH0 CREATE2 0x07 SSTORE STOP "
    "JUMPDEST CALLER SELFDESTRUCT"
)
"""Stores its first word in the slot that its second names. With a third it creates a contract with
that as the salt instead, with a fourth it destroys itself.
"""
WORKERS = [bytes((7, number)) * 10 for number in range(4)]
PEOPLE = [bytes((8, number)) * 10 for number in range(5)]


def _fill(state: Any) -> None:
    for number, worker in enumerate(WORKERS):
        state.set_code(worker, WORKER)
        state.set_nonce(worker, 1)
        state.set_balance(worker, number)
        for slot in range(20):
            state.set_storage(worker, slot, 100 * number + slot)
    for number, person in enumerate(PEOPLE[:3]):
        state.set_balance(person, 10 + number)


def _random_transactions(seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    found = []
    for _ in range(40):
        kind = chance.randrange(10)
        target = chance.choice(WORKERS)
        words = [chance.choice((0, 0, 1, 5, 205, 10**30)), chance.randrange(24), 0, 0]
        if kind == 0:
            words[2] = chance.randrange(1, 4)
        elif kind == 1:
            words[3] = 1
        data = b"".join(word.to_bytes(32, "big") for word in words)
        if kind == 2:
            found.append({"to": chance.choice(PEOPLE), "value": chance.randrange(3)})
        elif kind == 3:
            init = assemble("CALLER SELFDESTRUCT") if words[0] else deployment(WORKER)
            found.append({"data": init})
        else:
            value = chance.choice((0, 0, 4))
            gas = chance.choice((400_000, 400_000, 26_000))
            found.append({"to": target, "data": data, "value": value, "gas": gas})
    return found


def _outcomes(dex: Dex, transactions: list[dict[str, Any]]) -> list[Any]:
    found = []
    for fields in transactions:
        receipt = dex.send(**{"gas": 400_000, **fields})
        found.append((receipt.succeeded, receipt.gas_used, receipt.contract_address, receipt.logs))
    return found


def _state(dex: Dex, created: list[Any]) -> list[Any]:
    state = dex.chain.state
    addresses = [*WORKERS, *PEOPLE, *created]
    return [
        (
            state.get_balance(address),
            state.get_nonce(address),
            state.get_code(address),
            [state.get_storage(address, slot) for slot in range(26)],
        )
        for address in addresses
    ]


@pytest.fixture
def origin() -> Iterator[FakeOrigin]:
    with evm_dex.open(genesis=NodeConfig(chain_id=77).new_genesis()) as dex:
        dex.chain.write_state(_fill)
        with served(FakeOrigin(dex)) as found:
            yield found


@pytest.mark.parametrize(
    "case", [(0, None), (1, False), *fuller((2, None), (3, False), (4, None))], ids=str
)
def test_transactions_have_the_outcome_that_they_have_there(
    origin: FakeOrigin, case: tuple[int, bool | None]
) -> None:
    seed, proofs = case
    transactions = _random_transactions(seed)
    with evm_dex.open(fork=evm_dex.Fork(url=origin.url, proofs=proofs)) as fork:
        here = _outcomes(fork, transactions)
        created = [bytes.fromhex(str(it[2])[2:]) for it in here if it[2]]
        here_state = _state(fork, created)
        root = fork.chain.head.state_root
        with evm_dex.open(fork=evm_dex.Fork(url=origin.url, block=1)) as again:
            first = again.chain.first.block_number + 1
            again.chain.import_blocks(fork.chain.export_blocks(first))
            assert again.chain.head.state_root == root
    assert here == _outcomes(origin.dex, transactions)
    assert here_state == _state(origin.dex, created)
    assert {succeeded for succeeded, *_ in here} == {True, False}
