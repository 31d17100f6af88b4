"""The command that follows another node, and answers for it."""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from evm_dex.cli.node_command import (
    Abi,
    AllowHost,
    Cors,
    HistoryFeed,
    Host,
    Interval,
    NoCheats,
    Port,
    Silent,
    Sync,
    loading,
    sync_policy,
)
from evm_dex.cli.serving import api_server, order_feed
from evm_dex.cli.shared import listening, report_errors
from evm_dex.terminal.console import console, errors, escape, progress_bars

if TYPE_CHECKING:
    import asyncio

    from evm_dex.client.dex import Dex
    from evm_dex.follower.directory import FollowerDirectory
    from evm_dex.follower.follower import Follower
    from evm_dex.follower.node_client import NodeClient
    from evm_dex.hyperliquid.api_server import ApiServer
    from evm_dex.node.node_config import NodeConfig
    from evm_dex.node.server import Server

_Url = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="Address of the node's JSON-RPC: http://HOST:PORT.", show_default=False
    ),
]
_Chain = Annotated[
    Path | None,
    typer.Option(
        "--chain",
        metavar="DIR",
        help="Directory of the follower's own copy of the chain, created if missing.",
        show_default="for this run alone",
    ),
]
_RefuseWrites = Annotated[
    bool,
    typer.Option("--refuse-writes", help="Refuse transactions and cheats; else the node has them."),
]
_Hyperliquid = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        metavar="PORT",
        help="Serve Hyperliquid's /info, /exchange and /ws here; the node's chain needs HyperCore.",
        show_default="none",
    ),
]
_Exchange = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address of the node's own Hyperliquid API, which takes what is sent to /exchange.",
        show_default="URL's host, port 3001",
    ),
]
_MOST_BEGINNINGS, _SECONDS_OF_BEGINNINGS, _MOST_SECONDS_BEFORE = 3, 120.0, 30.0
_SECONDS_SHOWN = 0.5


def follow(
    url: _Url,
    chain: _Chain = None,
    host: Host = "127.0.0.1",
    port: Port = 8545,
    refuse_writes: _RefuseWrites = False,
    checkpoint_interval: Interval = None,
    sync: Sync = "never",
    cors: Cors = None,
    allow_host: AllowHost = None,
    no_cheats: NoCheats = False,
    abi: Abi = None,
    history_feed: HistoryFeed = None,
    hyperliquid: _Hyperliquid = None,
    exchange: _Exchange = None,
    silent: Silent = False,
) -> None:
    """Follow another node, and answer reads in its place.

      evm-dex follow http://10.0.0.5:8545 --chain follower
      evm-dex follow http://127.0.0.1:8545 --port 9545 --refuse-writes
      evm-dex follow http://10.0.0.5:8545 --chain follower --hyperliquid 3001

    It begins with an archive of the node's head, proven against the block's hash, or goes on where
    it was. Every block is executed here. What is written goes to the node. When the node is gone,
    dex_promote makes it a node of its own; or stop it, and run evm-dex node --chain DIR.
    """
    import uvloop  # noqa: PLC0415 - commands that only answer need none

    with report_errors(ValueError), ExitStack() as stack:
        with loading():
            from evm_dex.follower.directory import FollowerDirectory  # noqa: PLC0415 - loads the chain
            from evm_dex.node.node_config import NodeConfig  # noqa: PLC0415 - as above

            if chain is None:
                chain = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "chain"
            directory = FollowerDirectory(chain)
            config = NodeConfig(
                path=chain,
                checkpoint_interval=checkpoint_interval,
                sync=sync_policy(sync),
                cheats=not no_cheats,
                abis=tuple(abi or ()),
                host=host,
                origins=tuple(cors or ()),
                names=tuple(allow_host or ()),
            )
        directory.recover()
        if exchange is not None and hyperliquid is None:
            raise ValueError("--exchange is for --hyperliquid: give the port of that too")
        following = Following(url, directory, config, forwards=not refuse_writes, silent=silent)
        uvloop.run(_until_signal(following, Ports(port, history_feed, hyperliquid, exchange)))


