"""Numbers by chance that are the same on every machine: integers alone, from a seed."""

from __future__ import annotations

from random import Random

_BITS = 20
_TERMS = 12


class Chance:
    """A stream of numbers from a seed."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311 - a simulation

    def below(self, limit: int) -> int:
        """Return a number of at least 0 and below `limit`."""
        # Of so many more bits than the limit has that its remainder favours no number.
        return self._random.getrandbits(limit.bit_length() + 32) % limit

    def between(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def happens(self, per_million: int) -> bool:
        """Return whether something of a probability happens."""
        return self.below(1_000_000) < per_million

    def normal(self, deviation: int) -> int:
        """Return a number of about normal distribution around 0, rounded down.

        The sum of twelve even ones has a variance of one.
        """
        total = sum(self._random.getrandbits(_BITS) for _ in range(_TERMS))
        centred = total - (_TERMS << _BITS) // 2
        return centred * deviation >> _BITS
