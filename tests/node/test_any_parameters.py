"""Every method, given parameters of every shape: an answer, never a bug's, and the node goes on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import evm_dex
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.node.node import Node
from evm_dex.node.registry import all_methods
from evm_dex.node.request_limits import Limits
from evm_dex.node.turns import Use
from tests.conftest import LONG
from tests.node.served import OTHER, OWNER, SPOT, answer

ROUNDS = 2_000 if LONG else 60
"""For each method."""
PERP = "0x" + "0d02".rjust(40, "0")
HASH = "0x" + "5a" * 32
LEAVES = (
    *(None, True, False, 0, 1, -1, 2**63, 2**256, 1.5, 1e300, "", "0x", "0x0", "0x1", "0x5", "1"),
    *("0xg", "0x-1", "0x 1", "0x" + "f" * 64, "0x" + "f" * 65, "0x7fffffff", "ä", "\ud800", "\x00"),
    *(OWNER, OTHER, SPOT, PERP, HASH, "0x" + "ee" * 20, OWNER.upper(), "latest", "pending"),
    *("earliest", "logs", "newHeads", "WETH", "spot", "perp", "callTracer", "0x60006000fd"),
)
OBJECTS = (
    ("from", "to", "data", "input", "gas", "value", "nonce", "type", "accessList", "chainId"),
    ("from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "data"),
    ("from", "to", "authorizationList", "blobVersionedHashes", "maxFeePerBlobGas", "type"),
    ("address", "topics", "fromBlock", "toBlock", "blockHash"),
    ("blockHash", "blockNumber", "requireCanonical"),
    ("address", "storageKeys", "nonce", "chainId", "yParity", "r", "s"),
    ("balance", "code", "state", "stateDiff", "nonce"),
    ("number", "time", "gasLimit", "feeRecipient", "prevRandao", "baseFeePerGas", "blobBaseFee"),
    ("tracer", "tracerConfig", "stateOverrides", "blockOverrides", "enableMemory"),
    ("calls", "stateOverrides", "blockOverrides"),
    ("blockStateCalls", "validation", "traceTransfers", "returnFullTransactions"),
    ("timestamp", "blocks", "forking", "jsonRpcUrl"),
    ("types", "domain", "message", "primaryType", "EIP712Domain", "name"),
    (OWNER, OTHER, SPOT, PERP, "0x0", "0x1", HASH),
)
"""Names that go together."""
SLOW = ("anvil_mine", "hardhat_mine", "evm_mine", "evm_mine_detailed", "anvil_mine_detailed")
"""They make as many blocks as are asked for, up to a bound."""


class Guesses:
    """Parameters that are nearly right, or not at all."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def value(self, depth: int = 4) -> Any:
        """Some JSON."""
        kind = self._random.random()
        if depth == 0 or kind < 0.6:
            return self._random.choice(LEAVES)
        if kind < 0.8:
            names = self._random.choice(OBJECTS)
            chosen = self._random.sample(names, self._random.randint(0, min(len(names), 4)))
            return {name: self.value(depth - 1) for name in chosen}
        return [self.value(depth - 1) for _ in range(self._random.randint(0, 3))]

    def parameters(self, names: list[str]) -> Any:
        """By place or by name, too few, enough or too many."""
        if self._random.random() < 0.2:
            return {name: self.value() for name in names if self._random.random() < 0.8}
        return [self.value() for _ in range(self._random.randint(0, len(names) + 1))]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    dex = evm_dex.open()
    limits = Limits(call_seconds=0.5, call_gas=1_000_000)
    with closing(Node(dex.chain, default_accounts(), dex=dex, limits=limits)) as node:
        yield node


@pytest.mark.slow
@pytest.mark.parametrize("name", [it for it in all_methods() if it not in SLOW])
def test_whatever_is_asked_is_answered(
    node: Node, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    guesses, method = Guesses(name), all_methods()[name]
    for _ in range(ROUNDS):
        params = guesses.parameters([parameter.name for parameter in method.parameters])
        request = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
        with node.turns.taken(Use.ALONE):  # an archive is made meanwhile, on a thread of its own
            found = json.loads(answer(node, json.dumps(request).encode("utf-8", "surrogatepass")))
        assert ("result" in found) != ("error" in found)
        if "error" in found:
            assert found["error"]["code"] != -32603, (params, caplog.text)
            assert found["error"]["message"]
        assert not caplog.records, (params, caplog.text)
    assert node.dex is not None
    assert node.dex.self_check() == []
