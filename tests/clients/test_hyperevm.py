"""foundry's cast on a node of HyperEVM: reads, actions and what became of them, big blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from tests.clients.running import OWNER, OWNER_KEY, foundry, run, started_node

OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
THIRD = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
"""An account that no test pays."""
WRITER = "0x3333333333333333333333333333333333333333"
SPOT_BALANCE, MARK = (f"0x{number:040x}" for number in (0x0801, 0x0806))
HYPE = 150


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    foundry("cast")
    with started_node("--profile", "hyperevm") as address:
        yield address


def cast(url: str, *words: str) -> str:
    return run([foundry("cast"), *words, "--rpc-url", url]).strip()


def send(url: str, to: str, *words: str) -> Any:
    """The receipt of a transaction of the owner's."""
    return json.loads(cast(url, "send", to, *words, "--private-key", OWNER_KEY, "--json"))


def rpc(url: str, method: str, *params: str) -> Any:
    return json.loads(cast(url, "rpc", method, *params))


def balance(url: str, user: str) -> int:
    """Free and held HYPE, as the read precompile tells it."""
    words = encode(["address", "uint64"], [user, HYPE]).hex()
    return int(cast(url, "call", SPOT_BALANCE, "--data", f"0x{words}")[:66], 16)


def test_a_contracts_reads_answer_over_the_node(url: str) -> None:
    assert cast(url, "chain-id") == "999"
    assert int(cast(url, "call", MARK, "--data", "0x" + "00" * 32), 16) == 800_000
    assert balance(url, THIRD) == 10_000 * 10**8


def test_an_action_is_sent_and_told(url: str) -> None:
    before = balance(url, OTHER)
    fields = encode(["address", "uint64", "uint64"], [OTHER, HYPE, 7]).hex()
    receipt = send(url, WRITER, "sendRawAction(bytes)", f"0x01000006{fields}")
    (action,) = rpc(url, "dex_coreActions", receipt["transactionHash"])
    assert (action["name"], action["outcome"]) == ("spotSend", "done")
    assert balance(url, OTHER) == before + 7
    fields = encode(["address", "uint64", "uint64"], [OWNER, HYPE, 7]).hex()
    receipt = send(url, WRITER, "sendRawAction(bytes)", f"0x01000006{fields}")
    (action,) = rpc(url, "dex_coreActions", receipt["transactionHash"])
    assert (action["outcome"], action["reason"]) == ("dropped", "SendToSelf")


def test_who_uses_big_blocks_deploys_what_no_small_one_takes(url: str) -> None:
    """A contract of 20,000 bytes takes four million gas."""
    creation = "0x614e206000f3"  # returns that many zeros
    signed = ("--private-key", OWNER_KEY, "--rpc-url", url, "--json")
    command: list[str | Path] = [
        foundry("cast"),
        "send",
        *signed,
        "--gas-limit",
        "5000000",
        "--create",
        creation,
    ]
    assert "exceeds block gas limit" in run(command, succeeds=False)
    assert rpc(url, "dex_setUsingBigBlocks", OWNER, "true") is True
    created = json.loads(run([foundry("cast"), "send", *signed, "--create", creation]))
    assert int(created["gasUsed"], 16) > 4_000_000
    block = rpc(url, "eth_getBlockByNumber", "latest", "false")
    assert int(block["gasLimit"], 16) == 30_000_000
    assert rpc(url, "dex_setUsingBigBlocks", OWNER, "false") is True


def test_what_it_runs_is_told_by_eth_config(url: str) -> None:
    current = rpc(url, "eth_config")["current"]
    assert current["chainId"] == "0x3e7"
    precompiles = current["precompiles"]
    assert not any(name.startswith("BLS12") for name in precompiles)
    assert precompiles["CORE_POSITION"] == f"0x{0x0800:040x}"
    assert precompiles["CORE_POSITION_2"] == f"0x{0x0813:040x}"
    assert current["systemContracts"] == {
        "CORE_WRITER": WRITER, "HYPE_SYSTEM": "0x" + "22" * 20, "WHYPE": "0x" + "55" * 20,
    }  # fmt: skip
    assert current["blobSchedule"]["max"] == 0
