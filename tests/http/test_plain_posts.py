"""Plain POSTs are answered as aiohttp would, however their bytes arrive; all else goes on to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from evm_dex.http.idle_connections import IdleConnections
from evm_dex.http.plain_posts import PostServer
from tests.waiting import until

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: "
PLAIN = HEAD + b"5\r\n\r\nplain"
SLOW = HEAD + b"4\r\n\r\nslow"
OTHERS = {
    "another method": b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nother",
    "no length": b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nother\r\n0\r\n\r\n",
    "an older protocol": b"POST / HTTP/1.0\r\nHost: here\r\nContent-Length: 5\r\n\r\nother",
    "the last of a connection": HEAD + b"5\r\nConnection: close\r\n\r\nother",
    "to be continued": HEAD + b"5\r\nExpect: 100-continue\r\n\r\nother",
    "compressed": HEAD + b"5\r\nContent-Encoding: gzip\r\n\r\nother",
    "not allowed": b"POST / HTTP/1.1\r\nHost: there\r\nContent-Length: 5\r\n\r\nother",
    "large": HEAD + b"70000\r\n\r\nother" + b"." * 69_995,
    "a large head": HEAD + b"5\r\nX: " + b"x" * 5_000 + b"\r\n\r\nother",
}
Use = Callable[[PostServer, int], Awaitable[None]]


def reply_headers(host: str | None, _origin: str | None) -> Mapping[str, str] | None:
    return {"Vary": "Origin"} if host == "here" else None


def answer(body: bytes) -> bytes | Awaitable[bytes]:
    async def later() -> bytes:
        await asyncio.sleep(0.02)
        return b"later"

    return later() if body == b"slow" else b"at once: " + body


async def by_aiohttp(request: web.BaseRequest) -> web.Response:
    return web.Response(body=b"by aiohttp: " + (await request.read())[:5])


def serving(use: Use, *, send_seconds: float = 60, idle_seconds: float = 300) -> None:
    async def run() -> None:
        idle = IdleConnections(connections=2, seconds=idle_seconds)
        server = PostServer(
            by_aiohttp,
            answer=answer,
            reply_headers=reply_headers,
            idle=idle,
            send_seconds=send_seconds,
        )
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        looking = asyncio.create_task(idle.run(server))
        try:
            await use(server, listening.sockets[0].getsockname()[1])
        finally:
            looking.cancel()
            listening.close()
            server.pre_shutdown()
            await server.shutdown(1)

    asyncio.run(run())


async def bodies(port: int, parts: list[bytes], count: int) -> list[bytes]:
    """Bodies of so many replies to bytes that are sent in parts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.001)
    found: list[bytes] = []
    while len(found) < count:
        async with asyncio.timeout(60):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 100 " not in head:
            assert head.startswith(b"http/1.1 200 ") or head.startswith(b"http/1.0 200 ")
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            found.append(await reader.readexactly(int(length)))
    writer.close()
    return found


@pytest.mark.parametrize("step", [1, 7, 60, 64, 1_000])
def test_requests_in_a_row_are_answered_in_order_however_they_are_cut(step: int) -> None:
    sent = PLAIN + SLOW + PLAIN + HEAD + b"0\r\n\r\n" + PLAIN

    async def use(_: PostServer, port: int) -> None:
        places = [*range(0, len(sent), step), len(sent)]
        parts = [sent[start:end] for start, end in pairwise(places)]
        assert await bodies(port, parts, 5) == [
            b"at once: plain", b"later", b"at once: plain", b"at once: ", b"at once: plain"
        ]  # fmt: skip

    serving(use)


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_plain_is_aiohttp_s_and_so_is_the_connection_from_there(kind: str) -> None:
    async def use(_: PostServer, port: int) -> None:
        found = await bodies(port, [PLAIN, OTHERS[kind]], 2)
        assert found == [b"at once: plain", b"by aiohttp: other"]
        found = await bodies(port, [PLAIN + SLOW + OTHERS[kind]], 3)
        assert found == [b"at once: plain", b"later", b"by aiohttp: other"]

    serving(use)


def test_what_does_not_arrive_at_once_is_aiohttp_s_to_wait_for() -> None:
    async def use(server: PostServer, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"5\r\n\r\noth")
        await asyncio.to_thread(until, lambda: server.connections and not server.plain)
        assert len(server.connections) == 1
        writer.write(b"er" + PLAIN)
        assert b"by aiohttp: other" in await reader.readuntil(b"other")
        assert b"by aiohttp: plain" in await reader.readuntil(b"plain")
        writer.close()

    serving(use)


def test_idle_and_surplus_connections_are_closed() -> None:
    async def use(server: PostServer, port: int) -> None:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for reader, writer in opened:
            writer.write(PLAIN)
            await reader.readuntil(b"plain")
        async with asyncio.timeout(60):
            assert await opened[0][0].read() == b""
            assert len(server.plain) < 3
            for reader, _ in opened[1:]:
                assert await reader.read() == b""
        for _, writer in opened:
            writer.close()

    serving(use, idle_seconds=0.4)


def test_a_client_that_takes_no_answers_is_dropped() -> None:
    async def use(server: PostServer, port: int) -> None:
        client = socket.create_connection(("127.0.0.1", port))
        client.setblocking(False)
        request: Any = HEAD + b"60000\r\n\r\n" + b"x" * 60_000
        loop = asyncio.get_running_loop()

        async def send_on() -> None:
            while True:
                await loop.sock_sendall(client, request)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(send_on(), 60)
        assert not server.connections
        client.close()

    serving(use, send_seconds=0.2)
