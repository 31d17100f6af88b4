"""Calls of the exchanges over JSON-RPC, from accounts that the node signs for."""

from __future__ import annotations

import json
import urllib.request
from functools import cache
from typing import Any

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface

EXCHANGES = {"spot": ("ISpot", f"0x{0xD01:040x}"), "perp": ("IPerp", f"0x{0xD02:040x}")}


def ask(url: str, method: str, *params: Any) -> Any:
    """The result of one request, which must have one."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    with urllib.request.urlopen(url, body.encode(), timeout=60) as response:
        answer = json.load(response)
    assert "result" in answer, answer
    return answer["result"]


def trade(url: str, where: str, name: str, *args: Any, sender: str, gas: int | None = None) -> str:
    """Send a call of an exchange; its hash. With `gas` it is sent even though it will fail."""
    artifact, address = EXCHANGES[where]
    interface = _interface(artifact)
    calldata = interface.encode_call(interface.function(name, len(args)), args)
    request = {"from": sender, "to": address, "data": f"0x{calldata.hex()}"}
    if gas is not None:
        request["gas"] = hex(gas)
    return str(ask(url, "eth_sendTransaction", request))


def weth(node: str) -> str:
    """The asset of a node's first spot market."""
    return str(ask(node, "dex_markets")["spot"][0]["asset"])


def place(
    node: str, size: int, price: int, *, is_buy: bool, sender: str, where: str = "spot"
) -> str:
    """An order for it; the hash."""
    return trade(node, where, "placeOrder", weth(node), size, price, is_buy, sender=sender)


@cache
def _interface(artifact: str) -> Interface:
    return Interface(load_artifact(artifact)["abi"])
