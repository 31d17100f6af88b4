"""Chains of anvil and of Hardhat, forked."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

import evm_dex
from evm_dex.evm.calls import Call
from tests.clients.running import PACKAGES, foundry, javascript, package
from tests.origin.fake_origin import CONTRACT, SUM, expected_sum
from tests.ports import free_port

ADDRESS = f"0x{CONTRACT.hex()}"
WAIT = 120


class Other:
    """Another node, by its URL."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.prefix = prefix

    def ask(self, method: str, *params: Any) -> Any:
        content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        request = Request(
            self.url, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "error" not in answer, answer
        return answer["result"]

    def cheat(self, method: str, *params: Any) -> None:
        self.ask(f"{self.prefix}_{method}", *params)


@contextmanager
def running(command: Sequence[str | Path], other: Other, cwd: Path) -> Iterator[Other]:
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + WAIT
            while True:
                try:
                    other.ask("eth_chainId")
                    break
                except URLError:
                    assert time.monotonic() < until, "it does not answer"
                    assert process.poll() is None, "it has ended"
                    time.sleep(0.1)
            yield other
        finally:
            process.kill()


@contextmanager
def anvil(directory: Path) -> Iterator[Other]:
    port = free_port()
    other = Other(f"http://127.0.0.1:{port}", "anvil")
    with running([foundry("anvil"), "--port", str(port)], other, directory) as found:
        yield found


@contextmanager
def hardhat(directory: Path) -> Iterator[Other]:
    program, port = package("hardhat") / "dist/src/cli.js", free_port()
    (directory / "package.json").write_text('{"type": "module"}')
    (directory / "node_modules").symlink_to(PACKAGES)
    (directory / "hardhat.config.js").write_text("export default { solidity: '0.8.28' };")
    command: list[str | Path] = [javascript(), program, "node", "--port", str(port)]
    with running(command, Other(f"http://127.0.0.1:{port}", "hardhat"), directory) as found:
        yield found


@pytest.mark.parametrize("start", [anvil, hardhat])
def test_its_chain_is_forked(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDHAT_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("HARDHAT_DISABLE_TELEMETRY_PROMPT", "true")
    (tmp_path / "other").mkdir()
    with start(tmp_path / "other") as other:
        other.cheat("setCode", ADDRESS, f"0x{SUM.hex()}")
        other.cheat("setBalance", ADDRESS, hex(17))
        for slot in range(1, 1_001):
            other.cheat("setStorageAt", ADDRESS, hex(slot), f"{7 * slot:#066x}")
        sender, receiver = other.ask("eth_accounts")[0], "0x" + "78" * 20
        sent = [
            other.ask("eth_sendTransaction", {"from": sender, "to": receiver, "value": hex(at)})
            for at in range(3)
        ]
        until = time.monotonic() + WAIT
        while any(other.ask("eth_getTransactionReceipt", each) is None for each in sent):
            assert time.monotonic() < until, "they are not mined"
            time.sleep(0.05)
        head = other.ask("eth_getBlockByNumber", "latest", False)
        with evm_dex.open(tmp_path / "fork", fork=other.url) as dex:
            origin = dex.chain.origin
            assert origin is not None
            assert origin.point.is_proven
            assert f"0x{dex.chain.head.hash.hex()}" == head["hash"]
            call = Call(to=CONTRACT, data=b"\x01")
            before = origin.requests
            assert int.from_bytes(dex.chain.call(call), "big") == expected_sum()
            assert origin.requests - before < 16
            for slot in random.Random(3).sample(range(2_000), 40):
                expected = int(other.ask("eth_getStorageAt", ADDRESS, hex(slot), "latest"), 16)
                assert dex.storage(CONTRACT, slot) == expected
            assert dex.balance(ADDRESS) == 17
            assert dex.balance(receiver) == 3
            assert origin.ask("eth_getTransactionReceipt", sent[0])["status"] == "0x1"
            dex.tokens["WETH"].send("transfer", receiver, 1)
            dex.send(to=receiver, value=5)
            assert dex.balance(receiver) == 8
            hashes = list(origin.hashes_down_from(dex.chain.first.block_number - 1))
            assert f"0x{hashes[0].hex()}" == head["parentHash"]
    with evm_dex.open(tmp_path / "fork") as dex:
        assert int.from_bytes(dex.chain.call(call), "big") == expected_sum()
