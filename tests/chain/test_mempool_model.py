"""Random operations on what waits, against a model that keeps a plain list and looks through it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from checkpoint.memory_store import MemoryStore
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.mempool import PoolLimits
from evm_dex.errors import TransactionRejected
from precompiles.types import Address
from tests.chain.support import World
from tests.conftest import PROFILE

OPERATIONS = 100_000 if PROFILE == "nightly" else 700
SEEDS = range(1 if PROFILE == "nightly" else 3)
SENDERS = default_accounts()[:6]
LIMITS = PoolLimits(transactions=11, of_one_sender=5)
GWEI, TRANSFER_GAS = 10**9, 21_000
TALL = 40
"""Blocks after which the chain goes back, since a branch is executed from its beginning."""


class Model(msgspec.Struct):
    """The chain as blocks of transactions, and what waits, in order of arrival."""

    blocks: list[list[Transaction]]
    waiting: list[Transaction]
    hashes: list[bytes]
    """Of the blocks, since two without transactions may differ."""

    def copy(self) -> Model:
        return Model([list(block) for block in self.blocks], list(self.waiting), list(self.hashes))

    def nonce(self, sender: Address) -> int:
        return sum(item.sender == sender for block in self.blocks for item in block)

    def following(self, sender: Address) -> int:
        nonce = self.nonce(sender)
        while any((it.sender, it.nonce) == (sender, nonce) for it in self.waiting):
            nonce += 1
        return nonce

    def is_queued(self, item: Transaction) -> bool:
        return item.nonce > self.following(item.sender)

    def refusal(self, item: Transaction, base_fee: int) -> str | None:
        """The first words with which a transaction is refused; None where it is taken."""
        if item.hash in {waiting.hash for waiting in self.waiting}:
            return "already known"
        if item.nonce < self.nonce(item.sender):
            return "nonce too low"
        mine = [waiting for waiting in self.waiting if waiting.sender == item.sender]
        old = [waiting for waiting in mine if waiting.nonce == item.nonce]
        if old:
            before, now = fees(old[0]), fees(item)
            pays = all(
                10 * new >= 11 * fee and new > fee for fee, new in zip(before, now, strict=True)
            )
            return None if pays else "replacement transaction underpriced"
        if len(mine) >= LIMITS.of_one_sender:
            return "account limit exceeded"
        gives_way = self.gives_way(item, base_fee)
        if gives_way is None:
            return None
        if price(item, base_fee) <= price(gives_way, base_fee):
            return "transaction underpriced"
        if gives_way.sender == item.sender and gives_way.nonce < item.nonce:
            return "txpool is full"
        if self.is_queued(item) and not self.is_queued(gives_way):
            return "future transaction tries to replace pending transaction"
        return None

    def gives_way(self, item: Transaction, base_fee: int) -> Transaction | None:
        """The cheapest of a full pool for one that replaces nothing; of equals the last there."""
        if len(self.waiting) < LIMITS.transactions:
            return None
        if any((it.sender, it.nonce) == (item.sender, item.nonce) for it in self.waiting):
            return None
        least = min(price(it, base_fee) for it in self.waiting)
        cheapest = [it for it in self.waiting if price(it, base_fee) == least]
        highest = max(it.nonce for it in cheapest)
        return [it for it in cheapest if it.nonce == highest][-1]

    def send(self, item: Transaction, base_fee: int) -> None:
        gives_way = self.gives_way(item, base_fee)
        if gives_way is not None:
            self.waiting.remove(gives_way)
        place = (item.sender, item.nonce)
        self.waiting = [it for it in self.waiting if (it.sender, it.nonce) != place]
        self.waiting.append(item)

    def mine(self, base_fee: int, gas_limit: int) -> list[Transaction]:
        block: list[Transaction] = []
        self.blocks.append(block)
        held_back: set[bytes] = set()
        while True:
            turn = [
                it
                for it in self.waiting
                if it.nonce == self.nonce(it.sender)
                and it.max_fee_per_gas >= base_fee
                and it.sender not in held_back
            ]
            if not turn:
                return block
            best = max(turn, key=lambda it: it.effective_gas_price(base_fee))  # the first of equals
            if len(block) * TRANSFER_GAS + best.gas > gas_limit:
                held_back.add(best.sender)
            else:
                block.append(best)
                self.waiting.remove(best)

    def forget_used(self) -> None:
        self.waiting = [it for it in self.waiting if it.nonce >= self.nonce(it.sender)]


def fees(item: Transaction) -> tuple[int, int]:
    return item.max_fee_per_gas, item.max_priority_fee_per_gas


def price(item: Transaction, base_fee: int) -> tuple[int, int, int]:
    return item.effective_gas_price(base_fee) - base_fee, *fees(item)


class Trial:
    """One chain, its model, and operations that are done to both."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = self.opened(MemoryStore())
        self.model = Model([], [], [])
        self.snapshots: list[tuple[int | str, Model]] = []

    def opened(self, store: MemoryStore) -> World:
        world = World(store, automine=False)
        world.chain._mempool._limits = LIMITS
        return world

    def transaction(self, world: World, nonce_of: Callable[[Address], int]) -> Transaction:
        who = self.random.choice(SENDERS)
        tip = self.random.choice((0, 1, 2, 2, 3, 10, 11)) * GWEI
        most = max(tip, self.random.choice((1, 2, 10, 11, 12)) * GWEI)
        return world.signed(
            bytes(20),
            account=who,
            nonce=max(nonce_of(who.address) + self.random.choice((-1, 0, 0, 0, 0, 1, 2, 5)), 0),
            gas=self.random.choice((TRANSFER_GAS, TRANSFER_GAS, 29_950_000)),
            max_priority_fee_per_gas=tip,
            max_fee_per_gas=most,
        )

    def rival(self, old: Transaction) -> Transaction:
        """A transaction with the nonce of another, which may pay enough to replace it."""
        tip = old.max_priority_fee_per_gas * self.random.choice((10, 11)) // 10
        most = old.max_fee_per_gas * self.random.choice((10, 11, 12)) // 10
        return self.world.signed(
            bytes(20),
            account=next(account for account in SENDERS if account.address == old.sender),
            nonce=old.nonce,
            value=self.random.choice((0, 1)),
            gas=old.gas,
            max_priority_fee_per_gas=tip,
            max_fee_per_gas=max(most, tip),
        )

    def send(self) -> None:
        if self.model.waiting and self.random.random() < 0.3:
            item = self.rival(self.random.choice(self.model.waiting))
        else:
            item = self.transaction(self.world, self.model.following)
        base_fee = self.world.chain.next_header().base_fee_per_gas
        expected, found = self.model.refusal(item, base_fee), None
        try:
            self.world.chain.send(item)
        except TransactionRejected as error:
            found = str(error)
        if expected is None:
            assert found is None
            self.model.send(item, base_fee)
        else:
            assert (found or "").startswith(expected)

    def crowd(self) -> None:
        """Send more than have room."""
        for _ in range(2 * LIMITS.transactions):
            self.send()
            self.compare()

    def drop(self) -> None:
        if self.model.waiting:
            item = self.random.choice(self.model.waiting)
            assert self.world.chain.drop_transactions(lambda waiting: waiting.hash == item.hash)
            self.model.waiting.remove(item)

    def mine(self) -> None:
        header = self.world.chain.next_header()
        expected = self.model.mine(header.base_fee_per_gas, header.gas_limit)
        pending = self.world.chain.pending_block.header
        block = self.world.chain.mine()
        assert block.header == pending
        assert block.transaction_hashes == tuple(item.hash for item in expected)
        assert block.dropped == ()
        self.model.hashes.append(block.header.hash)
        if len(self.model.blocks) > TALL:
            self.rollback()

    def look(self) -> None:
        """Have the pending block made, which is gone on with where that comes to the same."""
        assert self.world.chain.pending_block.header.parent_hash == self.world.chain.head.hash

    def rollback(self) -> None:
        height = self.random.randrange(len(self.model.blocks) + 1)
        self.world.chain.rollback(height)
        self.model = Model(self.model.blocks[:height], [], self.model.hashes[:height])

    def snapshot(self) -> None:
        self.snapshots.append((self.world.chain.snapshot(), self.model.copy()))
        del self.snapshots[:-9]

    def revert(self) -> None:
        if self.snapshots:
            number, model = self.random.choice(self.snapshots)
            if model.hashes == self.model.hashes[: len(model.hashes)]:
                self.world.chain.revert(number)
                self.model = model.copy()

    def reorganise(self) -> None:
        """Go over to a branch of another chain, with transactions of its own."""
        fork = max(0, len(self.model.blocks) - self.random.randrange(4))
        other = World(MemoryStore(), automine=False)
        if fork:
            other.chain.import_blocks(self.world.chain.export_blocks(1, fork))
        branch: list[list[Transaction]] = []
        del self.model.hashes[fork:]
        while fork + len(branch) <= len(self.model.blocks):
            for _ in range(self.random.randrange(3)):
                item = self.transaction(other, other.chain.next_nonce)
                if item.nonce == other.chain.next_nonce(item.sender):
                    other.chain.send(item)
            sent = {item.hash: item for item in other.chain.mempool}
            block = other.chain.mine(other.chain.head.timestamp + 7)
            branch.append([sent[name] for name in block.transaction_hashes])
            self.model.hashes.append(block.header.hash)
        self.world.chain.import_blocks(other.chain.export_blocks(fork + 1))
        self.model.blocks[fork:] = branch
        self.model.forget_used()

    def restart(self) -> None:
        """What waits ends with the process, and so do snapshots."""
        assert isinstance(self.world.store, MemoryStore)
        self.world = self.opened(self.world.store)
        self.model.waiting, self.snapshots = [], []

    def compare(self) -> None:
        pool = self.world.chain.mempool
        assert list(pool) == self.model.waiting
        by_place: Any = lambda it: (it.sender, it.nonce)  # noqa: E731 - used twice, here alone
        queued = [it for it in self.model.waiting if self.model.is_queued(it)]
        pending = [it for it in self.model.waiting if not self.model.is_queued(it)]
        assert sorted(pool.pending(), key=by_place) == sorted(pending, key=by_place)
        assert sorted(pool.queued(), key=by_place) == sorted(queued, key=by_place)
        for account in SENDERS:
            address = account.address
            assert self.world.chain.next_nonce(address) == self.model.following(address)
        assert self.world.chain.head.block_number == len(self.model.blocks)
        assert [self.world.chain.head.hash] == self.model.hashes[-1:] or not self.model.blocks


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pool_is_as_a_plain_list_of_what_waits(seed: int) -> None:
    trial = Trial(seed)
    often = (trial.send,) * 60 + (trial.mine,) * 20 + (trial.drop,) * 6 + (trial.look,) * 25
    rarely = (
        *(trial.snapshot, trial.snapshot, trial.revert),
        *(trial.reorganise, trial.rollback, trial.crowd),
    )
    seldom = (trial.restart,)
    for _ in range(OPERATIONS):
        trial.random.choice((*often, *rarely * 2, *seldom))()
        trial.compare()
