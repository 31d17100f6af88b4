"""What the node shows to browsers."""

from __future__ import annotations

from aiohttp import web


def page(path: str) -> web.Response | None:
    """The page at a path; None where there is none."""
    if path != "/":
        return None
    return web.Response(text="evm-dex node: send JSON-RPC by POST, or open a WebSocket here.\n")
