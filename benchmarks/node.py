"""Signed transactions over JSON-RPC, a block each, against anvil and Hardhat 3 in the same run.

All nodes are up at once and take turns by chunks of transactions, so that what else the machine
does hits all of them; what is compared is the ratio of chunks that were neighbours.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import truediv
from pathlib import Path
from statistics import fmean, median
from typing import Any

from web3 import HTTPProvider, Web3

from benchmarks.harness import Result
from benchmarks.nodes import OURS, Command, Node, own, peers, running
from evm_dex.abi.artifact import code_of, load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import sign

_CHUNKS = 20
_EDGE = 4
"""Number of chunks at the beginning, and at the end."""
_TO = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")
_TARGETS = {
    "raw": {"anvil": "≥ 1.0 x", "hardhat": "≥ 1.5 x"},
    "web3.py": {"anvil": "≥ 1.0 x", "hardhat": "≥ 1.0 x"},
}
_BUSY_SECONDS = 5.0
_PER_SECOND = 200
_HASHES = "0x5b60205f205f526127105a115f5700"
"""Hashes a word over and over, until little gas is left."""

Send = Callable[[bytes], None]
"""Sends a raw transaction and waits for its receipt."""


@dataclass
class Chunks:
    """Figures of one node by chunk."""

    rates: list[float] = field(default_factory=list)
    """Transactions per second."""
    trivial: list[float] = field(default_factory=list)
    """As many pairs of `eth_chainId` per second."""
    computed: list[float] = field(default_factory=list)
    """Milliseconds of processor time per transaction, in the node."""
    client: list[float] = field(default_factory=list)
    """The same in this process."""


def run(*, quick: bool) -> Iterator[Result]:
    """Transactions per second with receipts, raw and through web3.py; the first answer."""
    for door, connect, blocks in (
        ("raw", _raw, 1_000 if quick else 5_000),
        ("web3.py", _web3, 200 if quick else 1_000),
    ):
        is_raw = door == "raw"
        for case in ("transfer", "SSTORE and event"):
            with tempfile.TemporaryDirectory() as directory:
                commands = {OURS: own(Path(directory)), **peers(Path(directory))}
                measured = _measured(commands, connect, case, blocks)
            yield from _told(f"{door}: {case}", measured, _TARGETS[door])
            if is_raw:
                yield from _over_time(f"{door}: {case}", measured, blocks)
    with tempfile.TemporaryDirectory() as directory:
        yield from _first_answer(own(Path(directory)))
    with tempfile.TemporaryDirectory() as directory:
        yield from _latency(own(Path(directory)))


def _raw(node: Node) -> Send:
    def send(raw: bytes) -> None:
        receipt = node.receipt(node.ask("eth_sendRawTransaction", "0x" + raw.hex()))
        assert receipt["status"] == "0x1"

    return send


def _web3(node: Node) -> Send:
    eth = Web3(HTTPProvider(node.url)).eth

    def send(raw: bytes) -> None:
        sent = eth.send_raw_transaction(raw)
        assert eth.wait_for_transaction_receipt(sent, poll_latency=0)["status"] == 1

    return send


def _measured(
    commands: Mapping[str, Command], connect: Callable[[Node], Send], case: str, blocks: int
) -> dict[str, Chunks]:
    size = blocks // _CHUNKS
    measured = {name: Chunks() for name in commands}
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(running(commands[name]))[0] for name in commands}
        targets = {name: _target(node, case) for name, node in nodes.items()}
        sends = {name: connect(node) for name, node in nodes.items()}
        first = int(case != "transfer")
        for start in range(first, first + blocks, size):
            for name, node in nodes.items():
                raws = [_signed(start + at, *targets[name]) for at in range(size)]
                _measure(measured[name], node, sends[name], raws)
    return measured


def _measure(chunks: Chunks, node: Node, send: Send, raws: list[bytes]) -> None:
    computed, client = node.processor_time(), time.process_time()
    started = time.perf_counter()
    for raw in raws:
        send(raw)
    chunks.rates.append(len(raws) / (time.perf_counter() - started))
    chunks.client.append(1_000 * (time.process_time() - client) / len(raws))
    chunks.computed.append(1_000 * (node.processor_time() - computed) / len(raws))
    started = time.perf_counter()
    for _ in range(2 * len(raws)):
        node.ask("eth_chainId")
    chunks.trivial.append(len(raws) / (time.perf_counter() - started))


def _told(case: str, measured: dict[str, Chunks], targets: Mapping[str, str]) -> Iterator[Result]:
    ours = measured[OURS]
    yield Result("node", case, median(ours.rates), "tx/s")
    for name in (name for name in measured if name != OURS):
        theirs = median(measured[name].rates)
        ratio = median(map(truediv, ours.rates, measured[name].rates))
        yield Result("node", f"{case}, {name}", theirs, "tx/s", "in ours", ratio, targets[name])
    for name, chunks in measured.items():
        yield Result("node", f"{case}, {name} computes", fmean(chunks.computed), "ms/tx")
    yield Result("node", f"{case}, the client computes", fmean(ours.client), "ms/tx")


def _over_time(case: str, measured: dict[str, Chunks], blocks: int) -> Iterator[Result]:
    for name, chunks in measured.items():
        at_start, at_end = median(chunks.rates[:_EDGE]), median(chunks.rates[-_EDGE:])
        label, target = f"{case}, {name} at {blocks} blocks", "≥ 0.9 x" if name == OURS else ""
        yield Result("node", label, at_end, "tx/s", "start", at_end / at_start, target)
    ours = measured[OURS]
    for name, chunks in measured.items():
        if name != OURS:  # each chunk is of the chain's first hundreds of blocks at the start
            ratio = median(map(truediv, ours.rates[:_EDGE], chunks.rates[:_EDGE]))
            label, target = f"{case}, {name} in the beginning", _TARGETS["raw"][name]
            at_start = median(chunks.rates[:_EDGE])
            yield Result("node", label, at_start, "tx/s", "in ours", ratio, target)
    for name, chunks in measured.items():
        label, pairs = f"eth_chainId twice instead, {name}", median(chunks.trivial)
        ratio = median(map(truediv, ours.trivial, chunks.trivial))
        target = "≥ 1.5 x" if name == "hardhat" else ""
        yield Result("node", label, pairs, "pairs/s", "in ours", ratio, target)


def _target(node: Node, case: str) -> tuple[bytes, bytes, int]:
    """To whom a case sends what, with which gas: a contract stores a word and emits an event."""
    if case == "transfer":
        return _TO, b"", 21_000
    artifact = load_artifact("StorageAndEvent")
    raw = _signed(0, b"", code_of(artifact), 1_000_000)
    sent = node.ask("eth_sendRawTransaction", "0x" + raw.hex())
    address = node.receipt(sent)["contractAddress"]
    interface = Interface(artifact["abi"])
    call = interface.encode_call(interface.function("store", 2), (1, 2))
    return bytes.fromhex(address[2:]), call, 100_000


def _signed(nonce: int, to: bytes, data: bytes, gas: int) -> bytes:
    fields = {
        "chain_id": 31337,
        "nonce": nonce,
        "gas": gas,
        "to": to,
        "value": 1 if to == _TO else 0,
        "data": data,
        "max_fee_per_gas": 10**10,
        "max_priority_fee_per_gas": 0,
        "access_list": (),
    }
    return sign(default_accounts()[0].signer, 2, fields).raw


def _first_answer(command: Command) -> Iterator[Result]:
    """From the start of the process on an existing store to its first answer."""
    with running(command) as (node, _):
        node.ask("eth_sendRawTransaction", "0x" + _signed(0, _TO, b"", 21_000).hex())
    taken, floors, computed = [], [], []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        floors.append(time.perf_counter() - started)
        with running(command) as (node, seconds):
            assert node.ask("eth_blockNumber") != "0x0"
            taken.append(seconds)
            computed.append(node.processor_time())
    ratio = min(taken) / min(floors)
    label, floor = "first answer on an existing store", "python -c pass"
    yield Result("node", label, min(taken), "s", floor, ratio, "≤ 20 x")
    yield Result("node", f"{label}, computes", min(computed), "s")


def _latency(command: Command) -> Iterator[Result]:
    """Measure the slowest of a hundred beside calls of 30 M gas and 200 transactions a second."""
    waits: dict[str, list[float]] = {}
    end = time.perf_counter() + 2 * _BUSY_SECONDS

    def repeat(node: Node, every: float, method: str, params: Callable[[], list[Any]]) -> None:
        while (began := time.perf_counter()) < end:
            node.ask(method, *params())
            waits.setdefault(method, []).append(time.perf_counter() - began)
            time.sleep(max(0.0, began + every - time.perf_counter()))

    to = "0x" + _TO.hex()
    call = [{"to": to, "gas": hex(30_000_000)}, "latest", {to: {"code": _HASHES}}]
    raws = (["0x" + _signed(nonce, _TO, b"", 21_000).hex()] for nonce in itertools.count())
    with running(command) as (node, _), ThreadPoolExecutor() as threads:
        end = time.perf_counter() + _BUSY_SECONDS
        for every, method, params in (
            (0.0, "eth_call", lambda: call),
            (1 / _PER_SECOND, "eth_sendRawTransaction", lambda: next(raws)),
            (0.01, "eth_chainId", list),
            (0.01, "eth_getBalance", lambda: [to, "latest"]),
        ):
            threads.submit(repeat, node.another(), every, method, params)
    assert waits["eth_call"]
    for method in ("eth_sendRawTransaction", "eth_chainId", "eth_getBalance"):
        found = 1_000 * sorted(waits[method])[-1 - len(waits[method]) // 100]
        label = f"{method} beside calls of 30 M gas, 99 of 100 within"
        yield Result("node", label, found, "ms", target="≤ 50 ms")
