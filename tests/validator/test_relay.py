"""Transactions on their way to an engine's RPC: each once, in order, again where it has no room."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from evm_dex.errors import TransactionRejected
from evm_dex.validator import relay as relaying
from evm_dex.validator.relay import Relay

FULL = {"code": -32603, "message": "Internal error", "data": "mempool is full"}
KNOWN = {"code": -32603, "message": "Internal error", "data": "tx already exists in cache"}


class Engine:
    """Answers as an engine does: one request with an object, several with an array."""

    def __init__(self, *refusals: Any) -> None:
        self.taken: list[bytes] = []
        self._refusals = list(refusals)

    async def answer(self, request: web.Request) -> web.Response:
        answers = [self._one(each) for each in await request.json()]
        return web.json_response(answers[0] if len(answers) == 1 else answers)

    def _one(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        refusal = self._refusals.pop(0) if self._refusals else None
        if refusal is not None:
            return answer | {"error": refusal}
        self.taken.append(base64.b64decode(request["params"]["tx"]))
        return answer | {"result": {"code": 0}}


async def hand_on(engine: Engine, *batches: list[bytes]) -> None:
    """Hand on batches one after another, and wait until nothing waits any more."""
    application = web.Application()
    application.router.add_post("/", engine.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    relay = Relay(f"http://127.0.0.1:{runner.addresses[0][1]}")
    running = asyncio.create_task(relay.run())
    try:
        async with asyncio.timeout(60):
            for batch in batches:
                for raw in batch:
                    relay.hand_on(raw)
                while relay.waiting:
                    await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await runner.cleanup()


def test_one_alone_and_several_are_handed_on_once() -> None:
    engine = Engine()
    asyncio.run(hand_on(engine, [b"a"], [b"b", b"c"], [b"d"]))
    assert engine.taken == [b"a", b"b", b"c", b"d"]


def test_what_the_engine_has_no_room_for_is_tried_again_and_what_it_knows_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relaying, "_SECONDS_BETWEEN_TRIES", 0.01)
    engine = Engine(FULL, FULL, KNOWN, None, FULL)
    asyncio.run(hand_on(engine, [b"a"], [b"b", b"c", b"d"]))
    assert engine.taken == [b"b", b"d", b"c"]
    engine = Engine(KNOWN)
    asyncio.run(hand_on(engine, [b"a"]))
    assert engine.taken == []


def test_more_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "_MOST_WAITING", 2)

    async def fill() -> None:
        relay = Relay("http://127.0.0.1:9")
        for raw in (b"a", b"b"):
            relay.hand_on(raw)
        with pytest.raises(TransactionRejected, match="txpool is full"):
            relay.hand_on(b"c")

    asyncio.run(fill())
