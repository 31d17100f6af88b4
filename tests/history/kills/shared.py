"""A few numbers that the processes of a run show each other: memory that outlives all of them."""

from __future__ import annotations

import mmap

_BYTES = 8


class Shared:
    """Made before anything is forked."""

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, 8 * _BYTES)).cast("q")

    @property
    def recorded(self) -> int:
        """The last event of the chain, as the engine knows after a block; written by the engine."""
        return self._numbers[0]

    @recorded.setter
    def recorded(self, event_id: int) -> None:
        self._numbers[0] = event_id

    @property
    def blocks(self) -> int:
        """Blocks made since the engine was started; the engine counts."""
        return self._numbers[1]

    @blocks.setter
    def blocks(self, count: int) -> None:
        self._numbers[1] = count

    @property
    def stored(self) -> int:
        """The last event in the store, as the service knows; written by the service."""
        return self._numbers[2]

    @stored.setter
    def stored(self, event_id: int) -> None:
        self._numbers[2] = event_id

    @property
    def batches(self) -> int:
        """Batches stored since service or server were started; the service counts."""
        return self._numbers[3]

    @batches.setter
    def batches(self, count: int) -> None:
        self._numbers[3] = count

    @property
    def counted(self) -> int:
        """The last event that was recounted; written by the recount."""
        return self._numbers[4]

    @counted.setter
    def counted(self, event_id: int) -> None:
        self._numbers[4] = event_id

    @property
    def wanted(self) -> int:
        """The event from which on the engine rests; written by the run."""
        return self._numbers[5]

    @wanted.setter
    def wanted(self, event_id: int) -> None:
        self._numbers[5] = event_id
