"""Receipts of actions, as logs: one for each time that an action was looked at."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from precompiles.abi.codec import WORD
from precompiles.abi.signature import parse
from precompiles.types import Address

DEPOSIT = 0
"""Stands for an action's id where a transfer from the EVM is what happened."""
_SIGNATURE = parse(
    "ActionReceipt(address indexed user,uint256 indexed sequence,bytes32 indexed source,"
    "uint24 action,uint8 outcome,uint64 orderId,bytes reason)"
)
_TOPIC = int.from_bytes(_SIGNATURE.topic, "big")
_FIELDS = 4


class Outcome(IntEnum):
    """The outcome of an action."""

    DONE = 0
    QUEUED = 1
    """It waits for its time, and has another receipt then."""
    DROPPED = 2
    PARTLY_DONE = 3
    """An order that may not rest was filled in part."""


class ActionReceipt(Struct, frozen=True):
    """One look at an action."""

    user: Address
    sequence: int
    """Of the action, over the life of the chain."""
    source: bytes
    """Hash of the EVM transaction that sent it."""
    action: int
    """Its id; `DEPOSIT` for a transfer from the EVM."""
    outcome: Outcome
    order_id: int
    """Of an order that was placed or cancelled; 0 for none."""
    reason: bytes
    """The encoded error of one that was dropped; empty otherwise."""

    def encode(self) -> tuple[tuple[int, ...], bytes]:
        """Return topics as numbers, and data."""
        topics = (
            _TOPIC,
            int.from_bytes(self.user, "big"),
            self.sequence,
            int.from_bytes(self.source, "big"),
        )
        words = (self.action, self.outcome, self.order_id, _FIELDS * WORD, len(self.reason))
        head = b"".join(word.to_bytes(WORD, "big") for word in words)
        return topics, head + self.reason.ljust(-(-len(self.reason) // WORD) * WORD, b"\0")

    @classmethod
    def decode(cls, topics: tuple[bytes, ...], data: bytes) -> ActionReceipt | None:
        """Return the receipt of a log; None where it is of another event."""
        if len(topics) != _FIELDS or int.from_bytes(topics[0], "big") != _TOPIC:
            return None
        words = [
            int.from_bytes(data[place : place + WORD], "big")
            for place in range(0, (_FIELDS + 1) * WORD, WORD)
        ]
        start = (_FIELDS + 1) * WORD
        return cls(
            Address(topics[1][-20:]),
            int.from_bytes(topics[2], "big"),
            topics[3],
            words[0],
            Outcome(words[1]),
            words[2],
            data[start : start + words[4]],
        )
