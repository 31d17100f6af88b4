"""Code that is not hot, or that somebody wrote to be slow: compiling must not make it slower.

Each sample runs code that the process has not seen, with the compiler on and off by turns.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import evm_dex
from benchmarks.harness import Result
from evm_dex.evm.calls import CallTransaction
from evm_dex.evm.config import ExecutionConfig
from precompiles.types import Address

_SIZE = 24_576
_GAS = 3_000_000
_SENDER, _CONTRACT = Address(b"\xaa" * 20), Address(b"\xc0" * 20)
_MODES = {"off": ExecutionConfig(is_compiled=False), "on": ExecutionConfig()}
_BACK = bytes.fromhex("5f56")
"""A jump to 0, so that code runs over and over."""

Code = Callable[[Random], bytes]


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds of processor time, and what many contracts leave in memory."""
    rounds = 5 if quick else 15
    with evm_dex.open() as dex:
        machine = Machine(dex)
        for name, code in _COLD.items():
            yield from _compared(machine, f"24 kB, first call, {name}", code, rounds, 10**6)
        for name, code in _HOSTILE.items():
            yield from _compared(machine, f"hostile, {name}", code, max(3, rounds // 3), _GAS)
        yield from _many(machine, 300 if quick else 2_000)


class Machine:
    """A state on which code is run, and taken back."""

    def __init__(self, dex: evm_dex.Dex) -> None:
        self._runner = dex.chain.call_runner
        self._state: Any = self._runner.state_at(dex.chain.head)

    def seconds(self, code: bytes, config: ExecutionConfig, gas: int) -> float:
        """Processor time of a transaction that calls some code."""
        mark = self._state.snapshot()
        self._state.set_code(_CONTRACT, code)
        tried = CallTransaction(
            sender=_SENDER, to=_CONTRACT, data=bytes(4), value=0, gas=gas, access_list=(),
            intrinsic_gas=0, type_id=2, max_fee_per_gas=0, max_priority_fee_per_gas=0,
            blob_versioned_hashes=(), authorization_list=(),
        )  # fmt: skip
        began = time.process_time()
        self._runner.machine.run(self._state.under(config), tried)
        seconds = time.process_time() - began
        self._state.revert(mark)
        return seconds


def _compared(machine: Machine, case: str, code: Code, rounds: int, gas: int) -> Iterator[Result]:
    random = Random(0)
    samples: Mapping[str, list[float]] = {name: [] for name in _MODES}
    for _ in range(rounds):
        for name, config in _MODES.items():
            made = code(random)
            gc.collect()
            samples[name].append(machine.seconds(made, config, gas) * 1_000)
    found = {name: statistics.median(times) for name, times in samples.items()}
    yield Result("cold", f"{case}, compiler off", found["off"], "ms")
    ratio = found["on"] / found["off"]
    yield Result("cold", case, found["on"], "ms", "off", ratio, "≤ 1 x")


def _many(machine: Machine, contracts: int) -> Iterator[Result]:
    """Run many different contracts, each often enough to be compiled."""
    random, before = Random(1), _resident()
    began = time.process_time()
    for _ in range(contracts):
        machine.seconds(_COLD["all of it"](random), _MODES["on"], 200_000)
    seconds = time.process_time() - began
    gc.collect()
    label = f"{contracts:,} contracts of 24 kB"
    yield Result("cold", label, seconds * 1_000 / contracts, "ms each")
    yield Result("cold", f"{label}, memory", (_resident() - before) / 2**20, "MiB", target="≤ 256")


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


def _filled(unit: bytes, random: Random, *, start: bytes = b"", end: bytes = _BACK) -> bytes:
    """Return code of full length with a unit over and over, that nobody has seen."""
    room = _SIZE - 32 - len(start) - len(end)
    return start + unit * (room // len(unit)) + end + random.randbytes(32)


def _steps(step: Callable[[int], bytes], random: Random, end: bytes) -> bytes:
    """Return code of full length whose parts depend on where they are."""
    code = b"\x5b"
    while len(code) < _SIZE - 64:
        code += step(len(code))
    return code + end + random.randbytes(32)


def _part(random: Random) -> Callable[[int], bytes]:
    """PUSH4, DUP1 MUL, PUSH0 MSTORE, PUSH0 MLOAD, and a jump to the JUMPDEST behind it."""

    def step(position: int) -> bytes:
        target = (position + 15).to_bytes(2, "big")
        return b"\x63%b\x80\x02\x5f\x52\x5f\x51\x61%b\x57\x5b" % (random.randbytes(4), target)

    return step


def _fork(position: int) -> bytes:
    """CALLDATASIZE, and a jump over nothing if it is not 0."""
    return b"\x36\x61%b\x57\x5b" % (position + 5).to_bytes(2, "big")


_STOP = b"\0"
_BRIEF = bytes.fromhex("5f3560e01c5f5260205ff3")
"""The selector, returned."""
_DEEP = b"\x5b" + bytes.fromhex("6006") * 900
_COLD: dict[str, Code] = {
    "all of it": lambda random: _steps(_part(random), random, _STOP),
    "a little of it": lambda random: _filled(b"\x5b\x5f\x50", random, start=_BRIEF),
}
_HOSTILE: dict[str, Code] = {
    "jump destinations": lambda random: _filled(b"\x5b", random),
    "one large block": lambda random: _filled(b"\x5f\x50", random, start=b"\x5b"),
    "products": lambda random: _filled(
        b"\x80\x02", random, start=bytes.fromhex("5b6003"), end=b"\x50" + _BACK
    ),
    "deep stack": lambda random: _filled(
        bytes.fromhex("5f5450"), random, start=_DEEP, end=b"\x50" * 900 + _BACK
    ),
    "forks": lambda random: _steps(_fork, random, _BACK),
}
