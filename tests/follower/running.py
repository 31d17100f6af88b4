"""Followers as processes of their own, and a network between them and a node that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from typer.testing import CliRunner

from evm_dex.cli import app
from evm_dex.cli.follow_command import Following, Ports
from evm_dex.follower.directory import FollowerDirectory
from evm_dex.node.node_config import NodeConfig

COMMAND = (sys.executable, "-c", "from evm_dex.cli import main; main()", "follow")
ANY = Ports(0)
SECONDS = 90.0
"""Within which what must come has to come, on a machine that is busy."""


def ask(url: str, method: str, *params: Any) -> Any:
    """The answer to a request: its result, or its error as an AssertionError."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=SECONDS) as answer:
        content = json.load(answer)
    assert "result" in content, content
    return content["result"]


class Asked(ABC):
    """A follower as its clients see it."""

    @property
    @abstractmethod
    def url(self) -> str: ...

    def ask(self, method: str, *params: Any) -> Any:
        return ask(self.url, method, *params)

    def wait_for(self, block_hash: str) -> None:
        """Wait until its head is a block; it may be away meanwhile."""
        deadline = time.monotonic() + SECONDS
        found = None
        while found != block_hash:
            assert time.monotonic() < deadline, (found, self.ask("dex_following"))
            time.sleep(0.05)
            with contextlib.suppress(OSError):
                found = self.ask("dex_head")["hash"]


class FollowerProcess(Asked):
    """One follower as a process, which may be killed and started again."""

    url = ""

    def __init__(self, url: str, path: Path) -> None:
        self.node, self.path = url, path
        self.start()

    def start(self) -> None:
        command = [*COMMAND, self.node, "--chain", str(self.path), "--port", "0"]
        with tempfile.TemporaryFile("w+") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            deadline = time.monotonic() + SECONDS
            while True:
                said.seek(0)
                if found := re.search(r"Listening on (http://\S+)", text := said.read()):
                    self.url = found[1]
                    return
                assert self.process.poll() is None, text
                assert time.monotonic() < deadline, text
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def killable(url: str, path: Path) -> Iterator[FollowerProcess]:
    """A follower as a process, killed at the end."""
    follower = FollowerProcess(url, path)
    try:
        yield follower
    finally:
        follower.kill()


class RunningFollower(Asked):
    """A follower in a thread of the test's own process."""

    def __init__(self, url: str, path: Path, *, forwards: bool = True, ports: Ports = ANY) -> None:
        self._asked_ports = ports
        directory, config = FollowerDirectory(path), NodeConfig(path=path)
        directory.recover()
        self._following = Following(url, directory, config, forwards=forwards, silent=True)
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self.problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + SECONDS
        while not self.ports.rpc:
            assert self.problem is None, self.problem
            assert time.monotonic() < deadline
            time.sleep(0.02)

    @property
    def ports(self) -> Ports:
        return self._following.ports

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.rpc}"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._following.run(self._stop, self._asked_ports))
        except BaseException as error:  # told to the test
            self.problem = error
        finally:
            self._loop.close()


@contextlib.contextmanager
def following(
    url: str, path: Path, *, forwards: bool = True, ports: Ports = ANY
) -> Iterator[RunningFollower]:
    follower = RunningFollower(url, path, forwards=forwards, ports=ports)
    try:
        yield follower
    finally:
        follower.stop()
    assert follower.problem is None, follower.problem


def refused(url: str, path: Path, *options: str) -> str:
    """Return the error of a follower that can't begin."""
    words = ["follow", url, "--chain", str(path), "--port", "0", *options]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1, done.output
    return " ".join(done.output.split())


class Network:
    """A port that leads to a node's, which can be cut, be slow, or swallow what is sent."""

    def __init__(self, port: int, *, bytes_per_second: int = 0) -> None:
        """0 bytes per second are as many as it takes; fewer come at odd times."""
        self._target = port
        self._open: set[socket.socket] = set()
        self._chance = random.Random(port)
        self.bytes_per_second = bytes_per_second
        self.is_cut = False
        self.swallows = False
        """True: connections are taken, and whatever is sent over them is lost without a word."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """End all connections, and let no other come."""
        self.is_cut = True
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self, port: int | None = None) -> None:
        self._target = port or self._target
        self.is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            if self.is_cut:
                client.close()
                continue
            self._threads.append(threading.Thread(target=self._carry, args=(client,), daemon=True))
            self._threads[-1].start()

    def _carry(self, client: socket.socket) -> None:
        is_lost = False
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.enter_context(client)
            node = stack.enter_context(socket.create_connection(("127.0.0.1", self._target)))
            self._open |= {client, node}
            stack.callback(self._open.difference_update, {client, node})
            chosen = stack.enter_context(selectors.DefaultSelector())
            chosen.register(client, selectors.EVENT_READ, node)
            chosen.register(node, selectors.EVENT_READ, client)
            while not self.is_cut:
                for key, _ in chosen.select(timeout=0.2):
                    rate = self.bytes_per_second
                    part = key.fileobj.recv(rate // 16 or 65_536)  # type: ignore[union-attr]  # a socket
                    if not part:
                        return
                    is_lost |= self.swallows
                    if is_lost:
                        continue
                    if rate:
                        time.sleep(len(part) / rate * self._chance.uniform(0.2, 1.8))
                    key.data.sendall(part)


def torture() -> bool:
    return os.environ.get("EVM_DEX_PROFILE") == "torture"
