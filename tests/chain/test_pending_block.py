"""The pending block: what calls, estimates and reads see of the block that comes next."""

from __future__ import annotations

import random
from typing import Any

import pytest

import evm_dex
from evm_dex.blocks.header import Header
from evm_dex.chain.core_inputs import OraclePrices
from evm_dex.errors import CallFailed, TransactionRejected, UnknownBlock
from evm_dex.evm.calls import Call
from evm_dex.evm.machine import Machine
from precompiles.hyper.encoding import UsdClassTransfer, encode_action
from precompiles.types import SPOT_ADDRESS, Address
from tests.bytecode import assemble, deployment
from tests.chain.hyperevm import BTC, HyperWorld
from tests.chain.support import ADD, ADD_AND_FAIL, CONTEXT, Bug, World, state_of_everything

GWEI = 10**9
LATE = 2_000_000_000


@pytest.fixture
def world() -> World:
    return World(automine=False)


def words(output: bytes) -> list[int]:
    return [int.from_bytes(output[at : at + 32], "big") for at in range(0, len(output), 32)]


def place(world: World, block: str | int) -> tuple[int, int]:
    """Height and time that a call after a block sees."""
    *_, height, moment = words(world.chain.call(Call(to=SPOT_ADDRESS, data=CONTEXT), block))
    return height, moment


def test_a_call_sees_number_and_time_of_the_next_block(world: World) -> None:
    head = world.chain.mine().header
    now = head.timestamp
    assert place(world, "latest") == (head.block_number, now)
    assert place(world, "pending") == (head.block_number + 1, now + 1)
    world.chain.settings.set_interval(9)
    assert place(world, "pending")[1] == now + 9
    world.chain.settings.choose_next(timestamp=now + 500)
    assert place(world, "pending")[1] == now + 500
    assert world.chain.mine().header.timestamp == now + 500
    assert place(world, "pending")[1] == now + 509


def test_a_paying_call_sees_the_next_base_fee(world: World) -> None:
    fee = world.chain.next_header().base_fee_per_gas
    assert fee != world.chain.head.base_fee_per_gas
    code = assemble("BASEFEE PUSH0 MSTORE 0x20 PUSH0 RETURN")
    call = Call(sender=world.account.address, data=code, max_fee_per_gas=fee)
    assert words(world.chain.call(call, "pending")) == [fee]
    with pytest.raises(CallFailed, match="max fee per gas less than block base fee"):
        world.chain.call(call, "latest")


def test_what_waits_is_executed_in_accounts_and_in_the_ledger(world: World) -> None:
    other = Address(b"\x99" * 20)
    world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x05"))
    world.chain.send(world.signed(other, value=7))
    before = state_of_everything(world)
    add = Call(sender=world.account.address, to=SPOT_ADDRESS, data=ADD + b"\x01")
    assert words(world.chain.call(add, "pending")) == [6]
    assert words(world.chain.call(add, "latest")) == [1]
    assert world.chain.state_at("pending").get_balance(other) == 7
    assert world.chain.state_at("latest").get_balance(other) == 0
    assert world.chain.state_at("pending").get_nonce(world.account.address) == 2
    assert state_of_everything(world) == before
    world.chain.mine()
    assert world.balance() == 5


def test_it_is_the_block_that_is_made_of_it(world: World) -> None:
    for amount in range(5):
        world.chain.send(world.signed(SPOT_ADDRESS, ADD + bytes((amount,))))
    pending = world.chain.pending_block
    made = world.chain.mine()
    assert pending.header == made.header
    assert pending.sealed.receipts == world.chain.blocks.receipts(made.header.hash)


def test_two_hundred_that_wait_are_executed_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[Any] = []
    apply = Machine.apply

    def counted(self: Machine, state: Any, transaction: Any) -> Any:
        executed.append(transaction)
        return apply(self, state, transaction)

    monkeypatch.setattr(Machine, "apply", counted)
    for _ in range(200):
        world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x01"))
    add = Call(sender=world.account.address, to=SPOT_ADDRESS, data=ADD + b"\x00")
    for _ in range(20):
        assert words(world.chain.call(add, "pending")) == [200]
        world.chain.estimate_gas(add)
        world.chain.state_at("pending")
    assert len(executed) == 200
    world.chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x01"))
    assert words(world.chain.call(add, "pending")) == [201]
    assert len(executed) == 201


def changes(world: World) -> list[tuple[str, Any]]:
    chain = world.chain
    return [
        ("interval", lambda: chain.settings.set_interval(7)),
        ("time", lambda: chain.settings.choose_next(timestamp=LATE)),
        ("base fee", lambda: chain.settings.choose_next(base_fee_per_gas=GWEI)),
        ("arrival", lambda: chain.send(world.signed(SPOT_ADDRESS, ADD + b"\x01"))),
        ("drop", lambda: chain.drop_transactions(lambda _: True)),
        ("block", chain.mine),
        ("state", lambda: chain.write_state(lambda state: state.set_balance(bytes(20), 5))),
        ("back", lambda: chain.rollback(0)),
    ]


