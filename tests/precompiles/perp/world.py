"""A perpetuals exchange to test on, with a clock, blocks, and an honest collateral token."""

from __future__ import annotations

from typing import Any

from precompiles.types import PERP_ADDRESS, ZERO_ADDRESS, Address
from tests.precompiles.client import PERP, Reply, send
from tests.precompiles.dict_storage import DictStorage, open_both_ways
from tests.precompiles.steps import SealedHalfWay

OWNER, FEEDER, KEEPER, RECIPIENT, VAULT, BACKSTOP = (Address(bytes([n]) * 20) for n in range(1, 7))
ALICE, BOB, CAROL, DAVE = (Address(bytes([n]) * 20) for n in range(0xA, 0xE))
TRADERS = (ALICE, BOB, CAROL, DAVE)
DOLLAR = Address(b"\xd0" * 20)
"""The collateral."""
GOLD, SILVER, COPPER = (Address(bytes([n]) * 20) for n in range(0xE1, 0xE4))
UNLISTED = Address(b"\xaf" * 20)
NOBODY = ZERO_ADDRESS
START = 1_000_003

_BALANCE_OF = bytes.fromhex("70a08231")
_TRANSFER_FROM = bytes.fromhex("23b872dd")


class PerpWorld:
    """The exchange with the storage behind it, at some time."""

    def __init__(self) -> None:
        self.storage = DictStorage()
        self.now = START
        self.held = 0
        """Of the collateral, by the exchange."""
        self.half_way = SealedHalfWay()
        self.open()
        self.ledger.set_owner(OWNER)

    def open(self) -> None:
        """From what the storage holds."""
        opened = open_both_ways(self.storage)
        self.perp, self.ledger = opened.by_address[PERP_ADDRESS], opened.ledger

    def call(self, user: Address, name: str, *arguments: Any) -> Reply:
        """One call at the present time; a failed one leaves no trace."""
        held = self.held
        reply = send(
            self.perp,
            user,
            name,
            *arguments,
            timestamp=self.now,
            contracts=self._answer,
            interface=PERP,
        )
        if reply.error:
            self.held = held
        return reply

    def view(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """What a view shows; the fields of its error where it is refused."""
        return self.call(KEEPER, name, *arguments).values

    def do(self, user: Address, name: str, *arguments: Any) -> tuple[Any, ...]:
        """A call that has to succeed."""
        reply = self.call(user, name, *arguments)
        assert reply.error is None, (name, reply.error, reply.values)
        return reply.values

    def end_block(self, *, seconds: int = 1, reopens: bool = False) -> None:
        """Put everything into storage; the next block is some seconds later."""
        changes = self.ledger.seal()
        assert changes == self.ledger.seal(), "asking changes nothing"
        self.half_way.check(self.ledger)
        self.storage.apply(changes)
        self.ledger.accept(changes)
        assert self.ledger.seal().rows == ()
        self.now += seconds
        if reopens:
            self.ledger.close()
            self.open()

    def _answer(self, to: Address, value: int, data: bytes) -> tuple[bool, bytes]:
        """A token of which every user has enough."""
        assert (to, value) == (DOLLAR, 0)
        if data[:4] == _BALANCE_OF:
            return True, self.held.to_bytes(32, "big")
        amount = int.from_bytes(data[-32:], "big")
        change = amount if data[:4] == _TRANSFER_FROM else -amount
        if self.held + change < 0:
            return False, b""
        self.held += change
        return True, (1).to_bytes(32, "big")
