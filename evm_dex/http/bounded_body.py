"""Bodies of requests, up to a size."""

from __future__ import annotations

from aiohttp import web


async def read_body(request: web.BaseRequest, most: int) -> bytes | None:
    """Return the whole body of a request; None for one of more than `most` bytes.

    One that is announced as too large is not read at all.
    """
    if (request.content_length or 0) > most:
        return None
    parts, size = [], 0
    async for part in request.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > most:
            return None
    return b"".join(parts)
