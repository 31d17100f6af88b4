"""The command that follows another node, and answers for it."""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from evm_dex.cli.serving import order_feed
from evm_dex.cli.shared import listening, report_errors
from evm_dex.terminal.console import console, errors, escape, progress_bars

if TYPE_CHECKING:
    import asyncio

    from evm_dex.follower.directory import FollowerDirectory
    from evm_dex.follower.follower import Follower
    from evm_dex.follower.node_client import NodeClient
    from evm_dex.node.node_config import NodeConfig

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
_MOST_BEGINNINGS, _SECONDS_OF_BEGINNINGS = 3, 120.0
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
    silent: Silent = False,
) -> None:
    """Follow another node, and answer reads in its place.

      evm-dex follow http://10.0.0.5:8545 --chain follower
      evm-dex follow http://127.0.0.1:8545 --port 9545 --refuse-writes

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
        following = Following(url, directory, config, forwards=not refuse_writes, silent=silent)
        uvloop.run(_until_signal(following, port, history_feed))


async def _until_signal(following: Following, port: int, history_feed: int | None) -> None:
    import asyncio  # noqa: PLC0415 - commands that only answer need none

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await following.run(stop, port, history_feed)


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
        self.port = 0
        """The port that it is served at; 0 before."""

    async def run(self, stop: asyncio.Event, port: int, history_feed: int | None) -> None:
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
                    port = await self._serve(client, port, history_feed, stop)
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

    async def _serve(
        self, client: NodeClient, port: int, history_feed: int | None, stop: asyncio.Event
    ) -> int:
        """Serve until a signal, or until another chain is fetched to take this one's place."""
        import asyncio  # noqa: PLC0415 - as above

        from evm_dex.follower.follower import Follower, check_start  # noqa: PLC0415 - as above

        with self._config.open() as (dex, server), order_feed(dex, history_feed):
            await check_start(client, dex.chain, self._directory)
            follower = Follower(
                client, server, self._directory, forwards=self._forwards, told=self._tell
            )
            with listening(self._config.host, port, "--port (0 for any free one)"):
                await server.start(self._config.host, port, owns_process=True)
            self.port = server.port
            self._print_banner(dex.chain.chain_id, dex.chain.head.block_number, server.port)
            tasks = [
                asyncio.create_task(self._follow(client, follower)),
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
                await server.stop()
            if stop.is_set() and not self._silent:
                errors().print(f"stopped at block {dex.chain.head.block_number}", highlight=False)
            return server.port

    async def _follow(self, client: NodeClient, follower: Follower) -> None:
        """Return when another chain is ready to take the place of this one; never if promoted."""
        import asyncio  # noqa: PLC0415 - as above

        from evm_dex.follower.follower import BeginAgain  # noqa: PLC0415 - as above
        from evm_dex.follower.node_client import NodeAway, RequestRefused  # noqa: PLC0415 - as above

        while True:
            try:
                await follower.run()
                await asyncio.Event().wait()  # promoted: it goes on until a signal
            except BeginAgain as error:
                self._note_beginning(error)
                self._tell(f"{error}; fetching an archive")
                with suppress(NodeAway, RequestRefused):
                    await self._fetch_beside(client)
                    return

    def _note_beginning(self, why: Exception) -> None:
        """Raise ChainError where it has begun again too often."""
        from evm_dex.errors import ChainError  # noqa: PLC0415 - as above

        now = time.monotonic()
        self._beginnings = [at for at in self._beginnings if now - at < _SECONDS_OF_BEGINNINGS]
        self._beginnings.append(now)
        if len(self._beginnings) > _MOST_BEGINNINGS:
            raise ChainError(
                f"{why}, again and again: the node may be of another version, update both"
            )

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

    def _print_banner(self, chain_id: int, height: int, port: int) -> None:
        if self._silent:
            return
        host = self._config.host
        shown = f"[{host}]" if ":" in host else host
        writes = "go to it" if self._forwards else "are refused"
        console().print(
            f"Following {escape(self._url)}; writes {writes}\n"
            f"Chain {chain_id}, block {height}, kept in {escape(str(self._config.path))}\n"
            f"Listening on http://{shown}:{port} and ws://{shown}:{port}",
            highlight=False,
            soft_wrap=True,
        )
