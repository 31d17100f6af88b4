"""The page that the node shows to browsers: the files of `page/`, as they are."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

_FILES = Path(__file__).parent / "page"
_CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Limits on what a page loads and asks: this node's own files, and this node."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(path: str) -> web.Response | None:
    """Return the file at a path, `/` being the page itself; None where there is none."""
    found = _served().get("/index.html" if path == "/" else path)
    if found is None:
        return None
    return web.Response(
        body=found.read_bytes(),
        content_type=_CONTENT_TYPES[found.suffix],
        charset="utf-8",
        headers=_HEADERS,
    )


def _served() -> dict[str, Path]:
    """Return the files that there are, by path."""
    return {
        f"/{file.relative_to(_FILES).as_posix()}": file
        for file in _FILES.rglob("*")
        if file.suffix in _CONTENT_TYPES
    }
