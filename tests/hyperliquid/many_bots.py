"""Bots that trade for a while beside a living market, on a node of its own: none misses an answer.

`python -m tests.hyperliquid.many_bots 50 600` prints figures of 50 bots with two orders a second
each for ten minutes.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak
from websockets.asyncio.client import connect

import evm_dex
from evm_dex.blocks.dev_accounts import MNEMONIC, KeyPair, derive_accounts
from evm_dex.history.inprocess import History
from precompiles.hyper.signed.digest import Envelope, digest
from precompiles.hyper.signed.wire import read
from tests.hyperliquid.trader import limit

ETH = 1
PACE = 0.5
"""Seconds from order to order."""
CANCELS_EVERY = 6
NO_MATCH = "Order could not immediately match against any resting orders. asset=1"
Json = dict[str, Any]


@dataclass
class Figures:
    """What came of a run."""

    orders: int = 0
    answers: int = 0
    filled: int = 0
    seconds: list[float] = field(default_factory=list)
    """From request to answer."""
    memory: list[float] = field(default_factory=list)
    """Of the node in MiB, each second."""
    duration: float = 0.0
    untold: int = 0
    """Orders that were answered, and not heard of by `orderUpdates`."""
    placed: dict[str, list[int]] = field(default_factory=dict)
    """Ids by account."""

    def told(self) -> Json:
        """Return them for people."""
        third = max(1, len(self.memory) // 3)
        cuts = statistics.quantiles(self.seconds, n=100)
        return {
            "orders": self.orders,
            "answers": self.answers,
            "filled": self.filled,
            "untold": self.untold,
            "actions a second": round(len(self.seconds) / self.duration, 1),
            "p50 ms": round(cuts[49] * 1e3, 1),
            "p99 ms": round(cuts[98] * 1e3, 1),
            "most ms": round(max(self.seconds) * 1e3, 1),
            "MiB by third": [
                round(statistics.mean(self.memory[at : at + third]), 1)
                for at in range(0, 3 * third, third)
                if self.memory[at : at + third]
            ],
        }


class Bot:
    """One account: its connection, its orders, and what it heard of them."""

    def __init__(self, number: int, figures: Figures) -> None:
        self.pair = KeyPair(keccak(f"bot {number}".encode()))
        self.address = f"0x{self.pair.address.hex()}"
        self._number = number
        self._figures = figures
        self._nonce = 0
        self._open: list[str] = []
        self._heard: set[int] = set()
        self.placed = figures.placed.setdefault(self.address, [])

    async def trade(self, host: str, begin: float, count: int) -> float:
        """Send so many orders, each at its time or once the answer before is there; the end."""
        reader, writer = await asyncio.open_connection(*host.split(":"))
        try:
            async with self._listening(host):
                for turn in range(count):
                    await asyncio.sleep(max(0.0, begin + turn * PACE - time.monotonic()))
                    await self._order(reader, writer, turn)
                    if turn % CANCELS_EVERY == CANCELS_EVERY - 1:
                        await self._cancel(reader, writer)
                ended = time.monotonic()
                await self._hear_all()
        finally:
            writer.close()
            await writer.wait_closed()
        return ended

    @asynccontextmanager
    async def _listening(self, host: str) -> AsyncIterator[None]:
        async with connect(f"ws://{host}/ws", max_size=None) as socket:
            subscription = {"type": "orderUpdates", "user": self.address}
            await socket.send(json.dumps({"method": "subscribe", "subscription": subscription}))

            async def listen() -> None:
                await socket.recv()  # a greeting
                async for message in socket:
                    content = json.loads(message)
                    if content["channel"] == "orderUpdates":
                        self._heard.update(it["order"]["oid"] for it in content["data"])

            listening = asyncio.create_task(listen())
            try:
                yield
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening

    async def _hear_all(self) -> None:
        for _ in range(300):
            if set(self.placed) <= self._heard:
                break
            await asyncio.sleep(0.1)
        self._figures.untold += len(set(self.placed) - self._heard)

    async def _order(self, reader: Any, writer: Any, turn: int) -> None:
        side = "buy" if (turn + self._number) % 2 else "sell"
        takes = turn % 3 == 2
        away = (-1 if side == "buy" else 1) * (30 + (7 * turn + self._number) % 60)
        price = str(3_000 - 3 * away if takes else 3_000 + away)
        cloid = f"0x{self._number << 64 | turn + 1:032x}"
        wire = limit(ETH, side, price, "0.01", "Ioc" if takes else "Gtc", c=cloid)
        (status,) = await self._act(
            reader, writer, {"type": "order", "orders": [wire], "grouping": "na"}
        )
        self._figures.orders += 1
        if "filled" in status:
            self._figures.filled += 1
            self.placed.append(status["filled"]["oid"])
        elif "resting" in status:
            self._open.append(cloid)
            self.placed.append(status["resting"]["oid"])
        elif status != {"error": NO_MATCH} or not takes:
            raise AssertionError(f"{wire}: {status}")

    async def _cancel(self, reader: Any, writer: Any) -> None:
        cancels = [{"asset": ETH, "cloid": cloid} for cloid in self._open]
        self._open.clear()
        for status in await self._act(
            reader, writer, {"type": "cancelByCloid", "cancels": cancels}
        ):
            # An error is that of an order that filled meanwhile.
            assert status == "success" or "already canceled, or filled" in status["error"], status

    async def _act(self, reader: Any, writer: Any, action: Json) -> list[Any]:
        self._nonce = max(self._nonce + 1, time.time_ns() // 1_000_000)
        body = signed(self.pair, action, self._nonce)
        started = time.perf_counter()
        answer = await post(reader, writer, body)
        self._figures.seconds.append(time.perf_counter() - started)
        self._figures.answers += 1
        assert answer["status"] == "ok", answer
        statuses: list[Any] = answer["response"]["data"]["statuses"]
        return statuses


def signed(pair: KeyPair, action: Json, nonce: int) -> bytes:
    """Return the body of a request."""
    parity, r, s = pair.signer.sign(digest(Envelope(read(action), nonce), is_mainnet=False))
    signature = {"r": hex(r), "s": hex(s), "v": 27 + parity}
    return json.dumps({"action": action, "nonce": nonce, "signature": signature}).encode()


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> Json:
    """Send a request over a connection that stays; its answer."""
    head = "POST /exchange HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answered = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", answered)
    assert length is not None, answered
    content: Json = json.loads(await reader.readexactly(int(length[1])))
    return content


async def run(bots: int, orders: int, host: str, pid: int) -> Figures:
    """Let bots trade on a node."""
    figures = Figures()
    traders = [Bot(number, figures) for number in range(bots)]
    await fund(host, traders)
    watching = asyncio.create_task(watch(pid, figures))
    begin = time.monotonic() + 0.5
    try:
        ended = await asyncio.gather(
            *(bot.trade(host, begin + PACE * at / bots, orders) for at, bot in enumerate(traders))
        )
    finally:
        watching.cancel()
    figures.duration = max(ended) - begin
    return figures


async def fund(host: str, bots: list[Bot]) -> None:
    """Give each bot 10,000 USDC of the second of the accounts that have any."""
    payer = derive_accounts(MNEMONIC, 2)[1]
    reader, writer = await asyncio.open_connection(*host.split(":"))
    first = time.time_ns() // 1_000_000
    for at, bot in enumerate(bots):
        action = {
            "type": "usdSend",
            "signatureChainId": "0x66eee",
            "hyperliquidChain": "Testnet",
            "destination": bot.address,
            "amount": "10000",
            "time": first + at,
        }
        answer = await post(reader, writer, signed(payer, action, first + at))
        assert answer["status"] == "ok", answer
    writer.close()
    await writer.wait_closed()


async def watch(pid: int, figures: Figures) -> None:
    """Note a process's memory each second."""
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        figures.memory.append(int(found[1]) / 1024 if found else 0.0)
        await asyncio.sleep(1)


