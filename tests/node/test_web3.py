"""web3.py as a client: what people do first must work with it, unchanged."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from eth_account import Account
from web3 import AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, Web3RPCError

from evm_dex.abi.artifact import code_of, load_artifact
from evm_dex.abi.contract_interface import exchange_error
from tests.node.served import OTHER, OWNER, Served, served


@pytest.fixture
def web3(fresh_node: Served) -> Any:  # its types fit typed dicts, not plain tests
    return Web3(HTTPProvider(fresh_node.url))


def deployed(web3: Any, name: str, *args: Any) -> Any:
    artifact = load_artifact(name)
    contract = web3.eth.contract(abi=cast(Any, artifact["abi"]), bytecode=code_of(artifact))
    sent = contract.constructor(*args).transact({"from": web3.eth.accounts[0]})
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    return web3.eth.contract(address=receipt["contractAddress"], abi=cast(Any, artifact["abi"]))


def test_it_connects_and_knows_the_chain(web3: Any) -> None:
    assert web3.is_connected()
    assert web3.eth.chain_id == 31337
    assert len(web3.eth.accounts) == 10
    assert web3.client_version.startswith("anvil/evm-dex-")


def test_ether_moves_by_an_account_at_hand_and_by_a_signed_transaction(web3: Any) -> None:
    sender, receiver = web3.eth.accounts[:2]
    before = web3.eth.get_balance(receiver)
    web3.eth.send_transaction({"from": sender, "to": receiver, "value": 5})
    key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    signed = Account.sign_transaction(
        {
            "to": receiver,
            "value": 7,
            "gas": 21_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": web3.eth.max_priority_fee,
            "nonce": web3.eth.get_transaction_count(sender, "pending"),
            "chainId": web3.eth.chain_id,
        },
        key,
    )
    receipt = web3.eth.wait_for_transaction_receipt(
        web3.eth.send_raw_transaction(signed.raw_transaction)
    )
    assert receipt["status"] == 1
    assert web3.eth.get_balance(receiver) == before + 12
    assert web3.eth.get_transaction(receipt["transactionHash"])["value"] == 7


def test_a_contract_is_deployed_called_and_its_events_found(web3: Any) -> None:
    contract = deployed(web3, "StorageAndEvent")
    blocks, logs = web3.eth.filter("latest"), web3.eth.filter({"address": contract.address})
    sent = contract.functions.store(3, 4).transact({"from": web3.eth.accounts[0]})
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    assert len(receipt["logs"]) == 1
    found = web3.eth.get_logs({"address": contract.address, "fromBlock": 0, "toBlock": "latest"})
    assert [log["transactionHash"] for log in found] == [sent]
    assert [log["logIndex"] for log in logs.get_new_entries()] == [0]
    assert blocks.get_new_entries() == [receipt["blockHash"]]
    assert blocks.get_new_entries() == []


def test_the_exchange_trades_and_refuses_by_name(fresh_node: Served, web3: Any) -> None:
    spot = web3.eth.contract(
        address=cast(Any, fresh_node.dex.spot.address), abi=cast(Any, load_artifact("ISpot")["abi"])
    )
    weth = fresh_node.dex.tokens["WETH"].address
    order = spot.functions.placeOrder(weth, 10**15, 3_000 * 10**6, False)
    receipt = web3.eth.wait_for_transaction_receipt(order.transact({"from": web3.eth.accounts[0]}))
    assert receipt["status"] == 1
    placed = spot.events.OrderPlaced().process_receipt(receipt)
    assert [event["args"]["price"] for event in placed] == [3_000 * 10**6]
    assert spot.functions.getBestPrices(weth).call()[1] == 3_000 * 10**6
    with pytest.raises(ContractCustomError) as refused:
        spot.functions.placeOrder(weth, 1, 3_000 * 10**6, False).call()
    assert isinstance(refused.value.data, str)
    error = exchange_error(refused.value.data)  # as docs/clients.md says
    assert error is not None
    assert (error.name, error.args["amount"]) == ("AmountNotMultipleOfLot", 1)


def test_subscriptions_over_websocket_tell_of_blocks_and_logs(
    fresh_node: Served, web3: Any
) -> None:
    contract = deployed(web3, "StorageAndEvent")

    async def listen() -> dict[str, Any]:
        url = fresh_node.url.replace("http", "ws")
        async with AsyncWeb3(WebSocketProvider(url)) as socket:
            heads = await socket.eth.subscribe("newHeads")
            logs = await socket.eth.subscribe("logs", {"address": contract.address})
            send = contract.functions.store(3, 4).transact
            await asyncio.to_thread(send, {"from": web3.eth.accounts[0]})
            told: dict[str, Any] = {}
            async for message in socket.socket.process_subscriptions():
                told[{heads: "head", logs: "log"}[message["subscription"]]] = message["result"]
                if len(told) == 2:
                    break
            return told

    told = asyncio.run(asyncio.wait_for(listen(), 20))
    assert told["log"]["address"] == contract.address
    assert told["log"]["blockHash"] == told["head"]["hash"]


def test_what_waits_counts_for_the_pending_nonce() -> None:
    with served(automine=False) as node:
        web3: Any = Web3(HTTPProvider(node.url))
        sent = node.result("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"})
        assert web3.eth.get_transaction_count(web3.to_checksum_address(OWNER), "pending") == 1
        assert web3.eth.get_transaction_count(web3.to_checksum_address(OWNER)) == 0
        assert node.result("eth_getTransactionReceipt", sent) is None
        pending = node.result("eth_getBlockByNumber", "pending", False)
        assert pending["transactions"] == [sent]
        assert pending["hash"] is None


def test_a_refusal_says_why_in_the_words_clients_know(web3: Any) -> None:
    sender, receiver = web3.eth.accounts[:2]
    with pytest.raises(Web3RPCError, match="insufficient funds"):
        web3.eth.send_transaction({"from": sender, "to": receiver, "value": 10**30, "gas": 21_000})
