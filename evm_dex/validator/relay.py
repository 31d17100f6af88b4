"""The way of transactions from this validator's JSON-RPC to the engine, which gossips them."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from typing import Protocol

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from evm_dex.errors import TransactionRejected

_logger = logging.getLogger(__name__)
_MOST_WAITING = 20_000
_AT_ONCE = 100
_SECONDS_BETWEEN_TRIES = 0.5
_TIMEOUT = ClientTimeout(total=10)


class Gossip(Protocol):
    """Takes a transaction that was admitted here to all other validators."""

    def hand_on(self, raw: bytes) -> None:
        """Take it. Raises TransactionRejected where too many wait."""


class Relay:
    """Hands transactions to the engine's RPC, in order; again where it does not take them."""

    def __init__(self, engine_url: str) -> None:
        self._url = engine_url
        self._waiting: deque[bytes] = deque()
        self._came = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def hand_on(self, raw: bytes) -> None:
        """Let a transaction wait for its turn; from any thread. Raises TransactionRejected."""
        if len(self._waiting) >= _MOST_WAITING:
            raise TransactionRejected(
                f"txpool is full: {_MOST_WAITING} transactions wait for the consensus engine; try "
                "again later"
            )
        self._waiting.append(raw)
        self._loop.call_soon_threadsafe(self._came.set)

    async def run(self) -> None:
        """Hand on whatever comes, until it is cancelled."""
        async with ClientSession(timeout=_TIMEOUT) as session:
            while True:
                await self._came.wait()
                self._came.clear()
                while self._waiting:
                    batch = [self._waiting[at] for at in range(min(_AT_ONCE, len(self._waiting)))]
                    if await self._send(session, batch):
                        for _ in batch:
                            self._waiting.popleft()
                    else:
                        await asyncio.sleep(_SECONDS_BETWEEN_TRIES)

    async def _send(self, session: ClientSession, batch: list[bytes]) -> bool:
        """Hand on some at once; whether the engine took them, or has them already."""
        body = msgspec.json.encode([_request(at, raw) for at, raw in enumerate(batch)])
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(self._url, data=body, headers=headers) as reply:
                answers = msgspec.json.decode(await reply.read())
        except (ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            _logger.info("the engine takes no transactions now: %s", error)
            return False
        found = answers if isinstance(answers, list) else [answers]
        return not any("full" in str(answer.get("error", "")) for answer in found)


def _request(number: int, raw: bytes) -> dict[str, object]:
    params = {"tx": base64.b64encode(raw).decode()}
    return {"jsonrpc": "2.0", "id": number, "method": "broadcast_tx_async", "params": params}
