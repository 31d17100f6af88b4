"""What waits for a block, as viem, ethers, cast and web3.py see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError

from tests.clients.running import (
    OWNER,
    OWNER_KEY,
    foundry,
    package,
    run,
    run_javascript_tests,
    started_node,
)

STRANGER = "0x00000000000000000000000000000000000057Aa"
GWEI = 10**9


@pytest.fixture(scope="module")
def waiting_url() -> Iterator[str]:
    with started_node("--no-mining") as url:
        yield url


def test_viem_and_ethers(waiting_url: str) -> None:
    package("viem")
    package("ethers")
    run_javascript_tests("mempool.test.mjs", waiting_url, at_least=7)


def cast(url: str, *words: str, succeeds: bool = True) -> str:
    return run([foundry("cast"), *words, "--rpc-url", url], succeeds=succeeds).strip()


def test_cast(waiting_url: str) -> None:
    cast(waiting_url, "rpc", "anvil_dropAllTransactions")
    nonce = int(cast(waiting_url, "nonce", OWNER, "--block", "pending"))
    send = ("send", STRANGER, "--value", "5", "--async", "--private-key", OWNER_KEY)
    priced = ("--gas-price", "100gwei", "--priority-gas-price")
    at = ("--nonce", str(nonce))
    first = cast(waiting_url, *send, *at, *priced, "1gwei")
    late = cast(waiting_url, *send, "--nonce", str(nonce + 1), *priced, "1gwei")
    low = cast(waiting_url, *send, *at, *priced, "2gwei", succeeds=False)
    assert "replacement transaction underpriced" in low
    assert json.loads(cast(waiting_url, "tx-pool", "status", "--json")) == {
        "pending": "0x2",
        "queued": "0x0",
    }
    block = json.loads(cast(waiting_url, "block", "pending", "--json"))
    assert block["transactions"] == [first, late]
    balances = [
        int(cast(waiting_url, "balance", STRANGER, "--block", at)) for at in ("pending", "latest")
    ]
    assert balances[0] - balances[1] == 10
    assert cast(waiting_url, "nonce", OWNER, "--block", "pending") == str(nonce + 2)
    spend = ("estimate", OWNER, "--value", "9", "--from", STRANGER)
    assert cast(waiting_url, *spend, "--block", "pending") == "21000"
    assert "insufficient funds" in cast(waiting_url, *spend, "--block", "latest", succeeds=False)
    cast(waiting_url, "rpc", "evm_mine")
    assert json.loads(cast(waiting_url, "receipt", late, "--json"))["transactionIndex"] == "0x1"


def test_web3(waiting_url: str) -> None:
    w3: Any = Web3(HTTPProvider(waiting_url))
    request = w3.provider.make_request
    request("anvil_dropAllTransactions", [])
    payment: Any = {
        **{"from": OWNER, "to": STRANGER, "value": 1, "gas": 21_000},
        **{"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI},
    }
    first = w3.eth.send_transaction(payment)
    with pytest.raises(Web3RPCError, match="replacement transaction underpriced"):
        w3.eth.send_transaction(
            {**payment, "value": 2, "nonce": w3.eth.get_transaction(first)["nonce"]}
        )
    second = w3.eth.modify_transaction(
        first, value=2, maxFeePerGas=120 * GWEI, maxPriorityFeePerGas=2 * GWEI
    )
    assert w3.eth.get_block("pending")["transactions"] == [second]
    assert w3.geth.txpool.status() == {"pending": "0x1", "queued": "0x0"}
    assert list(w3.geth.txpool.content()["pending"]) == [OWNER]
    assert w3.eth.get_balance(STRANGER, "pending") == w3.eth.get_balance(STRANGER) + 2
    waiting = w3.eth.filter("pending")
    third = w3.eth.send_transaction(payment)
    assert waiting.get_new_entries() == [third]
    request("evm_mine", [])
    assert w3.eth.wait_for_transaction_receipt(second)["status"] == 1
