"""One WebSocket of the node: its requests in turn, and its subscriptions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web

from evm_dex.http.web_socket import SocketConnection
from evm_dex.node.dispatch import read, respond
from evm_dex.node.fast_path import use_of
from evm_dex.node.node import Node
from evm_dex.node.subscriptions import Subscriptions

_Result = TypeVar("_Result")
OnChain = Callable[[Callable[[], _Result]], Awaitable[_Result]]
"""Runs a function on the chain's thread."""
OnRequest = Callable[[Any, Callable[[], _Result]], Awaitable[_Result]]
"""Runs what answers a decoded request, there or here."""


class Connection(SocketConnection):
    """The chain thread's side of a WebSocket."""

    def __init__(
        self,
        node: Node,
        socket: web.WebSocketResponse,
        on_chain: OnChain[None],
        on_request: OnRequest[None],
    ) -> None:
        limits = node.limits
        super().__init__(
            socket, most_waiting=limits.waiting_messages, send_seconds=limits.send_seconds
        )
        self._node = node
        self._on_chain, self._on_request = on_chain, on_request
        self.subscriptions = Subscriptions(node, self.send, self.end)

    async def receive(self, body: bytes) -> None:
        """Answer a request or a batch."""
        content = read(body)
        if isinstance(content, bytes):
            self.send(content)
        elif (upstream := self._node.upstream) is not None and upstream.takes(content):
            self.send(await upstream.answer(content, self._here))
        else:
            await self._on_request(content, lambda: self._respond(content))

    async def _here(self, content: Any) -> bytes:
        found: list[bytes] = []

        def work() -> None:
            found.append(respond(self._node, content, self.subscriptions))

        await self._on_request(content, work)
        return found[0]

    async def closed(self) -> None:
        """End the subscriptions."""
        await self._on_chain(self.subscriptions.close)

    def _respond(self, content: Any) -> None:
        """Send the answer in the turn it is made in, so it is before what is told afterwards."""
        if isinstance(content, list):
            self.send(respond(self._node, content, self.subscriptions))
            return
        with self._node.turns.taken(use_of(content)):
            self.send(respond(self._node, content, self.subscriptions))
