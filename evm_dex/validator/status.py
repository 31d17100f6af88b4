"""The state of validators, asked from outside."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import msgspec

from evm_dex.errors import EngineUnreachable
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.home import Home

_SECONDS = 5.0


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
    settings = home.settings()
    host = "127.0.0.1" if settings.peer_host == "0.0.0.0" else settings.peer_host  # noqa: S104 - compared with
    url, engine_url = (
        f"http://{settings.host}:{settings.port}",
        f"http://{host}:{settings.engine_port}",
    )
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
    return Status(settings.name, url, engine_url, is_running, **found)


def _head(url: str) -> dict[str, Any] | None:
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_getBlockByNumber",
        "params": ["latest", False],
    }
    request = urllib.request.Request(  # noqa: S310 - http://, from the settings
        url, json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as reply:  # noqa: S310 - as above
            result: dict[str, Any] = json.load(reply)["result"]
            return result
    except (OSError, ValueError, KeyError):
        return None
