"""Jump destinations of code."""

from __future__ import annotations

import re

_PUSHES = b"|".join(b"\\x%02x.{%d}" % (0x5F + size, size) for size in (1, 2, *range(32, 2, -1)))
_TO_NEXT_ONES = re.compile(rb"(?:[^\x5b\x60-\x7f]++|" + _PUSHES + rb")*+(\x5b++)", re.DOTALL)


def jump_destinations(padded: bytes) -> bytes:
    """For each position 1 where it is a JUMPDEST that is no pushed data, else 0.

    Yellow Paper, 9.4.3. Code comes with at least 32 zeros after it.
    """
    found = bytearray(len(padded))
    position = 0
    while match := _TO_NEXT_ONES.match(padded, position):
        position = match.end()
        first = match.start(1)
        found[first:position] = b"\1" * (position - first)
    return bytes(found)
