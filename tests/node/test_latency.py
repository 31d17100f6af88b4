"""Others' pings, reads, transactions and subscriptions, while one client keeps the node busy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import sign
from tests.bytecode import assemble
from tests.node.test_attacks import (
    OTHER,
    calling,
    needs_proc,
    node_process,
    processor_seconds,
    request,
)

SECONDS = 4.0
TRANSACTIONS_PER_SECOND = 200
LATENCY = 0.05
"""Seconds in which 99 of 100 are answered: of the node's own processor time, if that is less."""
IDLE = "another node"
COMPUTES = assemble("PUSH0 JUMPDEST 0x01 ADD DUP1 DUP1 MUL POP DUP1 0x01 JUMPI STOP")
HASHES = assemble("JUMPDEST 0x20 PUSH0 SHA3 PUSH0 MSTORE GAS POP PUSH0 JUMP")


def transfer(nonce: int) -> str:
    fields = {
        "chain_id": 31337,
        "nonce": nonce,
        "gas": 21_000,
        "to": bytes.fromhex(OTHER[2:]),
        "value": 1,
        "data": b"",
        "max_fee_per_gas": 10**10,
        "max_priority_fee_per_gas": 0,
        "access_list": (),
    }
    return "0x" + sign(default_accounts()[0].signer, 2, fields).raw.hex()


class Latencies:
    """What several clients do over and over until the time is up, and how long each took."""

    def __init__(self, pid: int) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._pid = pid
        self._end = time.monotonic() + SECONDS

    def now(self) -> tuple[float, float]:
        """By the clock, and by the node's processor time."""
        return time.monotonic(), processor_seconds(self._pid)

    def since(self, then: tuple[float, float]) -> float:
        """Seconds, without those in which others on the machine kept the node from computing."""
        clock, computed = self.now()
        return min(clock - then[0], computed - then[1])

    async def repeat(
        self,
        name: str,
        every: float,
        ask: Callable[[], Awaitable[object]],
        *,
        is_idle: bool = False,
    ) -> None:
        """`is_idle` where it is not the node that is asked."""
        found = self.seconds.setdefault(name, [])
        while (began := self.now())[0] < self._end:
            await ask()
            found.append(self.now()[0] - began[0] if is_idle else self.since(began))
            await asyncio.sleep(max(0.0, began[0] + every - time.monotonic()))

    def slow(self) -> dict[str, float]:
        """The 99th percentiles."""
        return {name: sorted(found)[-1 - len(found) // 100] for name, found in self.seconds.items()}


async def ping(socket: ClientWebSocketResponse) -> None:
    await socket.ping()
    assert (await socket.receive(timeout=60)).type is WSMsgType.PONG


async def measured(port: int, pid: int, idle: int, code: bytes) -> Latencies:
    """Latencies of each kind of request while calls of 30 M gas run one after another.

    And those of a node at port `idle`, which are the machine's and the client's own.
    """
    found, url = Latencies(pid), f"http://127.0.0.1:{port}"
    call, *others = calling(code)
    busy = json.dumps(request("eth_call", {**call, "gas": hex(30_000_000)}, *others))
    trivial = json.dumps(request("eth_chainId"))
    sent: dict[str, tuple[float, float]] = {}
    told = found.seconds.setdefault("newHeads", [])
    async with ClientSession() as session:

        async def post(body: str, to: str = url) -> Any:
            headers = {"Content-Type": "application/json"}
            async with session.post(to, data=body, headers=headers) as response:
                return await response.json()

        async def ask(method: str, *params: Any) -> Any:
            answer = await post(json.dumps(request(method, *params)))
            return answer["result"]

        nonces = iter(range(100_000))
        signed = [transfer(next(nonces)) for _ in range(int(SECONDS * TRANSACTIONS_PER_SECOND))]
        signed.reverse()

        async def send() -> None:
            sent["at"] = found.now()
            await ask("eth_sendRawTransaction", signed.pop())

        async def listen(socket: ClientWebSocketResponse) -> None:
            while "params" in await socket.receive_json(timeout=60):
                told.append(found.since(sent["at"]))

        pinged = await session.ws_connect(url, autoping=False)
        following = await session.ws_connect(url)
        await following.send_json(request("eth_subscribe", "newHeads"))
        await following.receive_json(timeout=60)
        listening = asyncio.create_task(listen(following))
        await asyncio.gather(
            found.repeat("the call", 0, lambda: post(busy)),
            found.repeat(
                IDLE, 0.01, lambda: post(trivial, f"http://127.0.0.1:{idle}"), is_idle=True
            ),
            found.repeat("eth_sendRawTransaction", 1 / TRANSACTIONS_PER_SECOND, send),
            found.repeat("ping", 0.01, lambda: ping(pinged)),
            found.repeat("eth_getBalance", 0.01, lambda: ask("eth_getBalance", OTHER, "latest")),
            found.repeat(
                "eth_getBlockByNumber", 0.01, lambda: ask("eth_getBlockByNumber", "latest", False)
            ),
            found.repeat("eth_call", 0.01, lambda: ask("eth_call", {"to": OTHER}, "latest")),
        )
        async with asyncio.timeout(60):
            while len(told) < len(found.seconds["eth_sendRawTransaction"]):
                await asyncio.sleep(0.01)
        listening.cancel()
    return found


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("code", [COMPUTES, HASHES], ids=["computes", "hashes"])
def test_99_of_100_wait_less_than_50_ms_beside_long_calls_and_transactions(code: bytes) -> None:
    with node_process() as (port, pid), node_process() as (idle, _):
        found = asyncio.run(measured(port, pid, idle, code))
    slow, calls = found.slow(), found.seconds["the call"]
    print({name: f"{1_000 * seconds:.0f} ms" for name, seconds in slow.items()})
    print(
        f"{len(calls)} calls, {median(calls):.2f} s each; {len(found.seconds['newHeads'])} blocks"
    )
    assert calls
    assert len(found.seconds["newHeads"]) == len(found.seconds["eth_sendRawTransaction"])
    most = LATENCY + slow[IDLE]
    assert {name: it for name, it in slow.items() if name != "the call" and it > most} == {}
