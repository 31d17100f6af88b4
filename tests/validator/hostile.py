"""Bytes that nobody should sign or send."""

from __future__ import annotations

import random

from tests.validator.orders import order, transaction, transfer
from tests.validator.peer import field

KINDS = 6
_MESSAGES = 12
"""More kinds of messages than any channel of the engine has."""


def hostile(chance: random.Random, case: int) -> bytes:
    """A transaction, of another kind for each case."""
    sound = bytearray(order(5, case, price=2_001))
    match case % KINDS:
        case 0:
            return chance.randbytes(chance.randrange(1, 300))
        case 1:
            sound[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
            return bytes(sound)
        case 2:
            return bytes(sound[: chance.randrange(1, len(sound))])
        case 3:
            return transaction(6, 0, bytes(20), chain_id=chance.randrange(1, 31337)).raw
        case 4:
            return transfer(6, 10**7 + case, wei=10**30)
        case _:
            return b"\xf8" + b"\xff" * chance.randrange(1, 2_000)


def message(chance: random.Random) -> bytes:
    """A message to a channel: junk, or something of the right shape with wrong contents."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(200))
    return field(chance.randrange(1, _MESSAGES), _content(chance, 3))


def _content(chance: random.Random, depth: int) -> bytes:
    made = b""
    for number in range(1, chance.randrange(1, 8)):
        kind = chance.random()
        if kind < 0.4:
            made += field(number, chance.choice((0, 1, 2, 32, 2**31, 2**63 - 1, 2**64 - 1)))
        elif kind < 0.7 or not depth:
            made += field(number, chance.randbytes(chance.choice((0, 1, 20, 32, 64, 500))))
        else:
            made += field(number, _content(chance, depth - 1))
    return made
