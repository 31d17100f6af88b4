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
LATENCY = 1.0
"""Seconds that another client waits at most."""
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
        process.wait(30)
        process.stdout.close()


def post(port: int, body: bytes) -> Any:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_others_are_answered_and_memory_comes_back() -> None:
    with node_process() as (port, pid):
        for body in BODIES.values():  # what is loaded at the first call stays
            post(port, body)
        before = resident(pid)
        answers: dict[str, Any] = {}

        def attack(name: str) -> None:
            answers[name] = post(port, BODIES[name])

        threads = [threading.Thread(target=attack, args=(name,)) for name in BODIES]
        for thread in threads:
            thread.start()
        waits = []
        head = json.dumps(request("eth_getBalance", OTHER, "latest")).encode()
        while any(thread.is_alive() for thread in threads):
            began = time.monotonic()
            assert "result" in post(port, head)
            waits.append(time.monotonic() - began)
            time.sleep(0.02)
        for thread in threads:
            thread.join()
        assert len(answers) == len(BODIES)
        assert "result" in post(port, head)
        print(
            f"{len(waits)} answers, the slowest after {max(waits):.2f} s; "
            f"{(resident(pid) - before) / 2**20:.0f} MiB more than before"
        )
        assert max(waits) < LATENCY
        assert resident(pid) - before < MEMORY
