"""WebSockets: requests, subscriptions, and clients that do not keep up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from evm_dex.node.request_limits import Limits
from tests.node.served import OTHER, OWNER, Served, served
from tests.waiting import until

TRANSFER = "0xa9059cbb" + OTHER[2:].rjust(64, "0") + "1".rjust(64, "0")


class Client:
    """Sends, and keeps what it is told apart from answers."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.told: list[Any] = []

    async def ask(self, method: str, *params: Any) -> Any:
        await self.socket.send_json({"id": 1, "method": method, "params": list(params)})
        while "id" not in (message := await self.socket.receive_json(timeout=60)):
            self.told.append(message["params"])
        return message.get("result", message.get("error"))

    async def next(self) -> Any:
        if not self.told:
            self.told.append((await self.socket.receive_json(timeout=60))["params"])
        return self.told.pop(0)


def with_client(node: Served, work: Any) -> None:
    async def run() -> None:
        async with ClientSession() as session, session.ws_connect(node.socket_url) as socket:
            await work(Client(socket))

    asyncio.run(run())


def test_requests_and_batches_are_answered(shared_node: Served) -> None:
    async def work(client: Client) -> None:
        assert await client.ask("eth_chainId") == "0x7a69"
        await client.socket.send_str("[" + ",".join(['{"id":1,"method":"eth_chainId"}'] * 3) + "]")
        assert len(await client.socket.receive_json(timeout=60)) == 3
        await client.socket.send_str("{")
        assert (await client.socket.receive_json(timeout=60))["error"]["code"] == -32700

    with_client(shared_node, work)


def test_subscribers_are_told_of_blocks_logs_and_transactions(fresh_node: Served) -> None:
    token = fresh_node.dex.tokens["WETH"].address

    async def work(client: Client) -> None:
        heads = await client.ask("eth_subscribe", "newHeads")
        logs = await client.ask("eth_subscribe", "logs", {"address": token})
        others = await client.ask("eth_subscribe", "logs", {"address": OTHER})
        pending = await client.ask("eth_subscribe", "newPendingTransactions")
        assert len({heads, logs, others, pending}) == 4
        request = {"from": OWNER, "to": token, "data": TRANSFER}
        sent = await client.ask("eth_sendTransaction", request)
        told = [await client.next() for _ in range(3)]
        by_subscription = {item["subscription"]: item["result"] for item in told}
        assert by_subscription.keys() == {heads, logs, pending}
        assert by_subscription[heads]["number"] == "0x1"
        assert by_subscription[logs]["transactionHash"] == sent
        assert by_subscription[pending] == sent
        for subscription in (heads, logs, pending):
            assert await client.ask("eth_unsubscribe", subscription) is True
        assert await client.ask("eth_unsubscribe", heads) is False
        await client.ask("eth_sendTransaction", request)
        assert client.told == []

    with_client(fresh_node, work)


def test_after_a_rollback_the_blocks_that_come_anew_are_told(fresh_node: Served) -> None:
    async def work(client: Client) -> None:
        await client.ask("eth_subscribe", "newHeads")
        blocks = await client.ask("eth_newBlockFilter")
        send = ("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"})
        for _ in range(2):
            await client.ask(*send)
        first = [(await client.next())["result"]["number"] for _ in range(2)]
        assert len(await client.ask("eth_getFilterChanges", blocks)) == 2
        fresh_node.dex.rollback(1)
        await client.ask("eth_sendTransaction", {"from": OWNER, "to": OWNER})
        again = (await client.next())["result"]
        assert (first, again["number"]) == (["0x1", "0x2"], "0x2")
        assert await client.ask("eth_getFilterChanges", blocks) == [again["hash"]]

    with_client(fresh_node, work)


def test_subscriptions_are_bounded_and_end_with_the_connection() -> None:
    with served(Limits(subscriptions=2)) as node:
        listeners = len(node.node.events.on_update)

        async def work(client: Client) -> None:
            for _ in range(2):
                await client.ask("eth_subscribe", "newHeads")
            assert (await client.ask("eth_subscribe", "newHeads"))["code"] == -32005
            assert len(node.node.events.on_update) == listeners + 1

        with_client(node, work)
        until(lambda: len(node.node.events.on_update) == listeners)


