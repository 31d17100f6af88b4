"""The node that another one follows, as its server needs it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from evm_dex.node.rpc_json import Json

Here = Callable[[Any], Awaitable[bytes]]
"""Answers a decoded request, or a batch, from the chain that is here."""


class Upstream(Protocol):
    """Takes the requests that a follower does not answer itself."""

    @abstractmethod
    def takes(self, content: Any) -> bool:
        """Return whether a decoded request, or a batch, is for the node that is followed."""

    @abstractmethod
    async def answer(self, content: Any, here: Here) -> bytes:
        """Answer such a request; what of a batch is not for the node is answered by `here`."""

    @abstractmethod
    def status(self) -> Json:
        """Return how far behind it is, and whether the node answers."""

    @abstractmethod
    def is_healthy(self) -> bool:
        """Return whether what is read here is nearly what the node would say."""

    @abstractmethod
    def promote(self) -> None:
        """Follow no more: from here on it is a node of its own."""
