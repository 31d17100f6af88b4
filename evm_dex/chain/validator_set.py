"""The contract in which validators vote on who is one of them, as its storage says.

Source of the layout: contracts/validators/ValidatorSet.sol, whose list is at slot 0, with two words
for each of its elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Protocol

import msgspec
from eth_hash.auto import keccak

from precompiles.types import Address

VALIDATOR_SET = Address(bytes.fromhex("0000000000000000000000000000000000000D04"))
KEY_BYTES = 32
MOST_VALIDATORS = 100
_LIST = 0
_FIRST = int.from_bytes(keccak(_LIST.to_bytes(32, "big")), "big")
_WORDS = 2


class Member(msgspec.Struct, frozen=True):
    """A validator of the set."""

    key: Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
    """Its ed25519 key, by which the engine knows it."""
    account: Address
    """The account that votes."""


class StorageReader(Protocol):
    """A state of which storage can be read."""

    def get_storage(self, address: bytes, slot: int, /) -> int:
        """Return one storage word."""


def members_of(state: StorageReader) -> tuple[Member, ...]:
    """Return the validators as of a state; none where the chain has no such contract."""
    words = [
        state.get_storage(VALIDATOR_SET, _FIRST + place).to_bytes(32, "big")
        for place in range(_WORDS * state.get_storage(VALIDATOR_SET, _LIST))
    ]
    return tuple(
        Member(key, Address(account[-20:]))
        for key, account in zip(words[::_WORDS], words[1::_WORDS], strict=True)
    )


def storage_words(members: Sequence[Member]) -> Iterator[tuple[int, int]]:
    """Yield (slot, word) of a set's storage."""
    yield _LIST, len(members)
    for index, member in enumerate(members):
        yield _FIRST + _WORDS * index, int.from_bytes(member.key, "big")
        yield _FIRST + _WORDS * index + 1, int.from_bytes(member.account, "big")


def power_changes(
    before: Iterable[Member], after: Iterable[Member]
) -> tuple[tuple[bytes, int], ...]:
    """Return the keys that differ with their power, 1 or 0, by ascending key.

    One that was added and removed in between is not among them: an engine halts at a removal of
    what it does not know.
    """
    old, new = ({member.key for member in members} for members in (before, after))
    return tuple((key, int(key in new)) for key in sorted(old ^ new))
