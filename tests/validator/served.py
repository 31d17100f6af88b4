"""An application in a thread of the test's own process, with its socket and its JSON-RPC."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.chain.genesis.genesis_file import default_genesis_file
from evm_dex.chain.replicated_chain import ReplicatedChain
from evm_dex.validator.abci.abci_server import AbciServer
from evm_dex.validator.application import Application
from evm_dex.validator.clock import Clock
from evm_dex.validator.genesis_document import (
    Founder,
    GenesisDocument,
    ValidatorKey,
    checked,
    new_document,
)
from evm_dex.validator.replica import Replica
from evm_dex.validator.serving_options import ServingOptions
from evm_dex.validator.state_archives import Shelf
from tests.validator.fake_engine import FakeEngine

BEGAN = 1_800_000_000
_Result = TypeVar("_Result")


def founder(name: str, account: bytes = b"") -> Founder:
    """A validator with a key of its name's."""
    key = name.encode().ljust(32)
    named = ValidatorKey(name, hashlib.sha256(key).hexdigest()[:40], base64.b64encode(key).decode())
    return Founder(named, account or default_accounts()[9].address)


ONE = founder("one")


def document(
    keep_limit: int = 0,
    seconds: int = BEGAN,
    founders: Sequence[Founder] = (ONE,),
    **changes: Any,
) -> GenesisDocument:
    content = msgspec.to_builtins(default_genesis_file()) | changes
    return checked(new_document(content, founders, seconds, keep_limit), "genesis.json")


class Kept:
    """A gossip that goes nowhere."""

    def __init__(self) -> None:
        self.handed_on: list[bytes] = []

    def hand_on(self, raw: bytes) -> None:
        self.handed_on.append(raw)


class ServedApplication:
    def __init__(self, replica: Replica, engine: FakeEngine, gossip: Kept, loop: Any) -> None:
        self.replica, self.engine, self.gossip = replica, engine, gossip
        self.failures: list[Exception] = []
        self._loop = loop

    @property
    def chain(self) -> ReplicatedChain:
        return self.replica.chain

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.replica.server.port}"

    def wait_for_failure(self) -> Exception:
        """The error that ended the application, which is noted after the engine was told."""
        deadline = time.monotonic() + 60
        while not self.failures and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.failures[0]

    def alone(self, work: Callable[[], _Result]) -> _Result:
        """Look at the chain between two requests."""
        doing = self.replica.server.on_chain(work)
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(60)


@contextmanager
def served(
    path: Path,
    genesis: GenesisDocument | None = None,
    *,
    begin: bool = True,
    idle_seconds: int = 0,
    **options: Any,
) -> Iterator[ServedApplication]:
    """Serve the chain at a path, and connect an engine to it."""
    genesis = genesis or document()
    loop, gossip = asyncio.new_event_loop(), Kept()
    path.mkdir(exist_ok=True)
    failures: list[Exception] = []
    clock = Clock(failures.append, now=lambda: genesis.seconds)
    replica = Replica(genesis, ServingOptions(path=path / "chain", **options), gossip, clock)
    application = Application(replica, Shelf(path / "shelf"), path, idle_seconds)
    server = AbciServer(application, failures.append)

    async def start() -> None:
        await replica.open_kept()
        await server.start(path / "s")

    async def stop() -> None:
        await server.stop()
        await replica.close()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    engine = None
    try:
        asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        engine = FakeEngine(path / "s", genesis.chain_id, genesis.seconds)
        if begin:
            engine.begin()
        running = ServedApplication(replica, engine, gossip, loop)
        running.failures = failures
        yield running
    finally:
        if engine is not None:
            engine.close()
        asyncio.run_coroutine_threadsafe(stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
