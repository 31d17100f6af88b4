"""What waits for a block: in which order it is taken, what replaces it, and who is refused."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from eth_hash.auto import keccak

from checkpoint.trie import rlp
from evm_dex.blocks.dev_accounts import KeyPair, default_accounts
from evm_dex.blocks.transaction import Transaction, authorization
from evm_dex.chain.mempool import Mempool, PoolLimits
from evm_dex.errors import TransactionRejected
from precompiles.types import Address
from tests.chain.support import World

GWEI = 10**9
ALICE, BOB, CAROL = default_accounts()[:3]
_numbers = itertools.count()


@pytest.fixture
def world() -> World:
    return World(automine=False)


def send(
    world: World, who: KeyPair, nonce: int, tip: int = 1, most: int = 100, **changes: Any
) -> Transaction:
    """Send one of a sender's transactions, at a tip and a max fee in gwei."""
    fees = {"max_priority_fee_per_gas": tip * GWEI, "max_fee_per_gas": most * GWEI}
    fields = {"nonce": nonce, "gas": 21_000, **fees, **changes}
    return world.chain.send(world.signed(bytes(20), account=who, **fields))


def mined(world: World) -> list[bytes]:
    return list(world.chain.mine().transaction_hashes)


def hashes(*transactions: Transaction) -> list[bytes]:
    return [transaction.hash for transaction in transactions]


def test_the_best_paid_come_first_then_who_came_first(world: World) -> None:
    first = send(world, ALICE, 0, tip=2)
    best = send(world, BOB, 0, tip=3)
    same = send(world, CAROL, 0, tip=2)
    assert mined(world) == hashes(best, first, same)


def test_a_sender_s_nonces_come_before_what_is_paid(world: World) -> None:
    cheap, dear = send(world, ALICE, 0, tip=1), send(world, ALICE, 1, tip=9)
    between = send(world, BOB, 0, tip=5)
    assert mined(world) == hashes(between, cheap, dear)


