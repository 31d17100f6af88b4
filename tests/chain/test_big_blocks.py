"""Small and big blocks of HyperEVM: whose transactions go where, when, and at what price."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import evm_dex
from evm_dex.chain.chain import Chain
from evm_dex.chain.genesis.genesis_file import read_genesis_file
from evm_dex.errors import CheatRefused, TransactionRejected
from precompiles.hyper.encoding import SpotSend, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER, token_address
from precompiles.types import Address
from tests.chain.hyperevm import E8, HYPE, HyperWorld

SMALL, BIG = 3_000_000, 30_000_000
FLOOR = 10**8
NEW = Address(b"\x77" * 20)
ALL_GAS = b"\xfe"
"""A constructor that takes all gas."""


@pytest.fixture
def world() -> Iterator[HyperWorld]:
    """Accounts 1 and 2 use big blocks; blocks are made when they are asked for."""
    made = HyperWorld(automine=False)
    with made.dex as dex:
        for user in (1, 2):
            dex.core.use_big_blocks(dex.accounts[user])
        yield made
        assert dex.self_check() == []


def send(world: HyperWorld, user: int, *, gas: int = 21_000) -> bytes:
    """A transaction of a user that waits."""
    return world.dex.submit(to=NEW, sender=world.dex.accounts[user], gas=gas, value=1)


def blocks_after(chain: Chain, height: int) -> list[tuple[int, int, int]]:
    """Gas limit, time and how many transactions of each block after a height."""
    headers = [chain.header(it) for it in range(height + 1, chain.head.block_number + 1)]
    counts = [len(chain.blocks.body(header.hash).transactions) for header in headers]
    return [(it.gas_limit, it.timestamp, n) for it, n in zip(headers, counts, strict=True)]


def test_a_big_block_follows_the_first_small_one_of_its_minute(world: HyperWorld) -> None:
    """At the same time, for those who use them; the next is due in another minute."""
    chain = world.dex.chain
    start, now = chain.head.block_number, chain.head.timestamp
    for user in (0, 1, 2):
        send(world, user)
    world.dex.mine()
    assert blocks_after(chain, start) == [(SMALL, now + 1, 1), (BIG, now + 1, 2)]
    send(world, 1)
    world.dex.mine(5)
    assert [limit for limit, _, _ in blocks_after(chain, start + 2)] == [SMALL] * 5
    chain.mine((now // 60 + 1) * 60)
    assert [it[::2] for it in blocks_after(chain, start + 7)] == [(SMALL, 0), (BIG, 1)]


def test_without_anything_to_put_in_there_is_no_big_block(world: HyperWorld) -> None:
    start = world.dex.chain.head.block_number
    world.dex.mine(130)
    assert {limit for limit, _, _ in blocks_after(world.dex.chain, start)} == {SMALL}


def test_a_block_of_either_kind_is_made_when_a_test_asks(world: HyperWorld) -> None:
    for user in (0, 1):
        send(world, user)
    first = world.dex.core.next_block("big")
    second = world.dex.core.next_block("big")
    assert (first.gas_limit, first.gas_used) == (BIG, 21_000)
    assert (second.gas_limit, second.gas_used, second.timestamp) == (BIG, 0, first.timestamp + 1)
    small = world.dex.core.next_block()
    assert (small.gas_limit, small.gas_used) == (SMALL, 21_000)
    with pytest.raises(ValueError, match="kind must be small or big, got 'huge'"):
        world.dex.core.next_block("huge")


def test_each_kind_has_its_own_base_fee(world: HyperWorld) -> None:
    """A full big block makes the next big one dearer, and no small one."""
    chain = world.dex.chain
    for _ in range(3):
        world.dex.submit(data=ALL_GAS, sender=world.dex.accounts[1], gas=BIG)
        world.dex.core.next_block("big")
    price = chain.next_header(is_big=True).base_fee_per_gas
    assert price == 142_382_812  # three times an eighth more
    assert chain.next_header().base_fee_per_gas == FLOOR
    world.dex.mine(4)
    assert chain.head.base_fee_per_gas == FLOOR
    assert chain.next_header(is_big=True).base_fee_per_gas == price
    world.dex.core.next_block("big")
    assert chain.next_header(is_big=True).base_fee_per_gas < price


def test_a_large_transaction_is_for_big_blocks(world: HyperWorld) -> None:
    with pytest.raises(TransactionRejected, match="above the block's 3000000; one of 30000000"):
        send(world, 0, gas=SMALL + 1)
    waiting = send(world, 1, gas=SMALL + 1)
    with pytest.raises(TransactionRejected, match="exceeds block gas limit"):
        send(world, 1, gas=BIG + 1)
    assert world.dex.core.next_block("big").block_number
    assert world.dex.chain.blocks.included(waiting).receipt.succeeded


def test_a_transaction_mined_at_once_is_in_a_block_of_its_kind() -> None:
    with evm_dex.open(profile="hyperevm") as dex:
        dex.core.use_big_blocks(dex.accounts[1])
        dex.send(to=NEW, sender=dex.accounts[1], gas=SMALL * 2)
        assert dex.chain.head.gas_limit == BIG
        dex.send(to=NEW, sender=dex.accounts[0])
        assert dex.chain.head.gas_limit == SMALL
        dex.core.use_big_blocks(dex.accounts[1], on=False)
        dex.send(to=NEW, sender=dex.accounts[1])
        assert dex.chain.head.gas_limit == SMALL
        with pytest.raises(CheatRefused, match="does not exist on HyperCore"):
            dex.core.use_big_blocks(NEW)


def test_a_big_block_sees_what_the_small_one_did_on_hypercore(world: HyperWorld) -> None:
    """Both have steps of their own; the small one's actions are carried out before."""
    dex, system = world.dex, token_address(world.dex.chain.ledger.core.settings, HYPE)  # type: ignore[arg-type] # it has begun
    before = world.spot(world.users[1], system)
    writer = dex.contract(CORE_WRITER, "CoreWriter")
    for user, amount in ((0, 5 * E8), (1, before + 5 * E8)):
        raw = encode_action(SpotSend(world.users[1 if user == 0 else 3], HYPE, amount))
        data = writer.encode("sendRawAction", raw)
        dex.submit(to=CORE_WRITER, data=data, sender=dex.accounts[user], gas=200_000)
    dex.mine()
    assert dex.chain.head.gas_limit == BIG
    assert world.spot(world.users[1], system) == 0
    assert world.spot(world.users[3], system) == before * 2 + 5 * E8


