"""The order history inside the chain's own process."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from checkpoint.head import Head
from evm_dex.history.consumer import Consumer, ConsumerHealth
from evm_dex.history.feed_client import StoreFeed
from evm_dex.history.stores.history_store import HistoryStore, StoreUnavailable
from evm_dex.history.stores.sqlite import IN_MEMORY, SqliteStore

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex

_logger = logging.getLogger(__name__)


class History:
    """Keeps a store up to date with a chain, block by block; `store` answers queries.

    with History(dex, "history.sqlite") as history: history.store.open_orders(user)
    """

    def __init__(
        self, dex: Dex, store: HistoryStore | str | Path = IN_MEMORY, *, name: str = "in-process"
    ) -> None:
        """Catch up at once. `store` is an open store or the path of a SQLite file.

        Raises FeedRefused, StoreUnavailable, StoreBroken.
        """
        self._owns = isinstance(store, str | Path)
        self.store = SqliteStore(store) if isinstance(store, str | Path) else store
        self._consumer = Consumer(StoreFeed(dex.store), self.store, name)
        self._chain = dex.chain
        try:
            self._consumer.catch_up()
        except BaseException:
            self.close()
            raise
        self._chain.add_listener(self._committed)

    def __enter__(self) -> History:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def health(self) -> ConsumerHealth:
        """Return the consumer's state."""
        return self._consumer.health()

    def close(self) -> None:
        """Stop following the chain; the store keeps what it has."""
        if self._committed in self._chain.listeners:
            self._chain.remove_listener(self._committed)
        if self._owns:
            self.store.close()

    def _committed(self, _head: Head) -> None:
        """Apply a block. A store that is away never stops the chain: the next block catches up."""
        try:
            self._consumer.catch_up()
        except StoreUnavailable as error:
            _logger.warning("history is behind: %s", error)
