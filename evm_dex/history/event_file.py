"""Updates as JSON Lines: what `history stream` prints, read again to fill a store from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from evm_dex.history.stores.history_store import PAGE
from evm_dex.orderlog.order_update import OrderUpdate, UnknownUpdate, from_json


class EventFile:
    """A file with an update per line, by ascending event id; read once, from start to end."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError."""
        self._path = path
        self._file = path.open(encoding="utf-8")
        self._updates = self._read()

    def stream(self, after: int, limit: int = PAGE) -> list[OrderUpdate]:
        """Return the next updates above `after`; ids that were passed are not found again.

        Raises UnknownUpdate, naming the line.
        """
        return list(islice((u for u in self._updates if u.event_id > after), limit))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> Iterator[OrderUpdate]:
        number = 0
        try:
            for number, line in enumerate(self._file, 1):  # noqa: B007 - named in the error
                if line.strip():
                    yield from_json(json.loads(line))
        except ValueError as error:  # UnknownUpdate, and what is no JSON or no UTF-8
            raise UnknownUpdate(f"{self._path}, line {number or 1}: {error}") from error
