"""Signed transactions over JSON-RPC, one block each, against anvil in the same run.

Anvil is taken from `ANVIL` (a path to its binary, which npm's @foundry-rs/anvil carries), else from
the search path; without it only this node is measured.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.harness import Result
from evm_dex.abi import Interface
from evm_dex.artifact import code_of, load_artifact
from evm_dex.chain.accounts import default_accounts
from evm_dex.chain.transactions import sign

_CHUNK = 250
_ANVIL = os.environ.get("ANVIL") or shutil.which("anvil")
_OWN = (sys.executable, "-c", "from evm_dex.cli import main; main()", "node", "--silent")
_TO = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")


class Client:
    """One kept connection, as client libraries have it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a request."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        found = json.loads(self._connection.getresponse().read())
        assert "result" in found, found
        return found["result"]

    def receipt(self, transaction_hash: str) -> Any:
        """A receipt, asked for until there is one: anvil answers before the block is made."""
        while (found := self.ask("eth_getTransactionReceipt", transaction_hash)) is None:
            pass
        return found


def run(*, quick: bool) -> Iterator[Result]:
    """Transactions per second at the beginning and at the end of many blocks; the first answer."""
    blocks = 500 if quick else 5_000
    nodes: dict[str, tuple[str, ...]] = {}
    with tempfile.TemporaryDirectory() as directory:
        nodes["evm-dex"] = (*_OWN, "--db", f"{directory}/chain")
        if _ANVIL:
            nodes["anvil"] = (_ANVIL, "--silent")
        for case in ("transfer", "SSTORE and event"):
            rates = {name: _rates(command, case, blocks) for name, command in nodes.items()}
            shutil.rmtree(f"{directory}/chain", ignore_errors=True)
            yield from _compared(case, rates, blocks)
        yield from _first_answer(nodes["evm-dex"])


def _compared(case: str, rates: dict[str, list[float]], blocks: int) -> Iterator[Result]:
    own, other = rates["evm-dex"], rates.get("anvil")
    at_start, at_end, over_all = own[0], own[-1], statistics.harmonic_mean(own)
    yield Result("node", f"{case}, first {_CHUNK} blocks", at_start, "tx/s")
    yield Result(
        "node", f"{case}, at {blocks} blocks", at_end, "tx/s", "start", at_end / at_start, "≥ 0.9 x"
    )
    if other is None:
        yield Result("node", f"{case}, over all", over_all, "tx/s")
        return
    for name, mine, theirs in (
        (f"first {_CHUNK} blocks", at_start, other[0]),
        (f"at {blocks} blocks", at_end, other[-1]),
        ("over all", over_all, statistics.harmonic_mean(other)),
    ):
        yield Result("node", f"anvil, {case}, {name}", theirs, "tx/s")
        target = "≥ 1.0 x" if name == "over all" else ""
        yield Result("node", f"{case}, {name}", mine, "tx/s", "anvil", mine / theirs, target)


def _rates(command: tuple[str, ...], case: str, blocks: int) -> list[float]:
    """Transactions per second of each chunk; each is sent and its receipt fetched."""
    with _running(command) as (client, _):
        to, data, gas = _TO, b"", 21_000
        sent = 0
        if case != "transfer":
            to, entry = _deployed(client)
            data, gas, sent = entry, 100_000, 1
        rates = []
        for _ in range(blocks // _CHUNK):
            raws = [_signed(sent + at, to, data, gas) for at in range(_CHUNK)]
            sent += _CHUNK
            started = time.perf_counter()
            for raw in raws:
                receipt = client.receipt(client.ask("eth_sendRawTransaction", raw))
                assert receipt["status"] == "0x1"
            rates.append(_CHUNK / (time.perf_counter() - started))
        return rates


def _deployed(client: Client) -> tuple[bytes, bytes]:
    """A contract that stores a word and emits an event, and the call that does it."""
    artifact = load_artifact("StorageAndEvent")
    sent = client.ask("eth_sendRawTransaction", _signed(0, b"", code_of(artifact), 1_000_000))
    address = client.receipt(sent)["contractAddress"]
    interface = Interface(artifact["abi"])
    call = interface.encode_call(interface.function("store", 2), (1, 2))
    return bytes.fromhex(address[2:]), call


def _signed(nonce: int, to: bytes, data: bytes, gas: int) -> str:
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
    return "0x" + sign(default_accounts()[0].signer, 2, fields).raw.hex()


def _first_answer(command: tuple[str, ...]) -> Iterator[Result]:
    """From the start of the process on an existing store to its first answer."""
    with _running(command) as (client, _):
        client.ask("eth_sendRawTransaction", _signed(0, _TO, b"", 21_000))
    taken = []
    for _ in range(3):
        with _running(command) as (client, seconds):
            assert client.ask("eth_blockNumber") != "0x0"
            taken.append(seconds)
    yield Result("node", "first answer on an existing store", min(taken), "s", target="≤ 1.5 s")


@contextmanager
def _running(command: tuple[str, ...]) -> Iterator[tuple[Client, float]]:
    """A node on a free port, and how long it took to answer."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen((*command, "--port", str(port)), stdout=subprocess.DEVNULL)
    try:
        client = _connected(port, process)
        yield client, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(30)


def _connected(port: int, process: subprocess.Popen[bytes]) -> Client:
    while process.poll() is None:
        try:
            client = Client(port)
            client.ask("eth_chainId")
        except OSError:
            time.sleep(0.01)
        else:
            return client
    raise RuntimeError(f"{process.args!r} ended before it answered")
