"""Calls of `console.log` as an execution makes them, also in frames that are taken back."""

from __future__ import annotations

CONSOLE = bytes.fromhex("000000000000000000636f6e736f6c652e6c6f67")
"""The account that is called, which has no code: its address spells console.log."""
_MOST_CALLS = 1_000
_MOST_BYTES = 2**18


class ConsoleCalls:
    """Keeps the inputs of such calls, up to a bound: what code prints is not bounded by its gas."""

    def __init__(self) -> None:
        self._inputs: list[bytes] = []
        self._size = 0

    def note(self, data: bytes) -> None:
        """Keep the input of one call, if there is room."""
        if len(self._inputs) < _MOST_CALLS and self._size + len(data) <= _MOST_BYTES:
            self._inputs.append(data)
            self._size += len(data)

    def take(self) -> tuple[bytes, ...]:
        """Return what was kept, and begin anew."""
        found = tuple(self._inputs)
        self._inputs.clear()
        self._size = 0
        return found
