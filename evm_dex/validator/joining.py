"""The directory of a validator that joins a chain which others have."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from evm_dex.errors import AlreadyInUse, EngineUnreachable, UntrustedPeer
from evm_dex.validator.engine import find_engine, make_keys
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.genesis_document import checked
from evm_dex.validator.home import Home, StateSync, ValidatorSettings

_SERVERS = 2
"""The light client of the engine wants one that is asked, and another to check it."""
_PORTS_EACH = 10


class Joining(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that a joining validator starts from."""

    height: int
    block_hash: str
    """64 hex digits: the block that is trusted, as the engine names it."""
    servers: Sequence[str]
    """RPCs of engines that have the chain, as http://host:port."""
    port: int = 8545
    peer_port: int = 26650
    checkpoint_interval: int = 1_000
    idle_seconds: int = 0


def make_joining(path: Path, joining: Joining) -> tuple[Home, int | None]:
    """Make the directory of a validator that joins, which appears whole.

    Returns it, and the height of the newest snapshot; None where none is offered, so that it will
    fetch all blocks. Raises EngineMissing, EngineUnreachable, UntrustedPeer, GenesisError,
    AlreadyInUse.
    """
    program = find_engine()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise AlreadyInUse(f"{path} is there already: choose another directory, or remove it")
    document, peers = _agreed(joining)
    snapshot = _newest_snapshot(joining.servers)
    servers = tuple(joining.servers) * (_SERVERS if len(joining.servers) < _SERVERS else 1)
    settings = ValidatorSettings(
        name=path.name,
        port=joining.port,
        peer_port=joining.peer_port,
        engine_port=joining.peer_port + 1,
        peers=peers,
        checkpoint_interval=joining.checkpoint_interval,
        idle_seconds=joining.idle_seconds,
        state_sync=StateSync(joining.height, joining.block_hash, servers),
    )
    making = path.absolute().with_name(f".{path.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        making.mkdir(parents=True, mode=0o700)
        home = Home(making)
        make_keys(program, making, path.name)
        home.make_account()
        home.write(settings, document)
        if snapshot is not None:
            home.begin_to_join()
        if path.is_dir():
            path.rmdir()
        making.rename(path)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Home(path), snapshot


def _agreed(joining: Joining) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the genesis, once all who are asked have the trusted block; and them as peers."""
    peers = []
    for url in joining.servers:
        header = ask_engine(url, "commit", height=str(joining.height))["signed_header"]
        found = header["commit"]["block_id"]["hash"]
        if found.lower() != joining.block_hash.lower():
            raise UntrustedPeer(
                f"block {joining.height} of {url} is {found}, you trust {joining.block_hash}: "
                "it is on another chain, or lies"
            )
        told = ask_engine(url, "status")["node_info"]
        listens = urlsplit(told["listen_addr"])
        host = urlsplit(url).hostname or ""
        peers.append(f"{told['id']}@{host}:{listens.port}")
    document: dict[str, Any] = ask_engine(url, "genesis")["genesis"]
    read = checked(document, f"the genesis of {url}")
    if read.chain_id != header["header"]["chain_id"]:
        raise UntrustedPeer(
            f"{url} gives the genesis of {read.chain_id}, its blocks are of "
            f"{header['header']['chain_id']}: ask another"
        )
    return document, tuple(peers)


def _newest_snapshot(servers: Sequence[str]) -> int | None:
    newest = None
    for url in servers:
        answer = ask_engine(url, "abci_query", path='"snapshots"')["response"]
        try:
            heights = json.loads(base64.b64decode(answer.get("value") or "W10="))
            newest = max([*heights, newest or 0]) or None
        except (ValueError, TypeError) as error:
            raise EngineUnreachable(f"{url} does not tell its snapshots: {error}") from error
    return newest
