"""The node that is followed, asked over its own port."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

_SECONDS = 15.0
_MOST_ANSWER_BYTES = 64 * 2**20
_METHOD_NOT_FOUND = -32601
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class NodeAway(Exception):  # noqa: N818 - says what it is
    """The node does not answer, for now."""


class NotThisNode(Exception):  # noqa: N818 - says what it is
    """The node can't be followed: it is another chain's, or of an older version."""


class RequestRefused(Exception):  # noqa: N818 - says what happened
    """The node answered with an error."""


class NodeClient:
    """JSON-RPC to one node. Use it as a context."""

    def __init__(self, url: str) -> None:
        """`url` is where its JSON-RPC is, such as http://127.0.0.1:8545. Raises ValueError."""
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"a node's URL must begin with http:// or https://, got {url!r}")
        self.url = url

    async def check(self) -> None:
        """Raise NotThisNode where something else answers; it need not answer."""
        with suppress(NodeAway):
            await self.ask("dex_head")

    async def __aenter__(self) -> NodeClient:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, method: str, *params: Any) -> Any:
        """Return the result of a method. Raises NodeAway, RequestRefused, NotThisNode."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await self.pass_on(_encode(request))
        try:
            content = _decode(answer)
            error, result = content.get("error"), content.get("result")
        except (msgspec.DecodeError, AttributeError):
            raise NotThisNode(f"what is at {self.url} speaks no JSON-RPC") from None
        if error is None:
            return result
        if isinstance(error, dict) and error.get("code") == _METHOD_NOT_FOUND:
            raise NotThisNode(
                f"the node at {self.url} does not know {method}: it must be evm-dex of this "
                "version or later, so update it"
            )
        said = error.get("message") if isinstance(error, dict) else error
        raise RequestRefused(f"{method}: {said}")

    async def pass_on(self, body: bytes) -> bytes:
        """Return the answer to a request as it came. Raises NodeAway."""
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self.url, data=body, headers=headers) as response:
                found = bytearray()
                async for part in response.content.iter_any():
                    found += part
                    if len(found) > _MOST_ANSWER_BYTES:
                        raise NotThisNode(f"the answer of {self.url} is too long")
                return bytes(found)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NodeAway(f"the node at {self.url} does not answer: {why}") from None
