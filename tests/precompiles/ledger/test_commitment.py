"""The set hash against sums by lanes, with NumPy and without."""

from __future__ import annotations

from random import Random

import pytest

from precompiles.ledger import commitment
from precompiles.ledger.commitment import LANES, SetHash, expand

KINDS = (commitment._Halves, commitment._Lanes)


def lanes_of(row: bytes) -> list[int]:
    return [int.from_bytes(row[at : at + 2], "little") for at in range(0, 2 * LANES, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_those_of_each_lane(kind: type[commitment._Halves | commitment._Lanes]) -> None:
    random = Random(0)
    start = random.choice((bytes(2 * LANES), b"\xff" * 2 * LANES, random.randbytes(2 * LANES)))
    total, expected = kind(start), lanes_of(start)
    for _ in range(20):
        is_added = random.random() < 0.5
        rows = [expand(1, random.randbytes(8), b"row") for _ in range(random.choice((1, 2, 128)))]
        rows[0] = random.choice((rows[0], b"\xff" * 2 * LANES, bytes(2 * LANES)))
        (total.add if is_added else total.remove)(rows)
        for row in rows:
            changes = lanes_of(row)
            sign = 1 if is_added else -1
            expected = [
                (lane + sign * change) % 2**16
                for lane, change in zip(expected, changes, strict=True)
            ]
        assert lanes_of(total.accumulator()) == expected


def test_what_is_added_can_be_removed_in_any_order() -> None:
    rows = [expand(table, b"key", b"%d" % table) for table in range(200)]
    total = SetHash(rows[0])
    total.add(rows)
    total.remove(reversed(rows))
    assert total.accumulator() == rows[0]
