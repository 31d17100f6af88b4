"""The port of the API: /info and /exchange by POST, /ws as a WebSocket, and /evm for JSON-RPC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import msgspec
from aiohttp import web

from evm_dex.http.bounded_body import read_body
from evm_dex.http.idle_connections import IdleConnections
from evm_dex.http.open_sockets import OpenSockets
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.http.web_socket import SocketConnection
from evm_dex.hyperliquid.api import Api
from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.exchange import MalformedRequest
from evm_dex.node.dispatch import decode_bounded
from evm_dex.node.request_limits import Limits
from evm_dex.node.server import Server

_JSON = "application/json"
_MOST_WAITING = 1_000
_GREETING = "Websocket connection established."
_Answer = tuple[int, bytes]
Exchange = Callable[[Any], Awaitable[_Answer]]
"""Returns status and body of the answer to a decoded request to /exchange."""


class ApiServer:
    """Serves the API of a node's chain on a port of its own, on the node's chain thread."""

    def __init__(
        self,
        api: Api,
        server: Server,
        origins: OriginPolicy,
        exchange_of_node: Exchange | None = None,
    ) -> None:
        """`exchange_of_node` has the actions for as long as another node is followed."""
        self._api = api
        self._server = server
        self._exchange_of_node = exchange_of_node
        self._origins = origins
        self._limits = server.node.limits
        self._sockets = OpenSockets(self._limits.body_bytes)
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Start to listen; port 0 takes a free one, which `port` then is. Raises OSError."""
        server = web.Server(self._handle, access_log=None, auto_decompress=False)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]
        self._idle = IdleConnections(
            connections=self._limits.connections, seconds=self._limits.idle_seconds
        )
        self._task = asyncio.create_task(self._idle.run(server))

    async def stop(self) -> None:
        """Stop listening, and end all connections."""
        self._task.cancel()
        await self._sockets.close()
        await self._runner.cleanup()

    async def _handle(  # noqa: PLR0911 - an answer per way of asking
        self, request: web.BaseRequest
    ) -> web.StreamResponse:
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        refusal = self._origins.refusal(host, origin)
        if refusal is not None:
            return _text(403, refusal)
        headers = self._origins.headers(origin)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=headers)
        with self._idle.at_work(request.protocol):
            if request.path == "/ws" and request.method == "GET":
                return await self._sockets.serve(request, self._connection)
            if request.path == "/evm":
                return await self._server.handle(request)
            if request.path not in ("/info", "/exchange"):
                return _text(404, "not found: POST to /info or /exchange, or open /ws")
            if request.method != "POST":
                return _text(405, f"the HTTP method must be POST, got {request.method}")
            return await self._post(request, headers)

    async def _post(self, request: web.BaseRequest, headers: dict[str, str]) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await read_body(request, self._limits.body_bytes)
        except TimeoutError:
            return _text(408, "the request took too long to arrive")
        if body is None:
            return _text(413, f"a request must have at most {self._limits.body_bytes} bytes")
        try:
            content = decode_bounded(body)
        except ValueError as error:
            return _text(422, f"Failed to parse the request body as JSON: {error}")
        answer = self._info if request.path == "/info" else self._exchange
        status, found = await answer(content)
        return web.Response(status=status, body=found, content_type=_JSON, headers=headers)

    async def _info(self, content: Any) -> _Answer:
        try:
            return 200, await self._server.on_chain(lambda: self._api.answer(content))
        except BadRequest as error:
            return 422, msgspec.json.encode(str(error))

    async def _exchange(self, content: Any) -> _Answer:
        if self._exchange_of_node is not None and self._server.node.upstream is not None:
            return await self._exchange_of_node(content)
        try:
            answered: Future[Any] = await self._server.on_chain(lambda: self._api.submit(content))
        except MalformedRequest as error:
            return 422, msgspec.json.encode(str(error))
        return 200, msgspec.json.encode(await asyncio.wrap_future(answered))

    def _connection(self, socket: web.WebSocketResponse) -> ApiConnection:
        return ApiConnection(self, socket, self._limits)

    async def respond(self, message: bytes, connection: ApiConnection) -> None:
        """Answer a message of a WebSocket."""
        try:
            content = decode_bounded(message)
            method = content["method"]
        except (ValueError, TypeError, KeyError):
            connection.tell("error", f"Error parsing JSON into websocket request: {message!r}")
            return
        try:
            match method:
                case "ping":
                    connection.send(b'{"channel":"pong"}')
                case "subscribe":
                    wanted = content.get("subscription")
                    await self.on_chain(lambda: self._api.subscribe(wanted, connection.send))
                case "unsubscribe":
                    wanted = content.get("subscription")
                    await self.on_chain(lambda: self._api.unsubscribe(wanted, connection.send))
                case "post":
                    await self._posted(content, connection)
                case _:
                    connection.tell("error", f"Unknown method {method!r}")
        except BadRequest as error:
            connection.tell("error", str(error))

    async def on_chain(self, work: Any) -> Any:
        """Run on the chain's thread."""
        return await self._server.on_chain(work)

    async def close(self, connection: ApiConnection) -> None:
        """Forget a connection."""
        await self.on_chain(lambda: self._api.close(connection.send))

    async def _posted(self, content: dict[str, Any], connection: ApiConnection) -> None:
        request = content.get("request")
        kind = request.get("type") if isinstance(request, dict) else None
        if not isinstance(request, dict) or kind not in ("info", "action"):
            raise BadRequest('a post needs a request of type "info" or "action"')
        payload = request.get("payload")
        status, body = await (self._info if kind == "info" else self._exchange)(payload)
        answer: Any = msgspec.Raw(body)
        if status != 200:
            kind = "error"
        elif kind == "info" and isinstance(payload, dict):
            answer = {"type": payload["type"], "data": answer}
        response = {"type": kind, "payload": answer}
        connection.tell("post", {"id": content.get("id"), "response": response})


class ApiConnection(SocketConnection):
    """One WebSocket of the API."""

    def __init__(self, server: ApiServer, socket: web.WebSocketResponse, limits: Limits) -> None:
        super().__init__(socket, most_waiting=_MOST_WAITING, send_seconds=limits.send_seconds)
        self._server = server

    async def run(self) -> None:
        """Greet the client, and serve it."""
        await self._socket.send_str(_GREETING)
        await super().run()

    async def receive(self, body: bytes) -> None:
        """Answer a message."""
        await self._server.respond(body, self)

    async def closed(self) -> None:
        """End the subscriptions."""
        await self._server.close(self)

    def tell(self, channel: str, data: Any) -> None:
        """Queue a message of a channel."""
        self.send(msgspec.json.encode({"channel": channel, "data": data}))


def _text(status: int, reason: str) -> web.Response:
    response = web.Response(status=status, body=msgspec.json.encode(reason), content_type=_JSON)
    response.force_close()
    return response