def test_only_seven_nonces_ahead_may_wait(world: HyperWorld) -> None:
    nonce = world.dex.chain.next_nonce(world.users[0])
    world.dex.submit(to=NEW, nonce=nonce + 7, gas=21_000)
    with pytest.raises(TransactionRejected, match="nonce too high"):
        world.dex.submit(to=NEW, nonce=nonce + 8, gas=21_000)


def test_blocks_of_both_kinds_are_imported_taken_back_and_reopened(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "dex", profile="hyperevm", automine=False) as dex:
        world = HyperWorld(dex)
        other = HyperWorld(automine=False)
        for each in (dex, other.dex):
            each.core.use_big_blocks(each.accounts[1])
        snapshot = dex.snapshot()
        roots = []
        for _ in range(2):
            for step in range(4):
                for user in (0, 1):
                    send(world, user)
                dex.mine() if step % 2 else dex.core.next_block("big")
            roots.append(dex.chain.head.hash)
            dex.revert(snapshot)
        assert roots[0] == roots[1]
        for step in range(4):
            for user in (0, 1):
                send(world, user)
            dex.mine() if step % 2 else dex.core.next_block("big")
        branch = dex.chain.export_blocks(2, "latest")
        other.dex.chain.import_blocks(branch)
        assert other.dex.chain.head.hash == dex.chain.head.hash
    with evm_dex.open(tmp_path / "dex") as again:
        assert again.chain.head.hash == other.dex.chain.head.hash
        assert again.chain.next_header(is_big=True) == other.dex.chain.next_header(is_big=True)


def test_where_small_blocks_are_as_large_there_is_one_kind() -> None:
    content = msgspec.to_builtins(read_genesis_file("hyperevm"))
    genesis = {**content, "gas_limit": BIG}
    with evm_dex.open(genesis=genesis) as dex:
        dex.core.use_big_blocks(dex.accounts[1])
        dex.send(to=NEW, sender=dex.accounts[1], gas=BIG)
        assert dex.chain.next_header(is_big=True) == dex.chain.next_header()
