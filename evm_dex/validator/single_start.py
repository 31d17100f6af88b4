"""One start of a validator at a time: nobody else runs its directory, or listens at its ports."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from evm_dex.errors import AlreadyInUse
from evm_dex.validator.home import Home

_SECONDS_TO_BE_FREE = 10.0
"""Processes whose starter was killed end by themselves, and hold their ports until then."""
_SECONDS_BETWEEN_LOOKS = 0.2


@contextmanager
def only_start(home: Home) -> Iterator[None]:
    """Keep other starts of a directory out until the end. Raises AlreadyInUse."""
    with (home.path / "running").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyInUse(
                f"{home.path} is running already: stop that first, or start another validator"
            ) from None
        yield


async def await_ports(home: Home) -> None:
    """Wait until nobody listens at a validator's ports. Raises AlreadyInUse, NotAValidator."""
    settings = home.settings()
    places = (
        ("port", settings.host, settings.port),
        ("engine_port", settings.peer_host, settings.engine_port),
        ("peer_port", settings.peer_host, settings.peer_port),
    )
    deadline = time.monotonic() + _SECONDS_TO_BE_FREE
    for name, host, port in places:
        while problem := _problem(host, port):
            if time.monotonic() > deadline:
                raise AlreadyInUse(
                    f"can't listen at {host}:{port}: {problem}; change `{name}` in "
                    "config/validator.toml, or stop what listens there"
                )
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


def _problem(host: str, port: int) -> str:
    """Return why a port can't be listened at; nothing where it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        return str(error.strerror or error)
    return ""
