"""Settings of how blocks are made, and fields chosen for the next one; they end with the process.

A header that a block made from its parent alone would not have is marked in its extra data, so
that no other node takes it for one that follows from the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.errors import TransactionRejected
from precompiles.types import Address

CHOSEN_HEADER = b"evm-dex: header set by hand"
WRITTEN_STATE = b"evm-dex: state set by hand"
MARKS = (CHOSEN_HEADER, WRITTEN_STATE)
CHOSEN_FIELDS = ("base_fee_per_gas", "mix_hash", "coinbase", "gas_limit")
"""Fields that a header may have by choice, beside its time."""


class NextBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the next block's header; None for what follows from its parent."""

    timestamp: int | None = None
    """Block time in seconds, after the head's."""
    base_fee_per_gas: int | None = None
    """Base fee in wei, from which that of the block after it follows."""
    mix_hash: bytes | None = None
    """Prevrandao, 32 bytes."""
    coinbase: Address | None = None
    """The account that is paid the priority fees, from the next block on."""
    gas_limit: int | None = None
    """Gas limit of the next block and those after it."""

    def choose(self, **fields: int | bytes) -> NextBlock:
        """Return the same with some fields chosen."""
        return msgspec.structs.replace(self, **fields)

    def header(
        self, following: Callable[[int], Header], timestamp: int | None, usual: int
    ) -> Header:
        """Return the next header as it stands before execution.

        `following` is what follows the parent at a time: `timestamp`, else the one chosen, else the
        `usual`. Raises ValueError for a time that is not after the parent's.
        """
        if timestamp is None:
            timestamp = self.timestamp
        header = following(usual if timestamp is None else timestamp)
        if self is NOTHING_CHOSEN or self == NOTHING_CHOSEN:
            return header
        chosen = {
            name: value
            for name in CHOSEN_FIELDS
            if (value := getattr(self, name)) not in (None, getattr(header, name))
        }
        if not chosen:
            return header
        return msgspec.structs.replace(header, extra_data=CHOSEN_HEADER, **chosen)


NOTHING_CHOSEN = NextBlock()
"""A block whose header follows from its parent."""


def written_header(parent: Header, following: Header) -> Header:
    """Return the header of a block that only writes state; it is marked and takes no time.

    `following` is that of a block which follows from its parent.
    """
    return msgspec.structs.replace(following, timestamp=parent.timestamp, extra_data=WRITTEN_STATE)


class Impersonation:
    """Accounts whose transactions need no signature: none, some, or all."""

    def __init__(self) -> None:
        self._everyone = False
        self._accounts: set[Address] = set()

    def __contains__(self, address: Address) -> bool:
        return self._everyone or address in self._accounts

    def add(self, address: Address) -> None:
        """Take an account's transactions without its signature."""
        self._accounts.add(address)

    def remove(self, address: Address) -> None:
        """Ask for the account's signature again."""
        self._accounts.discard(address)

    def set_everyone(self, on: bool) -> None:
        """Take every account's transactions without a signature, or only those added."""
        self._everyone = on

    def clear(self) -> None:
        """Ask for every account's signature again."""
        self._everyone = False
        self._accounts.clear()

    @contextmanager
    def of(self, address: Address) -> Iterator[None]:
        """Impersonate an account inside the context."""
        before = address in self._accounts
        self._accounts.add(address)
        try:
            yield
        finally:
            if not before:
                self._accounts.discard(address)

    @contextmanager
    def of_everyone(self, on: bool) -> Iterator[None]:
        """Impersonate every account inside the context, if `on`."""
        before = self._everyone
        self._everyone = before or on
        try:
            yield
        finally:
            self._everyone = before

    def check(self, transaction: Transaction) -> None:
        """Raise TransactionRejected for an unsigned one of an account that is not impersonated."""
        if not transaction.is_signed and transaction.sender not in self:
            raise TransactionRejected(
                f"not signed, and 0x{transaction.sender.hex()} is not impersonated: sign it, or "
                "call impersonate() first"
            )


class ChainSettings:
    """Settings of one chain, each changed by its own operation."""

    def __init__(self, *, automine: bool, keep_limit: int) -> None:
        self._automine = automine
        self._keep_limit = keep_limit
        self._interval = 1
        self._next_block = NOTHING_CHOSEN
        self._impersonation = Impersonation()

    @property
    def automine(self) -> bool:
        """Mine each transaction at once, in a block of its own."""
        return self._automine

    @property
    def keep_limit(self) -> int:
        """Most triggers and liquidations that the keeper fires per block; 0: no keeper."""
        return self._keep_limit

    @property
    def interval(self) -> int:
        """Seconds of block time from block to block."""
        return self._interval

    @property
    def next_block(self) -> NextBlock:
        """Fields of the next block's header that were chosen by hand."""
        return self._next_block

    @property
    def impersonation(self) -> Impersonation:
        """Accounts whose transactions need no signature."""
        return self._impersonation

    def set_automine(self, on: bool) -> None:
        """Give each transaction a block of its own at once, or let them wait."""
        self._automine = on

    def set_keep_limit(self, limit: int) -> None:
        """Choose how much the keeper does per block. Raise ValueError for less than 0."""
        if limit < 0:
            raise ValueError(f"keep_limit must be 0 or more, got {limit}: 0 means no keeper")
        self._keep_limit = limit

    def set_interval(self, seconds: int) -> None:
        """Choose the block time between blocks. Raise ValueError for less than a second."""
        if seconds < 1:
            raise ValueError(f"interval must be at least 1 second, got {seconds}")
        self._interval = seconds

    def choose_next(self, **fields: int | bytes) -> None:
        """Choose fields of the next block's header; see `NextBlock`."""
        self._next_block = self._next_block.choose(**fields)

    def replace_next(self, next_block: NextBlock) -> None:
        """Forget what was chosen for the next block, and choose this instead."""
        self._next_block = next_block

    @contextmanager
    def automining(self, on: bool) -> Iterator[None]:
        """Set `automine` inside the context."""
        before = self._automine
        self._automine = on
        try:
            yield
        finally:
            self._automine = before

    def reset(self) -> None:
        """Go back to automine, one second between blocks, nobody impersonated, nothing chosen."""
        self._automine = True
        self._interval = 1
        self._next_block = NOTHING_CHOSEN
        self._impersonation.clear()


class HasSettings:
    """A holder of settings that shows the commonest of them."""

    def __init__(self, settings: ChainSettings) -> None:
        self._settings = settings

    @property
    def settings(self) -> ChainSettings:
        """The settings of how blocks are made."""
        return self._settings

    @property
    def automine(self) -> bool:
        """Mine each transaction at once, in a block of its own. May be set."""
        return self._settings.automine

    @automine.setter
    def automine(self, on: bool) -> None:
        self._settings.set_automine(on)

    @property
    def keep_limit(self) -> int:
        """Most triggers and liquidations that the keeper fires per block; 0: no keeper."""
        return self._settings.keep_limit

    @property
    def interval(self) -> int:
        """Seconds of block time from block to block."""
        return self._settings.interval
