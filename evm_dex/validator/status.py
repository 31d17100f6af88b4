"""The state of validators, asked from outside."""

from __future__ import annotations

from typing import Any

import msgspec

from evm_dex.errors import EngineUnreachable, NodeRefused, NodeUnreachable
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.home import Home
from evm_dex.validator.json_rpc import ask_node


class Status(msgspec.Struct, frozen=True):
    """The state of one validator; what is None could not be asked."""

    name: str
    url: str
    """Its JSON-RPC."""
    engine_url: str
    is_running: bool
    height: int | None = None
    block_hash: str | None = None
    """Of the chain's head."""
    trusted: str | None = None
    """HEIGHT:HASH of a recent block as engines name it, for `join --trust`."""
    is_catching_up: bool | None = None
    peers: int | None = None
    votes: int | None = None
    """Its voting power; 0 for one that follows."""


def status_of(home: Home) -> Status:
    """Ask a validator's engine and its JSON-RPC. Raises NotAValidator."""
    url, engine_url = home.url(), home.engine_url()
    found: dict[str, Any] = {}
    try:
        told = ask_engine(engine_url, "status")
        sync = told["sync_info"]
        found = {
            "trusted": f"{sync['latest_block_height']}:{sync['latest_block_hash']}",
            "is_catching_up": sync["catching_up"],
            "votes": int(told["validator_info"]["voting_power"]),
            "peers": int(ask_engine(engine_url, "net_info")["n_peers"]),
        }
    except EngineUnreachable:
        pass
    head = _head(url)
    is_running = bool(found) and head is not None
    if head is not None:
        found |= {"height": int(head["number"], 16), "block_hash": head["hash"]}
    return Status(home.settings().name, url, engine_url, is_running, **found)


def _head(url: str) -> dict[str, Any] | None:
    try:
        head: dict[str, Any] | None = ask_node(url, "eth_getBlockByNumber", "latest", False)
    except (NodeUnreachable, NodeRefused):
        return None
    return head
