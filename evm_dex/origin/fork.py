"""Settings of a fork: the other node, the block, and how patiently it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

_LONG_PART = 20
"""Letters from which on a part of a URL's path is taken for a key, and not shown."""


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """A chain to begin from, as it is after one of its blocks."""

    url: str
    """Of its node: http:// or https://. An @NUMBER at its end is the block."""
    block: int | None = None
    """Height of the block; None for the newest at that moment."""
    headers: Mapping[str, str] = {}
    """HTTP headers of each request, an API key's say."""
    proofs: bool | None = None
    """True if values must be proven, False if not; None: if the node serves proofs."""
    rate: float | None = None
    """Most HTTP requests per second; None for as many as the node takes."""
    timeout: float = 10.0
    """Seconds that an answer may take."""
    tries: int = 6
    """Number of times a request is sent before it fails."""

    def __post_init__(self) -> None:
        """Check the fields. Raises ValueError."""
        if self.timeout <= 0 or self.tries < 1 or (self.rate is not None and self.rate <= 0):
            raise ValueError("a fork's timeout, tries and rate must be above 0")
        if self.block is not None and self.block < 0:
            raise ValueError(f"a fork's block must be a height from 0 on, got {self.block}")

    @property
    def shown(self) -> str:
        """The URL without what may be a secret: user, query, long parts of the path."""
        return shown_url(self.url)


def shown_url(url: str) -> str:
    """Return a URL without what may be a secret in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = "/".join("…" if len(part) >= _LONG_PART else part for part in parts.path.split("/"))
    return f"{parts.scheme}://{host}{path}"


def read_fork(fork: str | Fork, block: int | None = None) -> Fork:
    """Return what to fork of a URL, which may end in @BLOCK, or with other options as they are.

    Raises ValueError for another scheme than http and https, and for two different blocks.
    """
    found = Fork(url=fork) if isinstance(fork, str) else fork
    url, at, number = found.url.rpartition("@")
    if at and number.isdecimal() and "//" in url:
        found = msgspec.structs.replace(_at(found, int(number)), url=url)
    parts = urlsplit(found.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"a chain to fork must be given as an http:// or https:// URL, got {found.url!r}"
        )
    return found if block is None else _at(found, block)


def _at(fork: Fork, block: int) -> Fork:
    if fork.block not in (None, block):
        raise ValueError(f"the block to fork is given twice, as {fork.block} and as {block}")
    return msgspec.structs.replace(fork, block=block)
