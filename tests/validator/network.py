"""A network of validators on loopback ports, with the engine itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from evm_dex.errors import EngineMissing
from evm_dex.validator.engine import find_engine
from evm_dex.validator.home import Home, homes_in
from tests.node.trading import ask
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
EVM_DEX = (sys.executable, "-c", "from evm_dex.cli import main; main()")
START = (*EVM_DEX, "validator", "start")
_PORTS = 100
"""Of a network, for its validators and those that join."""
_Result = TypeVar("_Result")


def need_engine() -> None:
    """Skip the test where there is no engine; in CI it fails."""
    try:
        find_engine()
    except EngineMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def wait_for(found: Callable[[], _Result | None], what: str, seconds: float = 180) -> _Result:
    """Wait until something is there, whatever goes wrong on the way."""
    deadline = time.monotonic() + seconds
    while True:
        error: Exception | None = None
        try:
            result = found()
            if result:
                return result
        except Exception as raised:
            error = raised
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} took longer than {seconds} s") from error
        time.sleep(0.05)


def evm_dex(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EVM_DEX, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


class Network:
    """Validators, most of them started by one process."""

    def __init__(self, path: Path, first_port: int, starter: Sequence[str]) -> None:
        self.path = path
        self.first_port = first_port
        self._starter = starter
        self.kills = 0
        """Validators of which something was killed."""
        self.homes: list[Home] = []
        self._starters: dict[str, subprocess.Popen[bytes]] = {}

    def add(self, home: Home) -> None:
        self.homes.append(home)

    def start(self, *homes: Home) -> None:
        """Start validators by one process, which the first of them is known by."""
        with (self.path / "start.log").open("ab") as log:
            paths = [str(home.path) for home in homes]
            self._starters[homes[0].path.name] = subprocess.Popen(
                [*self._starter, *paths], stdout=log, stderr=log, cwd=ROOT
            )

    def stop(self, home: Home) -> None:
        """Stop what was started with a validator."""
        starter = self._starters.pop(home.path.name)
        starter.send_signal(signal.SIGTERM)
        assert starter.wait(120) == 0

    def said(self) -> str:
        return (self.path / "start.log").read_text()

    def processes(self, home: Home) -> dict[str, int]:
        """The process ids of a validator's application and engine, as far as they run."""
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="],
            capture_output=True,
            text=True,
            check=True,
        )
        starters = {str(starter.pid) for starter in self._starters.values()}
        found = {}
        for line in listed.stdout.splitlines():
            pid, parent, args = line.strip().split(maxsplit=2)
            if parent in starters and args.endswith(f" {home.path}"):
                is_engine = " start --home " in args
                found["engine" if is_engine else "application"] = int(pid)
        return found

    def kill(self, home: Home, *which: str) -> bool:
        """Kill the application, the engine or both, as the system would; True if one was there."""
        found = self.processes(home)
        is_killed = False
        for name in which:
            if name in found:
                with suppress(ProcessLookupError):
                    os.kill(found[name], signal.SIGKILL)
                    is_killed = True
        self.kills += is_killed
        return is_killed

    def url(self, home: Home) -> str:
        return f"http://127.0.0.1:{home.settings().port}"

    def ask(self, home: Home, method: str, *params: Any) -> Any:
        return ask(self.url(home), method, *params)

    def _is_at(self, home: Home, height: int) -> bool:
        return self.height(home) >= height

    def height(self, home: Home) -> int:
        return int(self.ask(home, "eth_blockNumber"), 16)

    def height_if_there(self, home: Home) -> int:
        """Its height; 0 while it does not answer."""
        try:
            return self.height(home)
        except OSError:
            return 0

    def hash_at(self, home: Home, height: int) -> str:
        return str(self.ask(home, "eth_getBlockByNumber", hex(height), False)["hash"])

    def wait_for_height(self, height: int, homes: Sequence[Home] = ()) -> None:
        for home in homes or self.homes:
            wait_for(partial(self._is_at, home, height), f"block {height} of {home.path}")

    def send(self, home: Home, raws: Sequence[bytes]) -> list[str]:
        return [str(self.ask(home, "eth_sendRawTransaction", f"0x{raw.hex()}")) for raw in raws]

    def wait_for_receipts(self, home: Home, hashes: Sequence[str], seconds: float = 180) -> None:
        for each in hashes:
            asked = partial(self.ask, home, "eth_getTransactionReceipt", each)
            wait_for(asked, f"the receipt of {each}", seconds)

    def check_equal(self, homes: Sequence[Home] = (), first: int = 1) -> int:
        """Compare the hashes of all blocks that all have; the last height."""
        homes = homes or self.homes
        last = min(self.height(home) for home in homes)
        for height in range(first, last + 1):
            found = {self.hash_at(home, height) for home in homes}
            assert len(found) == 1, f"block {height}: {found}"
        return last

    def stop_all(self) -> None:
        for starter in self._starters.values():
            starter.send_signal(signal.SIGTERM)
        for starter in self._starters.values():
            try:
                starter.wait(120)
            except subprocess.TimeoutExpired:
                starter.kill()
                starter.wait()
        self._starters.clear()


@contextmanager
def network(
    path: Path,
    *options: object,
    validators: int = 4,
    start: bool = True,
    starter: Sequence[str] = START,
) -> Iterator[Network]:
    """Run new validators until the end of the context, by a command that starts them."""
    need_engine()
    first = free_ports(_PORTS)
    where = ("--port", first, "--peer-port", first + 10, "--validators", validators)
    made = evm_dex("validator", "init", path, *where, *options)
    assert made.returncode == 0, made.stderr
    running = Network(path, first, starter)
    try:
        for home in homes_in([path]):
            running.add(home)
        if start:
            running.start(*running.homes)
        yield running
    finally:
        running.stop_all()
