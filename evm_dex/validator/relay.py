"""The way of transactions from this validator's JSON-RPC to the engine, which gossips them."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from itertools import islice
from typing import Any, Protocol

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from evm_dex.errors import TransactionRejected
from evm_dex.validator.engine import MOST_REQUESTS

_logger = logging.getLogger(__name__)
_MOST_WAITING = 20_000
_SECONDS_BETWEEN_TRIES = 0.5
_JSON = {"Content-Type": "application/json"}
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

    @property
    def waiting(self) -> int:
        """Transactions that the engine has not taken yet."""
        return len(self._waiting)

    async def run(self) -> None:
        """Hand on whatever comes, until it is cancelled."""
        async with ClientSession(timeout=_TIMEOUT) as session:
            while True:
                await self._came.wait()
                self._came.clear()
                while self._waiting:
                    batch = list(islice(self._waiting, MOST_REQUESTS))
                    left = await self._send(session, batch)
                    for _ in batch:
                        self._waiting.popleft()
                    self._waiting.extendleft(reversed(left))
                    if left:
                        await asyncio.sleep(_SECONDS_BETWEEN_TRIES)

    async def _send(self, session: ClientSession, batch: list[bytes]) -> list[bytes]:
        """Hand on some at once; those that the engine did not take and may take later."""
        body = msgspec.json.encode([_request(at, raw) for at, raw in enumerate(batch)])
        try:
            async with session.post(self._url, data=body, headers=_JSON) as reply:
                found = msgspec.json.decode(await reply.read(), type=_Answer | list[_Answer])
        except (ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            _logger.info("the engine takes no transactions now: %s", error)
            return batch
        answers = found if isinstance(found, list) else [found]  # one is not in a list
        refused = {answer.id: str(answer.error) for answer in answers if answer.error is not None}
        return [raw for at, raw in enumerate(batch) if not _is_settled(refused.get(at, ""))]


class _Answer(msgspec.Struct):
    """The engine's answer to one request."""

    id: int
    error: Any = None


def _is_settled(refusal: str) -> bool:
    """Tell whether trying again is of no use: it was taken, is there, or is too large for ever."""
    return not refusal or "already exists in cache" in refusal or "too large" in refusal


def _request(number: int, raw: bytes) -> dict[str, object]:
    params = {"tx": base64.b64encode(raw).decode()}
    return {"jsonrpc": "2.0", "id": number, "method": "broadcast_tx_async", "params": params}
