"""HyperCore as tests see it: actions by receipt, cheats, and what a call would do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import evm_dex
from evm_dex.client.core_actions import explain
from evm_dex.errors import CheatRefused
from evm_dex.evm.calls import Call
from precompiles.hyper.encoding import SpotSend, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER, HYPE_SYSTEM, perp_address
from precompiles.types import Address
from tests.bytecode import assemble, deployment
from tests.chain.hyperevm import BTC, E8, HYPE, PURR, USDC, HyperWorld, order

USDC_SYSTEM = Address(b"\x20".ljust(20, b"\0"))
NEW = Address(b"\x77" * 20)


@pytest.fixture
def world() -> Iterator[HyperWorld]:
    made = HyperWorld()
    with made.dex:
        yield made
        assert made.dex.self_check() == []


def test_actions_are_told_by_receipt(world: HyperWorld) -> None:
    core, send = world.dex.core, world.writer
    receipt = send.send("sendRawAction", encode_action(SpotSend(world.users[1], HYPE, 7)))
    (action,) = core.assert_all_done(receipt)
    assert (action.name, action.outcome, action.action) == ("spotSend", "done", 6)
    assert action.fields == {"destination": world.users[1], "token": HYPE, "wei": 7}
    assert action.user == world.dex.accounts[0].address
    receipt = send.send("sendRawAction", encode_action(SpotSend(world.users[0], HYPE, 7)))
    (action,) = core.actions(receipt.transaction_hash)
    assert (action.outcome, action.reason, action.reason_fields) == ("dropped", "SendToSelf", {})
    with pytest.raises(AssertionError, match=r"spotSend.*dropped, SendToSelf"):
        core.assert_all_done(receipt)


def test_an_order_that_waited_is_told_by_the_same_receipt(world: HyperWorld) -> None:
    raw = encode_action(order(BTC, "80000", "0.01"))
    receipt = world.writer.send("sendRawAction", raw)
    assert [it.outcome for it in world.dex.core.actions(receipt)] == ["queued"]
    world.mine(3)
    (action,) = world.dex.core.assert_all_done(receipt)
    assert action.order_id in world.dex.chain.ledger.perp.orders.rows
    assert action.block_number == receipt.block_number + 3


def test_malformed_actions_and_deposits_have_names_too(world: HyperWorld) -> None:
    receipt = world.writer.send("sendRawAction", b"")
    (action,) = world.dex.core.actions(receipt)
    assert (action.name, action.reason, action.reason_fields) == (
        "unknown", "MalformedAction", {"offset": 0},
    )  # fmt: skip
    receipt = world.dex.send(to=HYPE_SYSTEM, value=10**18)
    (deposit,) = world.dex.core.assert_all_done(receipt)
    assert deposit.name == "deposit"


def test_balances_are_forced_with_their_backing(world: HyperWorld) -> None:
    core, ledger = world.dex.core, world.dex.chain.ledger
    for token, wei in ((USDC, 5 * E8), (PURR, 7 * 10**5), (HYPE, 3 * E8)):
        core.force_spot_balance(NEW, token, 2 * wei)
        core.force_spot_balance(NEW, token, wei)
    core.force_perp_balance(NEW, 9 * 10**6)
    assert ledger.perp.cash(NEW) == 9 * 10**6
    assert world.spot(NEW, HYPE_SYSTEM) == 3 * E8
    core.set_delay(0)
    world.dex.cheats.set_balance(NEW, 10**18)
    with world.dex.chain.settings.impersonation.of(NEW):
        receipt = world.writer.send(
            "sendRawAction", encode_action(SpotSend(USDC_SYSTEM, USDC, 4 * E8)), sender=NEW
        )
    core.assert_all_done(receipt)
    world.mine()
    assert world.dex.tokens["USDC"].call("balanceOf", NEW) == 4 * 10**6
    with pytest.raises(CheatRefused, match="there is no token 3"):
        core.force_spot_balance(NEW, 3, 1)
    with pytest.raises(CheatRefused, match="wei must be 0"):
        core.force_spot_balance(NEW, USDC, 2**64)


def test_what_orders_hold_can_not_be_forced_away(world: HyperWorld) -> None:
    world.dex.core.set_delay(0)
    world.send(order(10_107, "40", "1", is_buy=False))
    with pytest.raises(CheatRefused, match="at least the 100000000"):
        world.dex.core.force_spot_balance(world.users[0], HYPE, 5)


def test_prices_leverage_and_halts(world: HyperWorld) -> None:
    core, ledger = world.dex.core, world.dex.chain.ledger
    core.set_oracle(BTC, 81_000 * 10**6)
    assert ledger.perp.prices.rows[perp_address(BTC)].oracle == 81_000 * 10**6
    core.set_mark(BTC, 82_000 * 10**6)
    assert ledger.perp.prices.rows[perp_address(BTC)].mark == 82_000 * 10**6
    core.set_spot_price(107, 41 * E8)
    assert ledger.core.last_price(107) == 41 * E8
    core.force_leverage(world.users[0], BTC, 3, is_cross=False)
    assert ledger.perp.leverages.rows[perp_address(BTC) + world.users[0]].leverage == 3
    with pytest.raises(CheatRefused, match="1 to 40, got 41"):
        core.force_leverage(world.users[0], BTC, 41)
    core.set_delay(0)
    core.halt_perp(BTC)
    (receipt,) = world.send(order(BTC, "82000", "0.01"))
    assert receipt.outcome == 2
    core.halt_perp(BTC, on=False)
    (receipt,) = world.send(order(BTC, "82000", "0.01"))
    assert receipt.outcome == 0


def test_a_contract_that_exists_acts(world: HyperWorld) -> None:
    raw = encode_action(SpotSend(world.users[1], HYPE, 1))
    data = world.writer.encode("sendRawAction", raw)
    words = [data[place : place + 32].ljust(32, b"\0") for place in range(0, len(data), 32)]
    store = " ".join(f"0x{w.hex()} 0x{32 * n:04x} MSTORE" for n, w in enumerate(words))
    code = assemble(
        f"{store} PUSH0 PUSH0 0x{len(data):04x} PUSH0 PUSH0 0x{'33' * 20} GAS CALL STOP"
    )
    contract = world.dex.deploy({"abi": [], "bytecode": "0x" + deployment(code).hex()})
    (action,) = world.dex.core.actions(world.dex.send(to=contract, gas=200_000))
    assert action.reason == "UnknownUser"
    world.dex.core.activate(contract)
    world.dex.core.force_spot_balance(contract, HYPE, 1)
    world.dex.core.assert_all_done(world.dex.send(to=contract, gas=200_000))


def test_a_call_is_explained_and_leaves_nothing(world: HyperWorld) -> None:
    chain = world.dex.chain
    before = chain.ledger.seal().rows, chain.state.state_root

    def tell(raw: bytes) -> Any:
        data = world.writer.encode("sendRawAction", raw)
        return explain(chain, Call(sender=world.users[0], to=CORE_WRITER, data=data))

    (action,) = tell(encode_action(order(BTC, "80000", "0.01")))
    assert (action.name, action.outcome) == ("limitOrder", "done")
    (action,) = tell(encode_action(order(BTC, "80000.5", "0.01")))
    assert action.reason == "InvalidPrice"
    (action,) = tell(encode_action(SpotSend(USDC_SYSTEM, USDC, E8)))
    assert action.outcome == "done"
    assert (chain.ledger.seal().rows, chain.state.state_root) == before


def test_a_chain_without_hypercore_says_so() -> None:
    with evm_dex.open() as dex:
        with pytest.raises(CheatRefused, match="has no HyperCore"):
            dex.core.set_delay(0)
        with pytest.raises(CheatRefused, match="has no HyperCore"):
            explain(dex.chain, Call(to=CORE_WRITER))
        assert dex.core.actions(dex.send(to=NEW, value=1)) == []


def test_a_pair_is_halted_and_a_token_linked(world: HyperWorld) -> None:
    core = world.dex.core
    core.set_delay(0)
    core.halt_pair(107)
    sent = world.writer.send("sendRawAction", encode_action(order(10_107, "40", "1")))
    (action,) = core.actions(sent)
    assert (action.outcome, action.reason) == ("dropped", "MarketHalted")
    core.halt_pair(107, on=False)
    token = world.dex.deploy("TestToken", "Mine", "MINE", 18)
    core.link(PURR, token.address, 13)
    world.dex.cheats.deal(token.address, world.dex.accounts[0], 10**18)
    system = "0x20" + "00" * 18 + "01"
    receipt = token.send("transfer", system, 10**18)
    (deposit,) = core.assert_all_done(receipt)
    assert deposit.name == "deposit"
    with pytest.raises(CheatRefused, match="evm_extra_decimals must be -2 to 18, got 19"):
        core.link(PURR, token.address, 19)


def test_a_contracts_call_is_explained_whatever_its_token_is_linked_to(world: HyperWorld) -> None:
    """An address without code can pay nothing out."""
    core, user = world.dex.core, world.dex.accounts[0]
    raw = encode_action(SpotSend(Address(b"\x20".ljust(19, b"\0") + b"\x01"), PURR, 10**5))
    (action,) = core.explain(world.writer, "sendRawAction", raw, sender=user)
    assert action.outcome == "done"
    core.link(PURR, NEW, 13)
    (action,) = core.explain(world.writer, "sendRawAction", raw, sender=user)
    assert (action.outcome, action.reason) == ("dropped", "BridgeShort")
