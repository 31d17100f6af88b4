"""Settings of a fork: the other node, the block, and how patiently it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

_LONG_PART = 20
"""Letters from which on a part of a URL's path is taken for a key, and not shown."""
_NO_HEIGHT = re.compile(r"[-+]?\d*|0x[0-9a-fA-F]*|latest|earliest|pending|safe|finalized")
"""Text after the @ of a URL that names a block otherwise than by its height."""

_Height = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Rate = Annotated[float, Meta(gt=0, le=1e9)]
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]
_Tries = Annotated[int, Meta(ge=1, le=1_000)]
_HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")]
_HeaderValue = Annotated[str, Meta(pattern=r"^[\t\x20-\x7e\xa0-\xff]*\Z")]
_EXPECTED = {
    "url": "text",
    "block": "a height from 0 on, below 2**63",
    "headers": "names and values of HTTP headers, as text",
    "proofs": "True, False or None",
    "rate": "a number above 0, to 1e9",
    "timeout": "seconds above 0, to 86400",
    "tries": "an integer from 1 to 1000",
}


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """A chain to begin from, as it is after one of its blocks."""

    url: str
    """Of its node: http:// or https://. An @NUMBER at its end is the block."""
    block: _Height | None = None
    """Height of the block; None for the newest at that moment."""
    headers: Mapping[_HeaderName, _HeaderValue] = {}
    """HTTP headers of each request, an API key's say."""
    proofs: bool | None = None
    """True if values must be proven, False if not; None: if the node serves proofs."""
    rate: _Rate | None = None
    """Most HTTP requests per second; None for as many as the node takes."""
    timeout: _Seconds = 10.0
    """Seconds that an answer may take."""
    tries: _Tries = 6
    """Number of times a request is sent before it fails."""

    def __post_init__(self) -> None:
        """Check the fields. Raises ValueError."""
        for name, kind in get_type_hints(Fork, include_extras=True).items():
            given = getattr(self, name)
            try:
                msgspec.convert(given, kind)
            except msgspec.ValidationError:
                shown = "others" if name == "headers" else repr(given)  # they may hold a key
                raise ValueError(
                    f"a fork's {name} must be {_EXPECTED[name]}, got {shown}"
                ) from None

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

    Raises ValueError for what is no URL of http or https, and for two different blocks.
    """
    if not isinstance(fork, str | Fork):
        raise ValueError(f"a chain to fork must be given as a URL or a Fork, got {fork!r}")
    found = Fork(url=fork) if isinstance(fork, str) else fork
    url, at, ending = found.url.rpartition("@")
    if at and "//" in url:
        if ending.isdecimal() and ending.isascii():
            found = msgspec.structs.replace(_at(found, int(ending)), url=url)
        elif _NO_HEIGHT.fullmatch(ending):
            raise ValueError(f"the block after the @ of a URL must be a height, got {ending!r}")
    _check_url(found.url)
    return found if block is None else _at(found, block)


def _check_url(url: str) -> None:
    """Raise ValueError for a URL that can't be asked."""
    from urllib3.exceptions import LocationParseError  # noqa: PLC0415 - only forked chains load it
    from urllib3.util import parse_url  # noqa: PLC0415 - as above

    try:
        parts = parse_url(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.host)
    except LocationParseError:
        is_right = False
    if not is_right:
        raise ValueError(
            f"a chain to fork must be given as an http:// or https:// URL, got {url!r}"
        )


def _at(fork: Fork, block: int) -> Fork:
    if fork.block not in (None, block):
        raise ValueError(f"the block to fork is given twice, as {fork.block} and as {block}")
    return msgspec.structs.replace(fork, block=block)