def test_what_counts_is_the_tip_that_the_max_fee_leaves(world: World) -> None:
    bound = send(world, ALICE, 0, tip=5, most=5)
    paid = send(world, BOB, 0, max_priority_fee_per_gas=9 * GWEI // 2)
    legacy = world.chain.send(world.signed(bytes(20), account=CAROL, type_id=0, gas_price=9 * GWEI))
    assert mined(world) == hashes(legacy, paid, bound)


def test_one_with_a_gap_before_it_waits_until_it_is_closed(world: World) -> None:
    late = send(world, ALICE, 2)
    first = send(world, ALICE, 0)
    assert list(world.chain.mempool.queued()) == [late]
    assert world.chain.next_nonce(ALICE.address) == 1
    assert mined(world) == [first.hash]
    assert mined(world) == []
    gap = send(world, ALICE, 1)
    assert list(world.chain.mempool.pending()) == [gap, late]
    assert world.chain.next_nonce(ALICE.address) == 3
    assert mined(world) == hashes(gap, late)


def test_with_automine_those_that_waited_for_it_get_a_block_each() -> None:
    world = World()
    late, later = send(world, ALICE, 1), send(world, ALICE, 2)
    assert world.chain.head.block_number == 0
    told: list[bytes] = []
    world.chain.on_transaction(lambda transaction: told.append(transaction.hash))
    first = send(world, ALICE, 0)
    blocks = [world.chain.blocks.included(each.hash).header for each in (first, late, later)]
    assert [header.block_number for header in blocks] == [1, 2, 3]
    assert told == hashes(first, late, later)


def test_with_automine_blocks_are_made_until_there_is_room() -> None:
    world = World(automine=False)
    for who in (ALICE, BOB):
        send(world, who, 0, tip=9, gas=29_999_000)
    world.chain.automine = True
    send(world, CAROL, 0, gas=29_999_000)
    assert (world.chain.head.block_number, len(world.chain.mempool)) == (3, 0)


def test_a_replacement_pays_a_tenth_more_of_both_fees(world: World) -> None:
    old = send(world, ALICE, 0, tip=10, most=100)
    for tip, most in ((11, 109), (10, 110), (100, 100), (5, 200)):
        with pytest.raises(TransactionRejected, match=r"^replacement transaction underpriced: "):
            send(world, ALICE, 0, tip=tip, most=most)
    assert list(world.chain.mempool) == [old]
    new = send(world, ALICE, 0, tip=11, most=110)
    assert list(world.chain.mempool) == [new]
    assert mined(world) == [new.hash]


def test_a_tip_of_nothing_is_replaced_by_some(world: World) -> None:
    send(world, ALICE, 0, tip=0, most=10)
    with pytest.raises(TransactionRejected, match="priority fee per gas must be at least 1 to"):
        send(world, ALICE, 0, tip=0, most=20)
    send(world, ALICE, 0, most=20, max_priority_fee_per_gas=1)


def test_a_replacement_comes_last_among_equals_and_keeps_those_after_it(world: World) -> None:
    send(world, ALICE, 0, tip=1)
    after = send(world, ALICE, 1, tip=1)
    equal = send(world, BOB, 0, tip=2)
    new = send(world, ALICE, 0, tip=2, most=110)
    assert mined(world) == hashes(equal, new, after)


def test_one_in_a_gap_is_replaced_by_the_same_rule(world: World) -> None:
    told: list[bytes] = []
    world.chain.on_transaction(lambda transaction: told.append(transaction.hash))
    send(world, ALICE, 3)
    with pytest.raises(TransactionRejected, match="underpriced"):
        send(world, ALICE, 3, value=1)
    send(world, ALICE, 3, tip=2, most=110)
    assert told == []


def test_what_can_not_pay_the_base_fee_any_more_waits(world: World) -> None:
    header = world.chain.next_header()
    poor = send(world, ALICE, 0, tip=0, max_fee_per_gas=header.base_fee_per_gas)
    rich = send(world, ALICE, 1, tip=9)
    world.chain.settings.choose_next(base_fee_per_gas=header.base_fee_per_gas + 1)
    assert mined(world) == []
    assert mined(world) == hashes(poor, rich)


def test_a_fee_below_the_base_fee_is_refused(world: World) -> None:
    with pytest.raises(TransactionRejected, match=r"^max fee per gas less than block base fee"):
        send(world, ALICE, 0, tip=0, max_fee_per_gas=1)


def test_a_dropped_one_leaves_a_gap(world: World) -> None:
    first, second = send(world, ALICE, 0), send(world, ALICE, 1)
    assert world.chain.drop_transactions(lambda waiting: waiting is first)
    assert list(world.chain.mempool.queued()) == [second]
    again = send(world, ALICE, 0, value=3)
    assert mined(world) == hashes(again, second)


def test_one_that_became_invalid_leaves_those_after_it_waiting(world: World) -> None:
    most = 6_000 * 10**18
    kept = send(world, ALICE, 0, value=most)
    gone = send(world, ALICE, 1, value=most)
    after = send(world, ALICE, 2)
    block = world.chain.mine()
    assert block.transaction_hashes == (kept.hash,)
    assert [dropped.transaction_hash for dropped in block.dropped] == [gone.hash]
    assert list(world.chain.mempool.queued()) == [after]


def test_a_nonce_that_was_used_otherwise_is_dropped_and_reported(world: World) -> None:
    waits = send(world, ALICE, 0)
    world.chain.write_state(lambda state: state.set_nonce(ALICE.address, 1))
    assert waits.hash not in world.chain.mempool


def test_an_authorization_in_the_same_block_may_use_a_nonce(world: World) -> None:
    """It raises the nonce of who gave it (EIP-7702), here before that account's turn."""
    code, nonce = Address(b"\xc0" * 20), 0
    message = rlp.encode([rlp.int_bytes(world.chain.chain_id), code, rlp.int_bytes(nonce)])
    signature = ALICE.signer.sign(keccak(b"\x05" + message))
    given = authorization(world.chain.chain_id, code, nonce, *signature)
    waits, after = send(world, ALICE, 0), send(world, ALICE, 1)
    first = send(world, BOB, 0, tip=5, type_id=4, authorization_list=(given,), gas=100_000)
    block = world.chain.mine()
    assert block.transaction_hashes == (first.hash,)
    (dropped,) = block.dropped
    assert dropped.transaction_hash == waits.hash
    assert dropped.reason == "nonce too low: it is 0, the sender's next is 1"
    assert mined(world) == [after.hash]


def small_pool(world: World, transactions: int, of_one_sender: int = 9) -> None:
    world.chain._mempool._limits = PoolLimits(transactions, of_one_sender)


def refused(words: str) -> Any:
    return pytest.raises(TransactionRejected, match=f"^{words}: ")


def test_a_sender_may_have_so_many_and_replace_them(world: World) -> None:
    small_pool(world, 3, of_one_sender=2)
    send(world, ALICE, 0)
    send(world, ALICE, 5)
    with refused("account limit exceeded"):
        send(world, ALICE, 6, tip=50)
    bob = send(world, BOB, 0)
    risen = send(world, ALICE, 5, tip=2, most=110)
    assert set(world.chain.mempool) >= {bob, risen}
    assert len(world.chain.mempool) == 3


def test_the_cheapest_of_a_full_pool_gives_way_to_one_that_pays_more(world: World) -> None:
    small_pool(world, 3)
    dear, late, cheap = send(world, ALICE, 0, tip=5), send(world, ALICE, 1), send(world, BOB, 0)
    with refused("transaction underpriced"):
        send(world, CAROL, 0)
    assert list(world.chain.mempool) == [dear, late, cheap]
    better = send(world, CAROL, 0, tip=2)
    assert list(world.chain.mempool) == [dear, cheap, better]  # of equals the highest nonce goes
    best = send(world, CAROL, 1, tip=3)
    assert list(world.chain.mempool) == [dear, better, best]
    assert mined(world) == hashes(dear, better, best)


def test_what_can_not_pay_the_next_base_fee_goes_first(world: World) -> None:
    small_pool(world, 2)
    poor = send(world, ALICE, 0, tip=2, most=2)
    kept = send(world, BOB, 0, tip=1)
    world.chain.settings.choose_next(base_fee_per_gas=90 * GWEI)
    newcomer = send(world, CAROL, 0, tip=2)
    assert poor not in set(world.chain.mempool)
    assert list(world.chain.mempool) == [kept, newcomer]


def test_one_that_has_to_wait_does_not_take_the_place_of_one_that_has_not(world: World) -> None:
    small_pool(world, 2)
    send(world, ALICE, 0)
    queued = send(world, BOB, 3)
    ahead = send(world, CAROL, 2, tip=2)  # takes the place of another that waits for a gap
    assert queued not in set(world.chain.mempool)
    with refused("future transaction tries to replace pending transaction"):
        send(world, BOB, 3, tip=3)
    first = send(world, BOB, 0, tip=3)
    assert set(world.chain.mempool) == {ahead, first}


def test_one_does_not_take_the_place_of_one_that_it_follows(world: World) -> None:
    small_pool(world, 2)
    first = send(world, ALICE, 0)
    send(world, BOB, 0, tip=2)
    with refused("txpool is full"):
        send(world, ALICE, 1, tip=5)
    raised = send(world, ALICE, 0, tip=2, most=110)
    assert first not in set(world.chain.mempool)
    assert raised in set(world.chain.mempool)


def test_a_pool_for_nobody_is_full(world: World) -> None:
    small_pool(world, 0)
    with refused("txpool is full"):
        send(world, ALICE, 0)


def waiting(signed: Transaction, sender: int, nonce: int, tip: int = 0) -> Transaction:
    fields = {name: getattr(signed, name) for name in Transaction.__struct_fields__}
    address = Address(sender.to_bytes(20, "big"))
    name = next(_numbers).to_bytes(32, "big")
    fees = {"max_fee_per_gas": 100 * GWEI, "max_priority_fee_per_gas": tip}
    return Transaction(**{**fields, **fees, "sender": address, "nonce": nonce, "hash": name})


def seconds_to_add(pool: Mempool, items: list[Transaction]) -> float:
    started = time.process_time()
    for item in items:
        pool.add(item, GWEI)
    return (time.process_time() - started) / len(items)


def test_adding_to_a_pool_of_ten_thousand_takes_no_longer_than_to_an_empty_one() -> None:
    signed = World().signed(bytes(20))
    pool = Mempool(lambda _: 0)
    for number in range(10_000):
        pool.add(waiting(signed, number % 2_000, number // 2_000), GWEI)
    items = [waiting(signed, 5_000, nonce) for nonce in range(1_000)]
    full, empty = seconds_to_add(pool, items), seconds_to_add(Mempool(lambda _: 0), items)
    assert full < 10 * empty
    assert full < 50e-6


def test_adding_to_a_full_pool_takes_little_longer() -> None:
    """Of those that give way, and of those that left before their turn to give way came."""
    signed, pool = World().signed(bytes(20)), Mempool(lambda _: 0)
    for number in range(20_000):
        pool.add(waiting(signed, number, 0, tip=number), GWEI)
    items = [waiting(signed, 30_000 + number, 0, tip=GWEI + number) for number in range(6_000)]
    pool.add(items.pop(), GWEI)  # with which the pool begins to look for the cheapest
    slow = seconds_to_add(pool, items[:2_000])
    pool.drop(lambda item: item.max_priority_fee_per_gas in range(2_000, 4_000))
    slow += seconds_to_add(pool, items[2_000:])
    assert len(pool) == 20_000
    assert min(it.max_priority_fee_per_gas for it in pool) == 6_000
    assert slow < 200e-6
