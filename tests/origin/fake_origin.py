"""A node to fork that may lie, be slow, refuse, or go away; on loopback, in the test's process."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import evm_dex
from evm_dex.node.dispatch import respond
from evm_dex.node.node import Node
from evm_dex.node.node_config import NodeConfig
from tests.bytecode import assemble

CONTRACT = bytes.fromhex("c0de") * 10
SLOTS = 1_000
Alter = Callable[[dict[str, Any], dict[str, Any]], None]
"""Changes an answer, given its request."""

SUM = assemble(
    "PUSH0 0x03e8 JUMPDEST DUP1 ISZERO 0x17 JUMPI DUP1 SLOAD DUP3 ADD SWAP2 POP 0x01 SWAP1 SUB "
    "0x04 JUMP JUMPDEST POP PUSH0 MSTORE 0x20 PUSH0 RETURN"
)
"""Adds up its slots 1 to 1,000, and returns the sum."""


class FakeOrigin:
    """A node, its behaviour, and what was asked of it."""

    def __init__(self, dex: evm_dex.Dex) -> None:
        self.dex = dex
        self.node = Node(dex.chain, dex=dex)
        self.alter: Alter = lambda _request, _answer: None
        self.unserved: set[str] = set()
        """Methods that it says it does not know."""
        self.statuses: list[tuple[int, dict[str, str]]] = []
        """HTTP errors that the next requests get, in order."""
        self.takes_batches = True
        self.seconds = 0.0
        """Time that each answer takes."""
        self.posts = 0
        self.asked: Counter[str] = Counter()
        """Requests in all, by their JSON without the id."""
        self.url = ""

    def answer(self, content: Any) -> Any:
        if isinstance(content, list):
            if not self.takes_batches:
                return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}
            return [self._answer_one(request) for request in content]
        return self._answer_one(content)

    def _answer_one(self, request: dict[str, Any]) -> Any:
        self.asked[json.dumps([request["method"], request["params"]])] += 1
        if request["method"] in self.unserved:
            error = {"code": -32601, "message": f"the method {request['method']} does not exist"}
            return {"jsonrpc": "2.0", "id": request["id"], "error": error}
        answer = json.loads(respond(self.node, request))
        self.alter(request, answer)
        return answer


@contextmanager
def served(origin: FakeOrigin, port: int = 0) -> Iterator[FakeOrigin]:
    """Serve it on a free port, or on one that it had before."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            origin.posts += 1
            time.sleep(origin.seconds)
            status, headers, body = 200, dict[str, str](), b""
            if origin.statuses:
                status, headers = origin.statuses.pop(0)
            else:
                body = json.dumps(origin.answer(content)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    origin.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield origin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def an_origin(**changes: Any) -> Iterator[FakeOrigin]:
    """Serve a chain of ten blocks with a contract that has a thousand slots."""
    with evm_dex.open(genesis={**NodeConfig(chain_id=4242).new_genesis(), **changes}) as dex:
        fill(dex)
        with served(FakeOrigin(dex)) as origin:
            yield origin


def fill(dex: evm_dex.Dex) -> None:
    """Give a chain the contract, and blocks with transactions."""

    def change(state: Any) -> None:
        state.set_code(CONTRACT, SUM)
        state.set_nonce(CONTRACT, 1)
        for slot in range(1, SLOTS + 1):
            state.set_storage(CONTRACT, slot, 7 * slot)
        for number in range(300):
            state.set_balance(b"many" * 4 + number.to_bytes(4, "big"), 1 + number)

    dex.chain.write_state(change)
    for _ in range(9):
        dex.tokens["WETH"].send("transfer", dex.accounts[5], 3)


def expected_sum() -> int:
    return sum(7 * slot for slot in range(1, SLOTS + 1))
