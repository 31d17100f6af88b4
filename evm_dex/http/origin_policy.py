"""Checks of Origin and Host, against web pages and DNS rebinding.

A page from elsewhere can make a browser send requests to a local port, and by DNS rebinding even
under a name of its own. So the Host header must name this machine, and an Origin that a browser
adds must be the server's own or one that was allowed. Browsers write a scheme into it, or "null";
what some programs write there (titanoboa sends its name) is none of a page.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOCAL_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
_EVERY_INTERFACE = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared with, not bound to


class OriginPolicy:
    """The hosts and origins that are answered."""

    def __init__(
        self, host: str, origins: Iterable[str] = (), *, names: Iterable[str] = ()
    ) -> None:
        """`host` is what the server is bound to; `origins` are allowed ones, `*` for all.

        `names` are more that it goes by, such as a container's in the network of others.
        """
        self._names = _LOCAL_NAMES | {host.lower(), *map(str.lower, names)}
        self._any_address = host in _EVERY_INTERFACE
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def knows_host(self, host: str | None) -> bool:
        """Return whether a Host header names this server: any IP address if bound to all."""
        name = _name(host)
        return name in self._names or (self._any_address and _is_address(name))

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Return whether who sends `origin` may ask: a program, or a page that is allowed."""
        if not _is_page(origin) or "*" in self._origins or origin in self._origins:
            return True
        return host is not None and urlsplit(origin or "").netloc == host

    def refusal(self, host: str | None, origin: str | None) -> str | None:
        """Return why a request with these Host and Origin is refused, and what lets it in."""
        if not self.knows_host(host):
            return (
                f"the Host header must name this node, got {host!r}: give the name by "
                "--allow-host, or listen on it by --host"
            )
        if self.allows(origin, host):
            return None
        kind = "pages from"
        if urlsplit(origin or "").scheme.endswith("-extension"):
            kind = "wallets and other extensions of the browser at"
        return f"{kind} {origin} are not allowed: give it by --cors {origin}"

    def reply_headers(self, host: str | None, origin: str | None) -> dict[str, str] | None:
        """Return `headers` for a request with these Host and Origin; None: it may not ask."""
        return self.headers(origin) if self.refusal(host, origin) is None else None

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers by which a browser hands an answer to a page from another origin."""
        if origin is None or not ("*" in self._origins or origin in self._origins):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
            "Access-Control-Allow-Headers": "content-type",
            "Vary": "Origin",
        }


def _is_page(origin: str | None) -> bool:
    return origin is not None and ("://" in origin or origin.lower() == "null")


def _name(host: str | None) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname if host else None
    except ValueError:
        return None


def _is_address(name: str | None) -> bool:
    try:
        ip_address(name or "")
    except ValueError:
        return False
    return True
