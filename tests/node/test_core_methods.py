"""What became of actions, over JSON-RPC."""

from __future__ import annotations

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.node.call_objects import read_request
from evm_dex.node.methods import dex_core
from evm_dex.node.node import Node
from precompiles.hyper.encoding import SpotSend, encode_action
from tests.chain.hyperevm import HYPE, HyperWorld


def test_actions_are_told_by_transaction_and_block() -> None:
    world = HyperWorld()
    with world.dex as dex:
        node = Node(dex.chain, default_accounts(), dex=dex)
        receipt = world.writer.send(
            "sendRawAction", encode_action(SpotSend(world.users[0], HYPE, 7))
        )
        told = dex_core.core_actions(node, receipt.transaction_hash)
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
        assert dex_core.core_actions_in_block(node) == told
        data = world.writer.encode(
            "sendRawAction", encode_action(SpotSend(world.users[1], HYPE, 7))
        )
        request = read_request(
            {"from": dex.accounts[0].address, "to": world.writer.address, "data": "0x" + data.hex()}
        )
        (explained,) = dex_core.core_explain(node, request)
        assert (explained["name"], explained["outcome"]) == ("spotSend", "done")
