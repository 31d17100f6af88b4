"""Plain POSTs, answered where their bytes arrive; all else is aiohttp's.

Client libraries send one POST after another over a connection, with the same head but for its
length. aiohttp takes twice as long for each as most answers take to be made. So a head is read
once, by aiohttp's own parser, and remembered. The first request of a connection that is not
plain, not allowed, large, or does not arrive at once is handed to aiohttp together with the
connection, before any of it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpProcessingError, HttpRequestParser, HttpVersion11

from evm_dex.http.idle_connections import IdleConnections

_END = b"\r\n\r\n"
_MOST_HEAD = 4_096
_MOST_BODY = 2**16
_MOST_WAITING = 2**17
"""Bytes of further requests that are taken in while one is in work."""
_MOST_HEADS = 1_024
_SECONDS_TO_ARRIVE = 0.05
_SENT_BY_TRANSPORT = ("Host", "Origin", "Content-Length")

Answer = Callable[[bytes], bytes | Awaitable[bytes]]
"""Answers a body, at once where that takes next to no time."""
ReplyHeaders = Callable[[str | None, str | None], Mapping[str, str] | None]
"""Returns the headers of the reply to a Host and Origin; None where they are not allowed."""


class PlainHead:
    """The head of a plain request."""

    __slots__ = ("body_bytes", "reply")

    def __init__(self, body_bytes: int, headers: Mapping[str, str]) -> None:
        self.body_bytes = body_bytes
        self.reply = "".join(
            f"{name}: {value}\r\n"
            for name, value in (("Content-Type", "application/json"), *headers.items())
        ).encode("latin-1")


class PostServer(web.Server):
    """aiohttp's server, behind connections that answer plain POSTs themselves."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        answer: Answer,
        reply_headers: ReplyHeaders,
        idle: IdleConnections,
        send_seconds: float,
    ) -> None:
        """Serve by `handler` as aiohttp does; a client has `send_seconds` to accept an answer."""
        super().__init__(handler, access_log=None, auto_decompress=False)
        self.answer = answer
        self.idle = idle
        self.send_seconds = send_seconds
        self.plain: set[PlainPosts] = set()
        """Open connections that are not aiohttp's."""
        self._reply_headers = reply_headers
        self._heads: dict[bytes, PlainHead | None] = {}

    def __call__(self) -> Any:  # aiohttp has its own handler alone here
        """Return the protocol of a new connection."""
        return PlainPosts(self)

    def handler(self) -> asyncio.Protocol:
        """Return aiohttp's protocol for a connection."""
        return super().__call__()

    @property
    def connections(self) -> list[Any]:
        """The open connections, aiohttp's among them."""
        return [*self.plain, *super().connections]

    def pre_shutdown(self) -> None:
        """Take no more requests."""
        super().pre_shutdown()
        for connection in tuple(self.plain):
            connection.close()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Let what is in work finish, and close all connections."""
        working = [it.work for it in self.plain if it.work is not None]
        if working:
            await asyncio.wait(working, timeout=timeout)
        for connection in tuple(self.plain):
            connection.force_close()
        await super().shutdown(timeout)

    def head(self, encoded: bytes) -> PlainHead | None:
        """Return what a head says, its empty line included; None for one that is not plain."""
        try:
            return self._heads[encoded]
        except KeyError:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            found = self._heads[encoded] = self._read(encoded)
            return found

    def _read(self, encoded: bytes) -> PlainHead | None:
        loop = asyncio.get_running_loop()
        parser = HttpRequestParser(BaseProtocol(loop), loop, _MOST_BODY)
        try:
            messages, upgraded, _ = parser.feed_data(encoded)
        except HttpProcessingError:
            return None
        if len(messages) != 1 or upgraded:
            return None
        message = messages[0][0]
        headers = message.headers
        is_plain = (
            message.method == "POST"
            and message.version == HttpVersion11
            and not (message.should_close or message.upgrade or message.chunked)
            and "Expect" not in headers
            and headers.get("Content-Encoding", "identity") == "identity"
            and all(len(headers.getall(name, ())) <= 1 for name in _SENT_BY_TRANSPORT)
        )
        length = headers.get("Content-Length", "")
        if not is_plain or not length.isdecimal() or int(length) > _MOST_BODY:
            return None
        reply = self._reply_headers(headers.get("Host"), headers.get("Origin"))
        return None if reply is None else PlainHead(int(length), reply)


class PlainPosts(asyncio.Protocol):
    """One connection, as long as all that it brings is plain POSTs."""

    def __init__(self, server: PostServer) -> None:
        self.work: asyncio.Task[None] | None = None
        """The task that answers the request in work, where that takes long."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None
        """Runs while part of a request is here, or while the client accepts no answer."""
        self._is_full = False
        self._is_closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._server.plain.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """End; what is in work finishes for nobody."""
        self._server.plain.discard(self)
        self._stop_timer()

    def close(self) -> None:
        """Close once what is in work is answered."""
        self._is_closing = True
        if self.work is None:
            self._transport.close()

    def force_close(self) -> None:
        """Close now."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in bytes, and answer what is whole."""
        self._received = self._received + data if self._received else data
        if self.work is None and not self._is_full:
            self._stop_timer()
            self._go_on()
        elif len(self._received) > _MOST_WAITING:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Wait for the client to accept answers."""
        self._is_full = True
        self._stop_timer()
        self._timer = self._loop.call_later(self._server.send_seconds, self._transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self._is_full = False
        self._stop_timer()
        self._loop.call_soon(self._go_on)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        """Answer the next request, if it is here, and let others have their turn."""
        received = self._received
        if not received or self.work is not None or self._is_full or self._is_closing:
            return
        if self._transport.is_closing():
            return
        end = received.find(_END) + len(_END)
        if end < len(_END):
            self._wait_or_hand_over(len(received) <= _MOST_HEAD)
            return
        head = self._server.head(received[:end]) if end <= _MOST_HEAD else None
        if head is None:
            self._hand_over()
            return
        size = end + head.body_bytes
        if len(received) < size:
            self._wait_or_hand_over(True)
            return
        self._received = received[size:]
        answer = self._server.answer(received[end:size])
        if isinstance(answer, bytes):
            self._reply(head, answer)
        else:
            self.work = self._loop.create_task(self._reply_later(head, answer))

    def _wait_or_hand_over(self, may_wait: bool) -> None:
        if may_wait and self._timer is None:
            self._timer = self._loop.call_later(_SECONDS_TO_ARRIVE, self._hand_over)
        elif not may_wait:
            self._hand_over()

    async def _reply_later(self, head: PlainHead, answer: Awaitable[bytes]) -> None:
        try:
            with self._server.idle.at_work(self):
                found = await answer
        except BaseException:
            self._transport.abort()
            raise
        self.work = None
        self._transport.resume_reading()
        self._reply(head, found)
        if self._is_closing:
            self._transport.close()

    def _reply(self, head: PlainHead, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\nDate: %b\r\n\r\n%b"
                % (head.reply, len(answer), rfc822_formatted_time().encode(), answer)
            )
        self._server.idle.seen(self)
        if self._received:
            self._loop.call_soon(self._go_on)

    def _hand_over(self) -> None:
        """Let aiohttp have the connection, and what came and was not answered."""
        self._stop_timer()
        self._server.plain.discard(self)
        handler = self._server.handler()
        with suppress(AttributeError):  # of a transport that is closing already
            self._transport.set_protocol(handler)
            handler.connection_made(self._transport)
            handler.data_received(self._received)
