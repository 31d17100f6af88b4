"""The state of another chain that a forked chain begins from, as its accounts need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from checkpoint.trie.account import Account


class ExpectedCall(Protocol):
    """A transaction or call, for what it is going to read."""

    @property
    def sender(self) -> bytes:
        """The account that it is from."""

    @property
    def to(self) -> bytes:
        """The account that it goes to; empty where it creates one."""

    @property
    def data(self) -> bytes:
        """Its input."""

    @property
    def value(self) -> int:
        """Wei that it sends."""

    @property
    def gas(self) -> int:
        """Gas that it may use."""

    @property
    def access_list(self) -> Sequence[tuple[bytes, Sequence[int]]]:
        """Accounts and slots that it names."""


class OriginState(Protocol):
    """The state that a forked chain begins from: another chain's after one of its blocks.

    What it gives never changes. Each raises an error of the chain's where a value was not fetched
    and can't be.
    """

    def account(self, address: bytes) -> Account | None:
        """Return an account, with no storage root; None for one that is empty (EIP-161)."""

    def code(self, address: bytes, code_hash: bytes) -> bytes:
        """Return the code that an account had there."""

    def word(self, address: bytes, slot: int) -> int:
        """Return one storage word of an account that is there."""

    def has_storage(self, address: bytes) -> bool:
        """Tell whether an account is known to have storage."""

    def expect(self, call: ExpectedCall) -> None:
        """Note what is executed next: what it is sure to read may be fetched at once."""
