"""A node on a loopback port, in a thread of the test's own process, and plain clients of it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from evm_dex.client.dex import Dex
from evm_dex.node.dispatch import read, respond
from evm_dex.node.node import Node
from evm_dex.node.node_config import NodeConfig
from evm_dex.node.request_limits import Limits
from evm_dex.node.server import Server

OWNER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
OTHER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
SPOT = "0x0000000000000000000000000000000000000d01"


class Served:
    """A running node, as a client sees it, and as the test does."""

    def __init__(self, dex: Dex, node: Node, server: Server) -> None:
        self.dex = dex
        self.node = node
        self.server = server
        self.port = server.port
        self.url = f"http://127.0.0.1:{server.port}"
        self.socket_url = f"ws://127.0.0.1:{server.port}"

    def post(
        self, body: bytes | str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of an answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=150)
        try:
            client.request(
                "POST", "/", body, {"Content-Type": "application/json", **(headers or {})}
            )
            response = client.getresponse()
            content = response.read()
            told = {name.lower(): value for name, value in response.getheaders()}
            return response.status, told, json.loads(content) if content else None
        finally:
            client.close()

    def ask(self, method: str, *params: Any) -> Any:
        """The whole response to one request."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return self.post(json.dumps(request))[2]

    def result(self, method: str, *params: Any) -> Any:
        """The result of one request, which must have one."""
        response = self.ask(method, *params)
        assert "result" in response, response
        return response["result"]

    def error(self, method: str, *params: Any) -> Any:
        """The error of one request, which must have one."""
        response = self.ask(method, *params)
        assert "error" in response, response
        return response["error"]


def answer(node: Node, body: bytes) -> bytes:
    """What a node answers to a request or a batch, without a port between."""
    content = read(body)
    return content if isinstance(content, bytes) else respond(node, content)


@contextmanager
def served(
    limits: Limits | None = None, port: int = 0, *, owns_process: bool = False, **options: Any
) -> Iterator[Served]:
    """A node of a `NodeConfig` with these options, stopped at the end."""
    config = NodeConfig(limits=limits or Limits(), **options)
    with config.open() as (dex, server):
        started, stop = threading.Event(), asyncio.Event()
        loop = uvloop.new_event_loop()
        problems: list[BaseException] = []

        async def run() -> None:
            await server.start("127.0.0.1", port, owns_process=owns_process)
            started.set()
            await stop.wait()
            await server.stop()

        def work() -> None:
            try:
                loop.run_until_complete(run())
            except BaseException as error:  # told to the test below
                problems.append(error)
            finally:
                loop.close()
                started.set()

        thread = threading.Thread(target=work, daemon=True)  # one that hangs keeps nothing else
        thread.start()
        started.wait()  # a machine that is busy may take its time
        if problems:
            raise problems[0]
        try:
            yield Served(dex, server.node, server)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(120)
        assert not thread.is_alive()
        assert problems == []
