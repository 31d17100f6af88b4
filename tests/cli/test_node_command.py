"""`evm-dex node` as a process: it says where it listens, stops cleanly, and keeps its state."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.errors import CommitsLost
from evm_dex.cli.node_command import sync_policy
from evm_dex.node.node_config import NodeConfig
from tests.node.served import OTHER, OWNER, served
from tests.ports import free_port
from tests.waiting import until

NODE = (sys.executable, "-c", "from evm_dex.cli import main; main()", "node")


@contextmanager
def running(*options: str, stop: int = signal.SIGTERM) -> Iterator[tuple[str, str]]:
    """The command with a free port: its URL and banner. It must end by the signal, soundly."""
    command = [*NODE, "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    banner = ""
    try:
        while "Listening on" not in banner:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            banner += line
        found = re.search(r"http://[0-9.:]+", banner)
        assert found
        yield found.group(), banner
    finally:
        process.send_signal(stop)
        _, told = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in told) == (0, False), told


def ask(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    with urllib.request.urlopen(url, body.encode(), timeout=120) as response:
        return json.load(response)["result"]


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_stopped_and_started_again_it_has_all_it_had(tmp_path: Path, stop: int) -> None:
    options = ("--chain", str(tmp_path / "chain"))
    with running(*options, stop=stop) as (url, _):
        sent = ask(url, "eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x5"})
        head = ask(url, "eth_getBlockByNumber", "latest", False)
        assert head["number"] == "0x1"
    with running(*options) as (url, _):
        assert ask(url, "eth_getBlockByNumber", "latest", False) == head
        assert ask(url, "eth_getTransactionReceipt", sent)["status"] == "0x1"
        assert ask(url, "eth_sendTransaction", {"from": OWNER, "to": OTHER}) != sent


@pytest.mark.slow
def test_the_banner_tells_accounts_keys_exchanges_and_where_it_listens() -> None:
    with running("--accounts", "2", "--balance", "7") as (url, banner):
        assert len(ask(url, "eth_accounts")) == 2
        assert "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 (7 ETH)" in banner
        assert "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80" in banner
        assert "0x0000000000000000000000000000000000000d01" in banner
        assert f"Listening on {url}" in banner


def test_options_of_a_new_chain_and_other_accounts() -> None:
    words = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    with served(chain_id=77, gas_limit=5_000_000, accounts=12, mnemonic=words, balance=3) as node:
        accounts = node.result("eth_accounts")
        assert (len(accounts), OWNER in accounts) == (12, False)
        assert node.result("eth_chainId") == "0x4d"
        assert node.result("eth_getBalance", accounts[11]) == "0x3"
        assert node.result("eth_getBlockByNumber", "latest", False)["gasLimit"] == hex(5_000_000)


@pytest.mark.parametrize(
    "words",
    ["bad words", "test test test test test test test test test test test jump", "test " * 12],
)
def test_a_mistyped_mnemonic_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="must be a BIP-39 phrase"), served(mnemonic=words):
        raise AssertionError("it was served")


def test_blocks_by_the_clock_and_none_at_all_contradict_each_other() -> None:
    command = [*NODE, "--port", "0", "--no-mining", "--block-time", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "--no-mining and --block-time contradict" in done.stderr


def test_what_contradicts_a_chain_that_is_there_is_refused(tmp_path: Path) -> None:
    with served(path=tmp_path / "chain", chain_id=5):
        pass
    with served(path=tmp_path / "chain") as node:
        assert node.result("eth_chainId") == "0x5"
    refused = pytest.raises(ValueError, match="--chain-id 6 is for a new chain")
    with refused, served(path=tmp_path / "chain", chain_id=6):
        raise AssertionError("it was served")


def test_a_port_in_use_is_told_in_one_line() -> None:
    with served() as node:
        command = [*NODE, "--port", str(node.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr


def test_blocks_come_by_the_clock_or_when_asked() -> None:
    with served(automine=False, block_seconds=0.05) as node:
        sent = node.result("eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x1"})
        until(lambda: node.result("eth_getTransactionReceipt", sent))
        assert node.result("eth_getTransactionReceipt", sent)["status"] == "0x1"
    with served(automine=False) as node:
        assert node.result("eth_blockNumber") == "0x0"


@pytest.mark.parametrize(("text", "policy"), [("never", "never"), ("block", "block"), ("7", 7)])
def test_sync_is_a_word_or_a_number_of_blocks(text: str, policy: object) -> None:
    assert sync_policy(text) == policy


@pytest.mark.parametrize("text", ["", "0", "-1", "often", "1.5"])
def test_what_is_nosync_policy_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="--sync must be never, block or a number of blocks"):
        sync_policy(text)


def test_a_loss_is_accepted_where_that_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The error names the option, and the log says what is lost."""
    with evm_dex.open(tmp_path, checkpoint_interval=5) as dex:
        dex.mine(7)
    for log in (tmp_path / "db").glob("*.log"):
        log.write_bytes(b"")
    config = NodeConfig(path=tmp_path)
    with pytest.raises(CommitsLost, match="evm-dex node --accept-loss"), config.open():
        pass
    with NodeConfig(path=tmp_path, accept_loss=True, sync="block").open() as (dex, _):
        assert dex.head.number == 5
        dex.mine()
    assert "going on from block 5, though block 7 was committed" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("-q",)])
def test_transactions_are_told_unless_it_is_to_be_quiet(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    port = str(free_port())
    url, printed = f"http://127.0.0.1:{port}", tmp_path / "printed"
    with printed.open("w") as output:
        process = subprocess.Popen([*NODE, "--port", port, *options], stdout=output)
        try:
            until(lambda: answers(url))
            sent = ask(url, "eth_sendTransaction", {"from": OWNER, "to": OTHER, "value": "0x5"})
            hash_of_block = ask(url, "eth_getBlockByNumber", "latest", False)["hash"]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
    told = printed.read_text()
    if options:
        assert told == ""
    else:
        _, news = told.split(f"Listening on {url}")
        expected = rf"Transaction: {sent}\nGas used: 21000\nBlock: 1 {hash_of_block}, .* UTC\n"
        assert re.search(expected, news)


def answers(url: str) -> bool:
    try:
        return bool(ask(url, "eth_chainId"))
    except OSError:
        return False
