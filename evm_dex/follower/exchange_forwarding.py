"""Signed actions of Hyperliquid's API, which a follower's clients send and its node takes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from evm_dex.follower.follower import Follower
from evm_dex.follower.node_client import NodeAway, NodeClient, NotThisNode, checked_url

_PORT = 3001
"""The usual port of a node's API."""
_encode = msgspec.json.Encoder().encode


class ExchangeForwarder:
    """Answers /exchange of a follower by its node's."""

    def __init__(self, client: NodeClient, follower: Follower, url: str | None = None) -> None:
        """`url` is that of the node's API; by default its host's, at port 3001.

        Raises ValueError for what is no URL.
        """
        parts = urlsplit(client.url)
        host = parts.hostname or ""
        default = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{_PORT}"
        self._url = checked_url(url or default).rstrip("/")
        self._client = client
        self._follower = follower

    async def answer(self, content: Any) -> tuple[int, bytes]:
        """Return status and body of the answer, once what was done is here too."""
        refused = self._follower.refused_write
        if refused is not None:
            return _error(refused)
        try:
            status, found = await self._client.pass_on(_encode(content), f"{self._url}/exchange")
        except (NodeAway, NotThisNode) as error:
            return _error(f"{error}; what is read here goes on")
        await self._follower.see_own_write()
        return status, found


def _error(said: str) -> tuple[int, bytes]:
    return 200, _encode({"status": "err", "response": said})
