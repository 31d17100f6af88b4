"""The socket at which the engine asks: several connections, each answered in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from google.protobuf.message import DecodeError

from evm_dex.errors import ChainError
from evm_dex.validator.abci.abci_pb2 import Request, Response
from evm_dex.validator.abci.framing import BadFrame, framed, read_frame

_logger = logging.getLogger(__name__)
_MOST_PATH_BYTES = 107
"""The room that the system has for the name of a socket."""


class Answers(Protocol):
    """The application behind the socket."""

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request of the same name.

        What it raises ends the connection: the engine can't go on without an answer.
        """


class AbciServer:
    """Listens on a socket of its own in the file system."""

    def __init__(self, application: Answers, on_failure: Callable[[Exception], object]) -> None:
        """`on_failure` is told what the application raised, after the engine was."""
        self._application = application
        self._on_failure = on_failure
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Start to listen; a socket that an earlier process left there goes. Raises ChainError."""
        if len(str(path).encode()) > _MOST_PATH_BYTES:
            raise ChainError(
                f"{path} is too long a name for a socket, which may have {_MOST_PATH_BYTES} bytes: "
                "choose a directory nearer to the root"
            )
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._connected, path)

    async def stop(self) -> None:
        """Stop to listen, and end the connections."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (BadFrame, DecodeError) as error:
            _logger.warning("a connection is ended: %s", error)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the engine has left, or the server stops
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (message := await read_frame(reader)) is not None:
            request = Request.FromString(message)
            if request.WhichOneof("value") == "flush":
                writer.write(framed(Response(flush={}).SerializeToString()))
                await writer.drain()
                continue
            try:
                response = await self._application.answer(request)
            except Exception as error:
                name = request.WhichOneof("value")
                _logger.error("%s: %s", name, error, exc_info=not isinstance(error, ChainError))
                writer.write(framed(Response(exception={"text": str(error)}).SerializeToString()))
                with suppress(ConnectionError):
                    await writer.drain()
                self._on_failure(error)
                return
            writer.write(framed(response.SerializeToString()))
