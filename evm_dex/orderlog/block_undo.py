"""Steps that take back, block by block, what was kept in memory of a chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MOST_UNDONE = 4_096
"""Blocks that are taken back one by one; for more the chain is read again."""


class BlockUndo:
    """The steps of the newest blocks."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, list[Callable[[], object]]]] = deque(maxlen=MOST_UNDONE)
        """By height, newest last: what takes a block's part back, in the order it was added."""
        self._lowest = 0
        """The lowest height that can be gone back to."""

    def begin(self, height: int) -> None:
        """Begin a block after the last."""
        if len(self._blocks) == MOST_UNDONE:
            self._lowest = self._blocks[0][0]
        self._blocks.append((height, []))

    def add(self, step: Callable[[], object]) -> None:
        """Keep a step of the block that began last."""
        self._blocks[-1][1].append(step)

    def go_back(self, height: int) -> bool:
        """Take back the blocks above a height; do nothing and return False where it is too far."""
        if height < self._lowest:
            return False
        while self._blocks and self._blocks[-1][0] > height:
            for step in reversed(self._blocks.pop()[1]):
                step()
        return True
