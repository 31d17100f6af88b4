"""The API served from a thread of this process, for tests and notebooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import NamedTuple

from evm_dex.blocks.dev_accounts import MNEMONIC, derive_accounts
from evm_dex.client.dex import Dex
from evm_dex.http.origin_policy import OriginPolicy
from evm_dex.hyperliquid.api import Api
from evm_dex.hyperliquid.api_server import ApiServer
from evm_dex.node.node import Node
from evm_dex.node.server import Server

_HOST = "127.0.0.1"
_KEYS = 10


class LocalHyperliquid(NamedTuple):
    """The address of a served API, and the accounts that have funds there."""

    url: str
    """For `Exchange(account, url)` and `Info(url)` of the official SDK."""
    rpc_url: str
    """Of JSON-RPC on the same chain."""
    keys: tuple[str, ...]
    """Private keys in hex."""
    addresses: tuple[str, ...]
    """Their accounts, in hex."""
    api: Api
    on_chain: Callable[[Callable[[], object]], object]
    """Runs what changes the chain in its turn, as `on_chain(lambda: market.run(60))` does."""


@contextmanager
def serve_in_background(
    dex: Dex, port: int = 0, clock: Callable[[], int] | None = None
) -> Iterator[LocalHyperliquid]:
    """Serve a chain's API until the context ends; meanwhile the chain belongs to the server.

    `clock` tells milliseconds; by default the machine's. Raises OSError for a port that is taken.
    """
    pairs = derive_accounts(MNEMONIC, _KEYS)
    node = Node(dex.chain, pairs, dex=dex)
    origins = OriginPolicy(_HOST, ())
    server = Server(node, origins)
    api = Api(dex.chain, dex.chain.ledger, node.events, clock)
    api_server = ApiServer(api, server, origins)
    started: threading.Event = threading.Event()
    failures: list[BaseException] = []
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def run() -> None:
        async with AsyncExitStack() as running:
            try:
                await server.start(_HOST, 0)
                running.push_async_callback(server.stop)
                await api_server.start(_HOST, port)
                running.push_async_callback(api_server.stop)
            except OSError as error:
                failures.append(error)
                return
            finally:
                started.set()
            await stopping.wait()

    def on_chain(work: Callable[[], object]) -> object:
        return asyncio.run_coroutine_threadsafe(server.on_chain(work), loop).result()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    started.wait()
    try:
        if failures:
            raise failures[0]
        yield LocalHyperliquid(
            f"http://{_HOST}:{api_server.port}",
            f"http://{_HOST}:{server.port}",
            tuple(f"0x{pair.key.hex()}" for pair in pairs),
            tuple(f"0x{pair.address.hex()}" for pair in pairs),
            api,
            on_chain,
        )
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
