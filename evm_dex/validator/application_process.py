"""The process of the application: chain, socket and JSON-RPC of one validator, until a signal.

Run as `python -m evm_dex.validator.application_process DIRECTORY`. It ends with standard input too:
then whoever started it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from checkpoint.errors import StoreError
from evm_dex.errors import ChainError
from evm_dex.validator.abci.abci_server import AbciServer
from evm_dex.validator.application import Application
from evm_dex.validator.clock import Clock
from evm_dex.validator.home import Home
from evm_dex.validator.pair import MADE_A_BLOCK, MOST_LOG_BYTES, NO_USE_AGAIN, READY
from evm_dex.validator.relay import Relay
from evm_dex.validator.replica import Replica
from evm_dex.validator.state_archives import Archivist, Shelf
from precompiles.ledger.storage import UntrustedStorage

_FOR_GOOD = (ChainError, StoreError, UntrustedStorage)


def run_application(path: Path, kind: type[Application] = Application) -> int:
    """Serve the validator at a path until a signal, or the end of standard input; exit status."""
    home = Home(path)
    log = RotatingFileHandler(home.application_log, maxBytes=MOST_LOG_BYTES, backupCount=1)
    logging.basicConfig(
        handlers=[log],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    import uvloop  # noqa: PLC0415 - no other command of this subject serves

    try:
        uvloop.run(_serve(home, kind))
    except _FOR_GOOD as error:
        logging.getLogger(__name__).error("%s", error)
        _say(str(error).encode() + b"\n")
        return NO_USE_AGAIN
    return 0


async def _serve(home: Home, kind: type[Application]) -> None:
    stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stop(error: Exception | None = None) -> None:
        if stopping.done():
            return
        if error is None:
            stopping.set_result(None)
        else:
            stopping.set_exception(error)

    def failed(task: asyncio.Task[None]) -> None:
        """Stop where what should go on for ever has failed: without it the rest is of no use."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            stop(error if isinstance(error, Exception) else None)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    genesis = home.genesis()
    clock = Clock(stop)
    clock.check_begun(genesis.seconds)
    relay = Relay(home.engine_url())
    replica = Replica(genesis, home.served(), relay, clock)
    shelf = Shelf(home.snapshots)
    archivist = Archivist(home.chain, shelf)
    replica.on_commit.extend((home.joined, archivist.committed, _Once(MADE_A_BLOCK).say))
    server = AbciServer(kind(replica, shelf, home.snapshots, home.settings().idle_seconds), stop)
    try:
        await replica.open_kept()
        archivist.committed()
        await server.start(home.socket)
        work = (relay.run(), archivist.run(), _watch_parent(stop))
        tasks = [asyncio.create_task(each) for each in work]
        for task in tasks:
            task.add_done_callback(failed)
        _say(READY)
        await stopping
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()
    finally:
        await replica.close()


def _say(line: bytes) -> None:
    with suppress(BrokenPipeError):  # whoever would read it is gone
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


class _Once:
    """Says a line the first time it is told to."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def say(self) -> None:
        if self._line:
            _say(self._line)
        self._line = b""


async def _watch_parent(stop: Callable[[], object]) -> None:
    """Stop where standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1_024):
        pass
    stop()


if __name__ == "__main__":
    sys.exit(run_application(Path(sys.argv[1])))
