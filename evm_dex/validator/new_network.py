"""Directories of new validators, who begin a chain together."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from evm_dex.chain.genesis.genesis_file import (
    GenesisFile,
    GenesisSource,
    default_genesis_file,
    read_genesis_file,
)
from evm_dex.errors import AlreadyInUse
from evm_dex.validator.engine import find_engine, make_keys
from evm_dex.validator.genesis_document import Founder, new_document
from evm_dex.validator.home import Home, ValidatorSettings

_PORTS_EACH = 10
_EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - validators of several machines reach each other


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The validators of a new chain; without a genesis it is that of `evm-dex node`."""

    validators: int = 4
    machines: Sequence[str] = ()
    """Names or addresses of machines, one for each validator; none for all on this one."""
    genesis: GenesisSource | None = None
    chain_id: int | None = None
    keep_limit: int = 0
    port: int = 8545
    """Port of the first one's JSON-RPC; the next port is the next one's."""
    peer_port: int = 26650
    """The first of the engines' ports: each takes two of ten."""
    checkpoint_interval: int = 1_000
    idle_seconds: int = 0


def make_network(path: Path, network: Network, seconds: int | None = None) -> list[Home]:
    """Make the directories validator0, validator1, … in a new one, which appears whole.

    `seconds` is when the chain begins, in Unix time; by default now. Raises EngineMissing,
    GenesisError, AlreadyInUse.
    """
    program = find_engine()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise AlreadyInUse(f"{path} is there already: choose another directory, or remove it")
    source = network.genesis
    file = default_genesis_file() if source is None else read_genesis_file(source)
    if network.chain_id is not None:
        file = msgspec.structs.replace(file, chain_id=network.chain_id)
    making = path.absolute().with_name(f".{path.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        _make(making, program, network, file, round(time.time()) if seconds is None else seconds)
        if path.is_dir():
            path.rmdir()
        making.rename(path)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return [Home(path / name) for name in _names(network)]


def _names(network: Network) -> list[str]:
    return [f"validator{at}" for at in range(network.validators)]


def _make(making: Path, program: Path, network: Network, file: GenesisFile, seconds: int) -> None:
    making.mkdir(parents=True, mode=0o700)
    homes = [Home(making / name) for name in _names(network)]
    keys = [make_keys(program, home.path, home.path.name) for home in homes]
    content = msgspec.to_builtins(file)
    founders = [
        Founder(key.validator, home.make_account().address)
        for key, home in zip(keys, homes, strict=True)
    ]
    document = new_document(content, founders, seconds, network.keep_limit)
    ports = [
        (network.port + at, network.peer_port + _PORTS_EACH * at) if not network.machines
        else (network.port, network.peer_port)
        for at in range(network.validators)
    ]  # fmt: skip
    hosts = network.machines or ["127.0.0.1"] * network.validators
    peers = [
        f"{key.peer_id}@{host}:{first}"
        for key, host, (_, first) in zip(keys, hosts, ports, strict=True)
    ]
    for at, home in enumerate(homes):
        port, first = ports[at]
        settings = ValidatorSettings(
            name=home.path.name,
            port=port,
            peer_port=first,
            engine_port=first + 1,
            peer_host=_EVERY_INTERFACE if network.machines else "127.0.0.1",
            external_address=f"{hosts[at]}:{first}" if network.machines else "",
            peers=tuple(peer for index, peer in enumerate(peers) if index != at),
            checkpoint_interval=network.checkpoint_interval,
            idle_seconds=network.idle_seconds,
        )
        home.write(settings, document)
