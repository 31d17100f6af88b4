"""What became of actions, over JSON-RPC."""

from __future__ import annotations

import json

import pytest

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.errors import CallFailed, CheatRefused
from evm_dex.evm.calls import Call
from evm_dex.node.call_objects import read_request
from evm_dex.node.dispatch import read, respond
from evm_dex.node.methods import eth_fees, hyperevm
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import call_error
from precompiles.hyper.encoding import SpotSend, encode_action
from precompiles.types import Address
from tests.chain.hyperevm import HYPE, HyperWorld


def test_actions_are_told_by_transaction_and_block() -> None:
    world = HyperWorld()
    with world.dex as dex:
        node = Node(dex.chain, default_accounts(), dex=dex)
        receipt = world.writer.send(
            "sendRawAction", encode_action(SpotSend(world.users[0], HYPE, 7))
        )
        told = hyperevm.core_actions(node, receipt.transaction_hash)
        assert told == [
            {
                "sequence": 1,
                "user": dex.accounts[0].address,
                "action": 6,
                "name": "spotSend",
                "fields": {
                    "destination": dex.accounts[0].address.lower(), "token": "150", "wei": "7",
                },
                "outcome": "dropped",
                "orderId": "0",
                "reason": "SendToSelf",
                "reasonFields": {},
                "blockNumber": receipt.block_number,
            }
        ]  # fmt: skip
        assert hyperevm.core_actions_in_block(node) == told
        data = world.writer.encode(
            "sendRawAction", encode_action(SpotSend(world.users[1], HYPE, 7))
        )
        request = read_request(
            {"from": dex.accounts[0].address, "to": world.writer.address, "data": "0x" + data.hex()}
        )
        (explained,) = hyperevm.core_explain(node, request)
        assert (explained["name"], explained["outcome"]) == ("spotSend", "done")


def test_system_transactions_are_told_by_block() -> None:
    world = HyperWorld()
    with world.dex as dex:
        node = Node(dex.chain, default_accounts(), dex=dex)
        world.send(SpotSend(world.users[1], HYPE, 7))
        (step,) = hyperevm.system_transactions_by_number(node, "latest") or []
        assert (step["from"], step["gasPrice"]) == (f"0x{'ff' * 19}fe", "0x0")
        assert hyperevm.system_transactions_by_hash(node, dex.chain.head.hash) == [step]
        assert hyperevm.system_transactions_by_hash(node, bytes(32)) is None
        dex.send(to=world.users[1], value=1)
        assert hyperevm.system_transactions_by_number(node, "latest") == []
        assert hyperevm.big_block_gas_price(node) == 10**8
        assert hyperevm.using_big_blocks(node, world.users[0]) is False


def test_fees_and_failed_reads_are_told_as_by_nodes_of_hyperevm() -> None:
    world = HyperWorld()
    with world.dex as dex:
        node = Node(dex.chain, default_accounts(), dex=dex)
        assert (eth_fees.max_priority_fee(node), eth_fees.gas_price(node)) == (0, 10**8)
        read = Call(to=b"\x08\x06".rjust(20, b"\0"), data=b"\x01")
        with pytest.raises(CallFailed) as failure:
            dex.chain.call(read)
        assert call_error(failure.value).code == -32003


def test_big_blocks_are_asked_for_and_priced() -> None:
    world = HyperWorld()
    with world.dex as dex:
        node = Node(dex.chain, default_accounts(), dex=dex)
        user = world.users[1]
        assert hyperevm.set_using_big_blocks(node, user, True)
        assert hyperevm.using_big_blocks(node, user)
        dex.send(data=b"\xfe", sender=dex.accounts[1], gas=30_000_000)  # which takes all of it
        assert dex.head.gas_limit == 30_000_000
        assert hyperevm.big_block_gas_price(node) == 112_500_000
        assert eth_fees.gas_price(node) == 10**8
        assert hyperevm.mine_big_block(node) == dex.head.number
        with pytest.raises(CheatRefused, match=r"0x7777.* does not exist on HyperCore"):
            hyperevm.set_using_big_blocks(node, Address(b"\x77" * 20), True)


def test_a_simulation_has_hypercores_part_of_its_blocks() -> None:
    """A send of the first block is seen in the second, and none of it is kept."""
    world = HyperWorld()
    with world.dex as dex:
        node = Node(dex.chain, default_accounts(), dex=dex)
        sender, receiver = dex.accounts[0].address, world.users[1]
        send = world.writer.encode("sendRawAction", encode_action(SpotSend(receiver, HYPE, 7)))
        asked_for = receiver.rjust(32, b"\0") + HYPE.to_bytes(32, "big")
        balance = {"to": "0x" + "00" * 18 + "0801", "data": "0x" + asked_for.hex()}
        sending = {"from": sender, "to": world.writer.address, "data": "0x" + send.hex()}
        blocks = [{"calls": [sending, balance]}, {"calls": [balance]}]
        asked = {"method": "eth_simulateV1", "params": [{"blockStateCalls": blocks}, "latest"]}
        answer = respond(node, read(json.dumps({"jsonrpc": "2.0", "id": 1, **asked}).encode()))
        found = json.loads(answer)["result"]
        before, after = (int(it["calls"][-1]["returnData"][:66], 16) for it in found)
        assert (before, after) == (10_000 * 10**8, 10_000 * 10**8 + 7)
        assert [len(it["calls"]) for it in found] == [2, 1]
        assert len(found[0]["transactions"]) == 3
        assert dex.self_check() == []


def test_a_call_on_the_pending_block_sees_what_waits_there() -> None:
    world = HyperWorld(automine=False)
    with world.dex as dex:
        raw = encode_action(SpotSend(world.users[1], HYPE, 7))
        world.writer.submit("sendRawAction", raw, gas=100_000)
        read = world.users[1].rjust(32, b"\0") + HYPE.to_bytes(32, "big")
        balance = Call(to=b"\x08\x01".rjust(20, b"\0"), data=read)
        now, then = (dex.chain.call(balance, block) for block in ("latest", "pending"))
        assert int.from_bytes(then[:32], "big") == int.from_bytes(now[:32], "big") + 7
