"""TLS contexts of aiohttp's client that read the root certificates when something connects by TLS.

It makes two as it loads, which took a sixth of the time until a node answers; most connect nowhere.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAMES = ("_SSL_CONTEXT_VERIFIED", "_SSL_CONTEXT_UNVERIFIED")


class LateContext(ssl.SSLContext):
    """Stands for another context, which gets its root certificates at its first connection."""

    def __new__(cls, context: ssl.SSLContext) -> LateContext:
        """`context` has none yet."""
        made: LateContext = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made._context, made.has_roots = context, False
        return made

    _context: ssl.SSLContext
    has_roots: bool

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Begin a connection, as asyncio does."""
        return self._ready().wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Begin a connection on a socket."""
        return self._ready().wrap_socket(*args, **kwargs)

    def _ready(self) -> ssl.SSLContext:
        if not self.has_roots:
            self._context.set_default_verify_paths()
            self.has_roots = True
        return self._context


def load_aiohttp() -> None:
    """Load aiohttp, if it is not loaded yet, without root certificates."""
    if "aiohttp" in sys.modules:
        return
    with _without_roots() as made:
        from aiohttp import connector  # noqa: PLC0415 - must not be loaded before

    if not all(isinstance(getattr(connector, name, None), ssl.SSLContext) for name in _NAMES):
        for context in made:  # an aiohttp that keeps them elsewhere
            context.set_default_verify_paths()
        return
    for name in _NAMES:
        setattr(connector, name, LateContext(getattr(connector, name)))


@contextmanager
def _without_roots() -> Iterator[list[ssl.SSLContext]]:
    """Let contexts that are made meanwhile have no root certificates; which they are."""
    made: list[ssl.SSLContext] = []

    def note(context: ssl.SSLContext) -> None:
        made.append(context)

    ssl.SSLContext.set_default_verify_paths = note  # type: ignore[method-assign, assignment] # for a moment
    try:
        yield made
    finally:
        del ssl.SSLContext.set_default_verify_paths
