"""Our node and, where they are installed, the nodes it is compared with, each in its own process.

Anvil is the binary named by `ANVIL`, else one on the search path or in tests/clients. Hardhat 3 is
taken from the npm project at `HARDHAT`, else from tests/clients, where `make clients-deps` puts it
and the node it needs.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "evm-dex"
_OWN = (sys.executable, "-c", "from evm_dex.cli import main; main()", "node", "--silent")
_CLIENTS = Path(__file__).parents[1] / "tests" / "clients"
_QUIET_HARDHAT = (
    'export default { networks: { node: { type: "edr-simulated", loggingEnabled: false } } };'
)


@dataclass(frozen=True, slots=True)
class Command:
    """The command that starts a node, without its port."""

    words: tuple[str, ...]
    directory: Path


class Node:
    """A running node, over one kept connection, as client libraries have it."""

    def __init__(self, port: int, process_id: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port, self._process_id = port, process_id
        self._times = Path(f"/proc/{process_id}/stat")
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def another(self) -> Node:
        """Return the same node over a connection of its own."""
        return Node(self._port, self._process_id)

    def processor_time(self) -> float:
        """Seconds its process has computed on all its threads; not a number except on Linux."""
        if not self._times.exists():
            return math.nan
        user, system = self._times.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def ask(self, method: str, *params: Any) -> Any:
        """Return the result of a request."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        found = json.loads(self._connection.getresponse().read())
        assert "result" in found, found
        return found["result"]

    def receipt(self, transaction_hash: str) -> Any:
        """Return a receipt, asked for until it is there: anvil answers before the block is made."""
        while (found := self.ask("eth_getTransactionReceipt", transaction_hash)) is None:
            pass
        return found


def own(directory: Path) -> Command:
    """Return the command of our node, on disk."""
    return Command((*_OWN, "--chain", str(directory / "chain")), directory)


def peers(directory: Path) -> dict[str, Command]:
    """Return the commands of the others that are installed; none keeps its chain on disk."""
    found = {}
    installed = sorted((_CLIENTS / "node_modules/@foundry-rs").glob("anvil-*/bin/anvil"))
    anvil = os.environ.get("ANVIL") or shutil.which("anvil") or next(map(str, installed), None)
    if anvil:
        found["anvil"] = Command((anvil, "--silent"), directory)
    packages = Path(os.environ.get("HARDHAT", _CLIENTS)).resolve() / "node_modules"
    program = packages / "hardhat/dist/src/cli.js"
    if "HARDHAT" in os.environ and not program.exists():
        raise SystemExit(f"HARDHAT names no npm project with Hardhat 3: {program} is not there")
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program.exists() and node:
        project = directory / "hardhat"
        project.mkdir()
        (project / "package.json").write_text('{"type": "module"}')
        (project / "hardhat.config.js").write_text(_QUIET_HARDHAT)
        (project / "node_modules").symlink_to(packages)
        found["hardhat"] = Command((node, str(program), "node"), project)
    return found


@contextmanager
def running(command: Command) -> Iterator[tuple[Node, float]]:
    """Start a node on a free port; yield it and how long it took to answer."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        (*command.words, "--port", str(port)), cwd=command.directory, stdout=subprocess.DEVNULL
    )
    try:
        node = _connected(port, process)
        yield node, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(30)


def _connected(port: int, process: subprocess.Popen[bytes]) -> Node:
    while process.poll() is None:
        try:
            node = Node(port, process.pid)
            node.ask("eth_chainId")
        except OSError:
            time.sleep(0.01)
        else:
            return node
    raise RuntimeError(f"{process.args!r} ended before it answered")