class Ports(NamedTuple):
    """The ports of a follower; 0 for any free one, None for those that are not served."""

    rpc: int
    history_feed: int | None = None
    hyperliquid: int | None = None
    exchange: str | None = None
    """Address of the node's Hyperliquid API; None for its usual one."""


async def _until_signal(following: Following, ports: Ports) -> None:
    import asyncio  # noqa: PLC0415 - commands that only answer need none

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await following.run(stop, ports)


class Following:
    """One run of the command."""

    def __init__(
        self,
        url: str,
        directory: FollowerDirectory,
        config: NodeConfig,
        *,
        forwards: bool,
        silent: bool,
    ) -> None:
        self._url = url
        self._directory = directory
        self._config = config
        self._forwards = forwards
        self._silent = silent
        self._beginnings: list[float] = []
        self.ports = Ports(0)
        """The ports that it is served at; 0 before."""

    async def run(self, stop: asyncio.Event, ports: Ports) -> None:
        """Follow and serve until `stop` is set. Raises ChainError if it can't go on."""
        from evm_dex.errors import ChainError  # noqa: PLC0415 - loads the chain
        from evm_dex.follower.node_client import (  # noqa: PLC0415 - as above
            NodeAway,
            NodeClient,
            NotThisNode,
            RequestRefused,
        )

        try:
            async with NodeClient(self._url) as client:
                await client.check()
                if not self._directory.has_chain and not await self._fetch(client, stop):
                    return
                while not stop.is_set():
                    ports = await self._serve(client, ports, stop)
                    if not stop.is_set():
                        self._directory.swap()
        except (NotThisNode, RequestRefused, NodeAway) as error:
            raise ChainError(str(error)) from error

    async def _fetch(self, client: NodeClient, stop: asyncio.Event) -> bool:
        """Fetch the first chain; whether it is there, which a signal may prevent."""
        import asyncio  # noqa: PLC0415 - as above

        fetching = asyncio.create_task(self._fetch_beside(client))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((fetching, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not fetching.done():
            fetching.cancel()
            with suppress(asyncio.CancelledError):
                await fetching
            return False
        await fetching
        self._directory.swap()
        return True

    async def _fetch_beside(self, client: NodeClient) -> None:
        from evm_dex.follower.archive_fetch import fetch_chain  # noqa: PLC0415 - loads the chain

        with progress_bars() as bar:
            task = bar.add_task("Asking for an archive", total=None)
            await fetch_chain(
                client,
                self._directory,
                lambda what, done, total: bar.update(
                    task, description=what, completed=done, total=total or None
                ),
            )

    async def _serve(self, client: NodeClient, ports: Ports, stop: asyncio.Event) -> Ports:
        """Serve until a signal, or until another chain is fetched to take this one's place."""
        import asyncio  # noqa: PLC0415 - as above

        from evm_dex.follower.follower import Follower, check_start  # noqa: PLC0415 - as above

        async with AsyncExitStack() as opened:
            dex, server = opened.enter_context(self._config.open())
            opened.enter_context(order_feed(dex, ports.history_feed))
            await check_start(client, dex.chain, self._directory)
            follower = Follower(
                client, server, self._directory, forwards=self._forwards, told=self._tell
            )
            with listening(self._config.host, ports.rpc, "--port (0 for any free one)"):
                await server.start(self._config.host, ports.rpc, owns_process=True)
            opened.push_async_callback(server.stop)
            ports = ports._replace(rpc=server.port)
            if ports.hyperliquid is not None:
                api = await self._serve_api(client, follower, dex, server, ports)
                opened.push_async_callback(api.stop)
                ports = ports._replace(hyperliquid=api.port)
            self.ports = ports
            self._print_banner(dex.chain.chain_id, dex.chain.head.block_number, ports)
            tasks = [
                asyncio.create_task(self._follow(client, server, follower)),
                asyncio.create_task(stop.wait()),
                asyncio.create_task(self._show(follower)),
            ]
            try:
                await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
                if tasks[0].done():
                    tasks[0].result()  # raises what can't be gone on with
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if stop.is_set() and not self._silent:
                errors().print(f"stopped at block {dex.chain.head.block_number}", highlight=False)
            return ports

    async def _serve_api(
        self, client: NodeClient, follower: Follower, dex: Dex, server: Server, ports: Ports
    ) -> ApiServer:
        """Serve Hyperliquid's API. Raises ValueError on a chain without HyperCore."""
        from evm_dex.follower.exchange_forwarding import ExchangeForwarder  # noqa: PLC0415 - as above

        assert ports.hyperliquid is not None, "it is asked for"
        forwarder = ExchangeForwarder(client, follower, ports.exchange)
        api = api_server(server, dex, self._config, forwarder.answer)
        with listening(self._config.host, ports.hyperliquid, "--hyperliquid (0 for any free one)"):
            await api.start(self._config.host, ports.hyperliquid)
        return api

    async def _follow(self, client: NodeClient, server: Server, follower: Follower) -> None:
        """Return when another chain is ready to take the place of this one; never if promoted."""
        import asyncio  # noqa: PLC0415 - as above

        from checkpoint.errors import StoreError  # noqa: PLC0415 - as above
        from evm_dex.follower.follower import BeginAgain  # noqa: PLC0415 - as above
        from evm_dex.follower.node_client import (  # noqa: PLC0415 - as above
            NodeAway,
            NotThisNode,
            RequestRefused,
        )

        passing = (NodeAway, NotThisNode, RequestRefused, StoreError, OSError)
        while True:
            try:
                await follower.run()
                await asyncio.Event().wait()  # promoted: it goes on until a signal
            except BeginAgain as error:
                if follower.is_promoted:
                    continue
                self._tell(f"{error}; fetching an archive")
                await asyncio.sleep(self._seconds_before(error))
                try:
                    await self._fetch_beside(client)
                except passing as problem:
                    follower.has_problem(f"no archive could be fetched: {problem}")
                    continue
                if await server.on_chain(follower.give_way):
                    return
                self._directory.forget_fetched()

    def _seconds_before(self, why: Exception) -> float:
        """Return how long to wait before another beginning: more and more, where there are many.

        Raises ChainError where the node's blocks come out otherwise here time and again.
        """
        from evm_dex.errors import ChainError, InvalidBlock  # noqa: PLC0415 - as above

        now = time.monotonic()
        self._beginnings = [at for at in self._beginnings if now - at < _SECONDS_OF_BEGINNINGS]
        self._beginnings.append(now)
        beyond = len(self._beginnings) - _MOST_BEGINNINGS
        if beyond > 0 and isinstance(why.__cause__, InvalidBlock):
            raise ChainError(
                f"{why}, again and again: the node may be of another version, update both"
            )
        return min(2.0**beyond, _MOST_SECONDS_BEFORE) if beyond > 0 else 0.0

    async def _show(self, follower: Follower) -> None:
        """Show in a terminal how far it is behind."""
        import asyncio  # noqa: PLC0415 - as above

        if self._silent or not errors().is_terminal:
            return
        with errors().status("") as line:
            while True:
                line.update(escape(follower.in_words()))
                await asyncio.sleep(_SECONDS_SHOWN)

    def _tell(self, said: str) -> None:
        if not self._silent:
            errors().print(escape(said), highlight=False, soft_wrap=True)

    def _print_banner(self, chain_id: int, height: int, ports: Ports) -> None:
        if self._silent:
            return
        host = self._config.host
        shown = f"[{host}]" if ":" in host else host
        writes = "go to it" if self._forwards else "are refused"
        console().print(
            f"Following {escape(self._url)}; writes {writes}\n"
            f"Chain {chain_id}, block {height}, kept in {escape(str(self._config.path))}\n"
            f"Listening on http://{shown}:{ports.rpc} and ws://{shown}:{ports.rpc}",
            highlight=False,
            soft_wrap=True,
        )
        if ports.hyperliquid is not None:
            console().print(f"Hyperliquid's API on http://{shown}:{ports.hyperliquid}")
