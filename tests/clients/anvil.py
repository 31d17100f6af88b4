"""Foundry's node, beside ours and with the same accounts."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clients.running import foundry
from tests.ports import free_port


class Rpc:
    """A node at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, *params: Any) -> Any:
        """The whole response to one request."""
        content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        request = urllib.request.Request(
            self.url, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def result(self, method: str, *params: Any) -> Any:
        """The result of one request, which must have one."""
        response = self.ask(method, *params)
        assert "result" in response, (method, response)
        return response["result"]


@contextmanager
def anvil(*options: str) -> Iterator[Rpc]:
    """Anvil with Prague's rules and our gas limit, on a free port."""
    port = str(free_port())
    rules = ("--hardfork", "prague", "--gas-limit", "30000000", "--steps-tracing", "--silent")
    command: list[str | Path] = [foundry("anvil"), "--port", port, *rules, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        node = Rpc(f"http://127.0.0.1:{port}")
        _wait_for(node)
        yield node
    finally:
        process.kill()
        process.wait()


def _wait_for(node: Rpc) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            node.result("eth_chainId")
        except OSError:
            assert time.monotonic() < deadline, "anvil does not listen"
            time.sleep(0.05)
        else:
            return