@contextmanager
def node(chain: Path) -> Iterator[tuple[str, int]]:
    """Run a node with a calm market; where its API is, and its process."""
    options = ["--profile", "hyperevm", "--hyperliquid", "0", "--market", "calm", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "evm_dex", "node", *options, "--chain", chain],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            found = None
            while found is None:
                line = process.stdout.readline()
                assert line, "the node ended"
                found = re.search(r"API on http://([0-9.:]+)", line)
            draining = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
            with draining:
                yield found[1], process.pid
                process.terminate()
                assert process.wait(60) == 0
        finally:
            process.kill()


def compare(chain: Path, figures: Figures) -> None:
    """Hold the order history against the chain's rows, for all that the bots were answered."""
    with evm_dex.open(chain) as dex:
        assert dex.self_check() == []
        with History(dex, chain.with_suffix(".history")) as history:
            for order_ids in figures.placed.values():
                for order_id in order_ids:
                    row = dex.chain.ledger.perp_order(order_id)
                    noted = history.store.order(order_id)
                    assert row is not None, order_id
                    assert noted is not None, order_id
                    assert noted.filled_quantity == row.filled, order_id


def main(bots: int, seconds: int) -> Figures:
    """Run it all. Raises AssertionError for an answer, news or history that is not right."""
    with tempfile.TemporaryDirectory() as made:
        chain = Path(made) / "chain"
        with node(chain) as (host, pid):
            figures = asyncio.run(run(bots, int(seconds / PACE), host, pid))
        compare(chain, figures)
    assert figures.orders == bots * int(seconds / PACE)
    assert figures.untold == 0
    return figures


if __name__ == "__main__":
    print(json.dumps(main(*(int(it) for it in sys.argv[1:3])).told(), indent=1))
