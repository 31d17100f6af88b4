"""The part of `Dex` that contracts stand on: calls and transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from evm_dex.blocks.addresses import Account, AddressLike
from evm_dex.chain.block_store import BlockId
from evm_dex.client.views import Receipt


class Client(Protocol):
    """Calls and sends transactions on one chain; `Dex` documents each method."""

    def call(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: AddressLike | None = None,
        gas: int | None = None,
        block: BlockId = "latest",
    ) -> bytes: ...

    def send(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: Account | AddressLike | None = None,
        gas: int | None = None,
        **fees: Any,
    ) -> Receipt: ...

    @property
    def submit(self) -> Callable[..., bytes]: ...

    def code(self, address: AddressLike, block: BlockId = "latest") -> bytes: ...