def test_a_client_that_does_not_read_is_dropped_and_the_node_goes_on() -> None:
    with served(Limits(waiting_messages=5, send_seconds=0.5, body_bytes=10_000)) as node:

        async def run() -> None:
            async with ClientSession() as session:
                socket = await session.ws_connect(node.socket_url, max_msg_size=0)
                socket._response.connection.transport.pause_reading()  # type: ignore[union-attr] # a client that hangs
                request = {"id": 1, "method": "rpc_discover"}
                batch = json.dumps([request] * 50)
                for _ in range(40):
                    await socket.send_str(batch)
                await asyncio.to_thread(until, lambda: not node.server._sockets)

        asyncio.run(run())
        assert node.result("eth_chainId") == "0x7a69"


def test_a_long_call_holds_up_no_ping_read_call_or_transaction() -> None:
    with served(Limits(call_seconds=10, call_gas=10**11)) as node:

        async def run() -> None:
            async with ClientSession() as session:
                busy = await session.ws_connect(node.socket_url)
                idle = await session.ws_connect(node.socket_url, autoping=False)
                call, block = {"to": OTHER, "gas": hex(10**11)}, {"gasLimit": hex(10**11)}
                loop = call, "latest", {OTHER: {"code": "0x5b600056"}}, block
                await busy.send_json({"id": 1, "method": "eth_call", "params": loop})
                await asyncio.to_thread(until, lambda: node.node.turns._at_chain is not None)
                ended = asyncio.create_task(busy.receive_json(timeout=60))
                await idle.ping()
                assert (await idle.receive(timeout=60)).type is WSMsgType.PONG
                await idle.send_json({"id": 1, "method": "eth_chainId"})
                assert (await idle.receive_json(timeout=60))["result"] == "0x7a69"
                await idle.send_json({"id": 2, "method": "eth_call", "params": [{"to": OTHER}]})
                assert (await idle.receive_json(timeout=60))["result"] == "0x"
                sent = {"from": OWNER, "to": OTHER, "value": "0x1"}
                await idle.send_json({"id": 3, "method": "eth_sendTransaction", "params": [sent]})
                assert (await idle.receive_json(timeout=60))["result"]
                await idle.send_json({"id": 4, "method": "eth_blockNumber"})
                assert (await idle.receive_json(timeout=60))["result"] == "0x1"
                assert not ended.done()
                assert (await ended)["error"]["code"] == -32000

        asyncio.run(run())


def test_short_requests_do_not_go_to_the_chain_s_thread_and_back(fresh_node: Served) -> None:
    went: list[Any] = []
    original = fresh_node.server._workers.submit

    def submit(work: Any) -> Any:
        went.append(work)
        return original(work)

    fresh_node.server._workers.submit = submit  # type: ignore[method-assign] # to count

    async def work(client: Client) -> None:
        for method in ("eth_chainId", "eth_blockNumber", "eth_gasPrice"):
            await client.ask(method)
        assert went == []
        await client.ask("eth_getLogs", {})
        assert len(went) == 1

    with_client(fresh_node, work)


def test_requests_sent_at_once_are_answered_in_their_order_among_what_is_told(
    fresh_node: Served,
) -> None:
    """Short ones and long ones take turns; a block is told before the answer that made it."""

    async def work(client: Client) -> None:
        await client.ask("eth_subscribe", "newHeads")
        signed = [
            await client.ask("eth_signTransaction", {
                "from": OWNER, "to": OTHER, "gas": "0x5208", "nonce": hex(nonce)
            })
            for nonce in range(20)
        ]  # fmt: skip
        for number, transaction in enumerate(signed):
            for method, params in (
                ("eth_sendRawTransaction", [transaction["raw"]]),
                ("eth_getLogs", [{}]),
                ("eth_blockNumber", []),
            ):
                request: Any = {"id": f"{method} {number}", "method": method, "params": params}
                await client.socket.send_json(request)
        for number in range(20):
            told = [await client.socket.receive_json(timeout=60) for _ in range(4)]
            assert told[0]["params"]["result"]["number"] == hex(number + 1)
            assert [it["id"] for it in told[1:]] == [
                f"{method} {number}"
                for method in ("eth_sendRawTransaction", "eth_getLogs", "eth_blockNumber")
            ]
            assert told[3]["result"] == hex(number + 1)

    with_client(fresh_node, work)


def test_too_large_a_message_ends_the_connection() -> None:
    with served(Limits(body_bytes=1_000)) as node:

        async def work(client: Client) -> None:
            await client.socket.send_str(" " * 2_000)
            assert (await client.socket.receive(timeout=60)).type is WSMsgType.CLOSE

        with_client(node, work)


def test_pages_from_elsewhere_get_no_socket(shared_node: Served) -> None:
    async def run() -> None:
        async with ClientSession() as session:
            with pytest.raises(WSServerHandshakeError, match="403"):
                await session.ws_connect(shared_node.socket_url, origin="http://evil.example")

    asyncio.run(run())
