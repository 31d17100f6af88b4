"""Calls of the exchanges by name."""

from __future__ import annotations

from functools import cache
from typing import Any

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.interface import Interface
from evm_dex.abi.lazy_eth_abi import undecodable
from evm_dex.abi.values import Entry
from evm_dex.node.plain import plain
from evm_dex.node.rpc_json import Json
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, Address

_EXCHANGES = {SPOT_ADDRESS: "ISpot", PERP_ADDRESS: "IPerp"}


def exchange_call(to: bytes, calldata: bytes) -> tuple[str, Entry, Any] | None:
    """Contract, function and arguments; None for other addresses and what can't be decoded."""
    name = _EXCHANGES.get(Address(to))
    if name is None:
        return None
    try:
        entry, arguments = _interface(name).decode_call(calldata)
    except (LookupError, *undecodable()):
        return None
    return name, entry, arguments


def decoded_call(to: bytes, calldata: bytes) -> Json | None:
    """The same as JSON."""
    found = exchange_call(to, calldata)
    if found is None:
        return None
    name, entry, arguments = found
    return {"contract": name, "function": entry["name"], "arguments": plain(arguments)}


@cache
def _interface(name: str) -> Interface:
    return Interface(load_artifact(name)["abi"])
