"""The node that is followed, asked over its own port."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeVar

import aiohttp
import msgspec

from evm_dex.follower.node_answers import NodeHead

_SECONDS_TO_CONNECT = 5.0
_SECONDS_OF_SILENCE = 15.0
"""After which a connection counts as lost; a slow one that goes on may take as long as it needs."""
_SECONDS_FOR_OTHERS = 300.0
"""The same for requests that are passed on, which may be about thousands of blocks to make."""
_MOST_ANSWER_BYTES = 64 * 2**20
_METHOD_NOT_FOUND = -32601
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_Result = TypeVar("_Result")


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
        self.url = checked_url(url)

    async def check(self) -> None:
        """Raise NotThisNode where something else answers; it need not answer."""
        with suppress(NodeAway):
            await self.head()

    async def __aenter__(self) -> NodeClient:
        self._session = _session(_SECONDS_OF_SILENCE)
        # Apart, so that no number of others' requests keeps this follower from its own.
        self._for_others = _session(_SECONDS_FOR_OTHERS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._for_others.close()

    async def head(self) -> NodeHead:
        """Return its chain and its newest block. Raises what `ask` raises."""
        found: NodeHead = await self.ask(NodeHead, "dex_head")
        return found

    async def ask(self, kind: Any, method: str, *params: Any) -> Any:
        """Return a method's result, of a kind. Raises NodeAway, RequestRefused, NotThisNode."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        _, answer = await self._posted(self._session, self.url, _encode(request))
        try:
            content = _decode(answer)
            error, result = content.get("error"), content.get("result")
        except (msgspec.DecodeError, AttributeError):
            raise NotThisNode(f"what is at {self.url} speaks no JSON-RPC") from None
        if error is None:
            try:
                return msgspec.convert(result, kind)
            except msgspec.ValidationError as told:
                raise NotThisNode(
                    f"the node at {self.url} answers {method} otherwise than this version "
                    f"expects ({told}): update both"
                ) from None
        if isinstance(error, dict) and error.get("code") == _METHOD_NOT_FOUND:
            raise NotThisNode(
                f"the node at {self.url} does not know {method}: it must be evm-dex of this "
                "version or later, so update it"
            )
        said = error.get("message") if isinstance(error, dict) else error
        raise RequestRefused(f"{method}: {said}")

    async def pass_on(self, body: bytes, url: str | None = None) -> tuple[int, bytes]:
        """Return status and answer of another's request as they came; `url` is of its other port.

        Raises NodeAway, and NotThisNode for an answer that is too long.
        """
        return await self._posted(self._for_others, url or self.url, body)

    async def _posted(
        self, session: aiohttp.ClientSession, url: str, body: bytes
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(url, data=body, headers=headers) as response:
                found = bytearray()
                async for part in response.content.iter_any():
                    found += part
                    if len(found) > _MOST_ANSWER_BYTES:
                        raise NotThisNode(f"the answer of {url} is too long")
                return response.status, bytes(found)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NodeAway(f"the node at {url} does not answer: {why}") from None


def checked_url(url: str) -> str:
    """Return the URL of a node. Raises ValueError for what is none."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"a node's URL must begin with http:// or https://, got {url!r}")
    return url


def _session(silence: float) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS_TO_CONNECT, sock_read=silence)
    # As many as clients of this follower's own port, which are bounded there.
    return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