def test_it_is_made_anew_when_anything_changed(world: World) -> None:
    seen: list[Header] = [world.chain.pending_block.header]
    for what, change in changes(world):
        change()
        header = world.chain.pending_block.header
        assert header != seen[-1], what
        seen.append(header)
        again = world.chain.pending_block.header
        assert again is header, what


def test_an_estimate_is_for_the_next_block(world: World) -> None:
    """Of a contract that reverts until a time has come."""
    world.chain.automine = True
    late = assemble(f"0x{LATE:08x} TIMESTAMP LT 0x0b JUMPI STOP JUMPDEST PUSH0 PUSH0 REVERT")
    call = Call(sender=world.account.address, to=world.deploy(deployment(late)))
    with pytest.raises(CallFailed):
        world.chain.estimate_gas(call)
    world.chain.settings.choose_next(timestamp=LATE)
    assert world.chain.estimate_gas(call) > 21_000
    with pytest.raises(CallFailed):
        world.chain.estimate_gas(call, "latest")


def test_a_bug_in_what_waits_is_raised_once_and_taken_out(world: World) -> None:
    world.chain.send(world.signed(SPOT_ADDRESS, ADD_AND_FAIL + b"\x05"))
    before = state_of_everything(world)
    with pytest.raises(Bug):
        world.chain.state_at("pending")
    assert state_of_everything(world) == before
    assert world.chain.state_at("pending").get_nonce(world.account.address) == 0


def test_the_chain_can_not_go_back_to_it(world: World) -> None:
    with pytest.raises(UnknownBlock, match="the pending block is not on the chain"):
        world.chain.rollback("pending")


def test_what_can_not_be_mined_any_more_is_not_in_it(world: World) -> None:
    most = 6_000 * 10**18
    kept = world.chain.send(world.signed(bytes(20), value=most))
    world.chain.send(world.signed(bytes(20), value=most))
    assert [item.hash for item in world.chain.pending_block.sealed.transactions] == [kept.hash]
    assert len(world.chain.mempool) == 2


def test_a_refused_transaction_leaves_it_as_it_is(world: World) -> None:
    made = world.chain.pending_block
    with pytest.raises(TransactionRejected):
        world.chain.send(world.signed(SPOT_ADDRESS, gas=21))
    assert world.chain.pending_block is made


def test_hypercore_s_part_of_it_is_done_too() -> None:
    """What contracts and prices of the oracle do to HyperCore is in the block, and so in this."""
    world = HyperWorld(automine=False)
    chain = world.dex.chain
    before = chain.pending_block.header
    action = encode_action(UsdClassTransfer(1, to_perp=True))
    world.writer.submit("sendRawAction", action, sender=world.dex.accounts[0], gas=500_000)
    chain.send_to_core((OraclePrices(((BTC, 50_000 * 10**6, 0),)),))
    pending = chain.pending_block.header
    assert pending != before
    assert len(chain.pending_block.sealed.transactions) == 3
    assert chain.mine().header == pending


def test_going_on_with_it_comes_to_the_same_as_making_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Orders of several accounts at several tips, with a look after each."""
    executed: list[bytes] = []
    apply = Machine.apply

    def counted(self: Machine, state: Any, transaction: Any) -> Any:
        executed.append(transaction.hash)
        return apply(self, state, transaction)

    monkeypatch.setattr(Machine, "apply", counted)
    with evm_dex.open(automine=False) as dex:
        weth, chance = dex.tokens["WETH"], random.Random(5)
        for number in range(40):
            order = (weth, chance.randint(1, 5) * 10**17, (1_990 + chance.randint(0, 20)) * 10**6)
            tip = 9 if number == 20 else 8 - number // 5
            dex.spot.submit(
                "placeOrder",
                *order,
                chance.random() < 0.5,
                sender=dex.accounts[chance.randrange(5)],
                gas=1_000_000,
                max_priority_fee_per_gas=tip * GWEI,
                max_fee_per_gas=200 * GWEI,
            )
            best = dex.spot.call("getBestPrices", weth, block="pending")
        count = len(executed)
        assert best == dex.spot.call("getBestPrices", weth, block="pending")
        pending = dex.chain.pending_block
        made = dex.chain.mine()
        assert pending.header == made.header
        assert pending.sealed.receipts == dex.chain.blocks.receipts(made.header.hash)
        assert dex.self_check() == []
    assert count == 40 + 20  # each once, and those before it again where one went to the front
