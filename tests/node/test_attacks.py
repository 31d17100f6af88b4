"""What callers can do to hold a node up, all at once: others are answered, memory comes back."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bytecode import assemble

OTHER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
TWICE = assemble("PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS DELEGATECALL POP " * 2 + "STOP")
SENDS = assemble("JUMPDEST PUSH0 PUSH0 0x100000 PUSH0 PUSH0 0x42 GAS CALL POP PUSH0 JUMP")
TOUCHES = assemble("JUMPDEST GAS SLOAD POP PUSH0 JUMP")
FILLS_MEMORY = assemble("0x01 0x040000 MSTORE JUMPDEST GAS POP 0x07 JUMP")
BLAKE = "0x" + (29_900_000).to_bytes(4, "big").hex() + "00" * 208 + "01"
PAIRS = "0x" + "00" * 384 * 200
SPOT = "0x0000000000000000000000000000000000000d01"
LOOKS_AND_LOOPS = assemble(f"JUMPDEST PUSH0 PUSH0 PUSH0 PUSH0 {SPOT} GAS STATICCALL POP PUSH0 JUMP")
"""Has the exchanges from its first step on."""
BURNS = assemble("JUMPDEST GAS POP PUSH0 JUMP")
BURNER = "0x00000000000000000000000000000000000b0447"
OWNER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
LATENCY = 1.0
"""Seconds that another client waits at most: of the node's own processor time, if that is less.

What others on the machine take of the processor is no fault of the node's.
"""
PATIENCE = 60.0
"""Seconds by the clock, within which nobody waits for nothing."""
MEMORY = 100 * 2**20
"""Bytes by which the node may have grown once the attack is over."""
NODE = """
from evm_dex.node.request_limits import Limits
from tests.node.served import served
with served(Limits(call_seconds=1.0, batch_seconds=2.0), owns_process=True) as node:
    print(node.port, flush=True)
    input()
"""


def calling(code: bytes) -> tuple[dict[str, str], str, dict[str, Any]]:
    """Parameters of a call to an account with code of the caller's."""
    return {"to": OTHER}, "latest", {OTHER: {"code": "0x" + code.hex()}}


def request(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}


TRACED = {"enableMemory": True, "stateOverrides": {OTHER: {"code": "0x" + FILLS_MEMORY.hex()}}}
ATTACKS: dict[str, Any] = {
    "deep frames": request("eth_call", *calling(TWICE)),
    "big inputs": request("eth_call", *calling(SENDS)),
    "estimate": request("eth_estimateGas", *calling(TWICE)),
    "access list": request("eth_createAccessList", *calling(TOUCHES)),
    "blake2f": request("eth_call", {"to": "0x" + "00" * 19 + "09", "data": BLAKE}),
    "pairings": request("eth_call", {"to": "0x" + "00" * 19 + "0f", "data": PAIRS}),
    "traced memory": request(
        "debug_traceCall", {"to": OTHER, "gas": hex(2_000_000)}, "latest", TRACED
    ),
    "simulation": request(
        "eth_simulateV1",
        {"blockStateCalls": [{"stateOverrides": calling(TWICE)[2], "calls": [{"to": OTHER}]}]},
    ),
    "exchanges": request("eth_call", *calling(LOOKS_AND_LOOPS)),
    "batch": [request("eth_call", *calling(TWICE))] * 1_000,
}
BODIES = {name: json.dumps(body).encode() for name, body in ATTACKS.items()} | {
    "nested": b"[" + b"[[[[[[]]]]]]," * 400_000 + b"0]",
    "deeply nested": b"[" * 5_000_000,
}


@contextmanager
def node_process() -> Iterator[tuple[int, int]]:
    """A node in a process of its own: its port and process id."""
    process = subprocess.Popen(
        [sys.executable, "-c", NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.stdin.write("\n")
        process.stdin.close()
        process.wait(120)
        process.stdout.close()


def post(port: int, body: bytes) -> Any:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        client.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(client.getresponse().read())
    finally:
        client.close()


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the node has ended")


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="processes are looked at as on Linux"
)
HEAD_READ = request("eth_getBalance", OTHER, "latest")
CALL = request("eth_call", {"to": OTHER}, "latest")
PAYMENT = request("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"})
LOOK_AT_EXCHANGES = request("dex_depth", "spot", "WETH", 5)
BLOCK_OF_ALL_GAS = request(
    "eth_sendTransaction", {"from": OWNER, "to": BURNER, "gas": hex(30_000_000)}
)


def processor_seconds(pid: int) -> float:
    """Seconds that a process has computed, in all its threads."""
    return time.clock_gettime((~pid << 3) | 2)  # as Linux names the clock of a process


class Waits:
    """How long other clients wait for some requests, over and over while something goes on."""

    def __init__(self, port: int, pid: int) -> None:
        self._port, self._pid = port, pid
        self.seconds: dict[str, list[float]] = {}

    def ask(self, *requests: dict[str, Any]) -> None:
        for each in requests:
            began, computed = time.monotonic(), processor_seconds(self._pid)
            assert "result" in post(self._port, json.dumps(each).encode()), each["method"]
            waited = time.monotonic() - began
            assert waited < PATIENCE, each["method"]
            waited = min(waited, processor_seconds(self._pid) - computed)
            self.seconds.setdefault(each["method"], []).append(waited)

    def slowest(self) -> dict[str, float]:
        return {name: max(found) for name, found in self.seconds.items()}


@pytest.mark.slow
@needs_proc
def test_others_are_answered_and_memory_comes_back() -> None:
    with node_process() as (port, pid):
        for body in BODIES.values():  # what is loaded at the first call stays
            post(port, body)
        before = resident(pid)
        answers: dict[str, Any] = {}

        def attack(name: str) -> None:
            answers[name] = post(port, BODIES[name])

        threads = [threading.Thread(target=attack, args=(name,), daemon=True) for name in BODIES]
        for thread in threads:
            thread.start()
        waits = Waits(port, pid)
        while any(thread.is_alive() for thread in threads):
            waits.ask(HEAD_READ, CALL, PAYMENT, LOOK_AT_EXCHANGES)
            time.sleep(0.02)
        for thread in threads:
            thread.join()
        assert len(answers) == len(BODIES)
        waits.ask(HEAD_READ)
        print(
            {name: f"{seconds:.2f} s at most" for name, seconds in waits.slowest().items()},
            f"{(resident(pid) - before) / 2**20:.0f} MiB more than before",
        )
        assert max(waits.slowest().values()) < LATENCY
        assert resident(pid) - before < MEMORY


@pytest.mark.slow
@needs_proc
def test_while_a_block_of_all_gas_is_made_reads_and_calls_are_answered() -> None:
    with node_process() as (port, pid):
        post(port, json.dumps(request("anvil_setCode", BURNER, "0x" + BURNS.hex())).encode())
        answers: list[Any] = []

        def fill() -> None:
            answers.append(post(port, json.dumps(BLOCK_OF_ALL_GAS).encode()))

        for _ in range(3):
            thread = threading.Thread(target=fill, daemon=True)
            thread.start()
            waits = Waits(port, pid)
            while thread.is_alive():
                waits.ask(HEAD_READ, CALL)
            thread.join()
            assert max(waits.slowest().values()) < LATENCY
        assert all("result" in answer for answer in answers), answers
