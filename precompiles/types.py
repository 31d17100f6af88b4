"""Vocabulary of every layer: addresses, limits, and the enums of the ABI.

Enum values are part of the ABI (they cross it as `uint8`) and of the stored rows,
so they never change meaning; new members go at the end.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NewType

Address = NewType("Address", bytes)
"""An account of the EVM, 20 bytes."""

SPOT_ADDRESS = Address(bytes.fromhex("0000000000000000000000000000000000000D01"))
PERP_ADDRESS = Address(bytes.fromhex("0000000000000000000000000000000000000D02"))
EXCHANGES = (SPOT_ADDRESS, PERP_ADDRESS)

LEDGER_ADDRESS = SPOT_ADDRESS
"""The account whose storage commits to the shared ledger."""
COMMITMENT_SLOT = 0
"""Storage slot of that account with the digest of all ledger rows."""

NATIVE_COIN = Address(bytes.fromhex("EeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"))
"""The chain's own coin wherever a token address is expected (ERC-7528)."""

ZERO_ADDRESS = Address(bytes(20))

MAX_AMOUNT = 2**128 - 1
"""Largest amount, price, or balance of one account in one token."""
MAX_ID = 2**64 - 1
"""Largest order or trade id."""
FEE_DENOMINATOR = 100_000
"""Fees are given in hundred-thousandths of the amount received."""
MAX_FEE_RATE = 10_000
"""Highest fee of a market: ten percent."""
MAX_PERP_VALUE = 2**112 - 1
"""Largest size and price on the perpetuals exchange; their products fit 256 bits."""
MAX_LEVERAGE = 50
"""Highest leverage of a perpetual market."""


class TimeInForce(IntEnum):
    """Time in force of an order."""

    GTC = 0
    """Good till cancelled: what does not fill rests in the book."""
    IOC = 1
    """Immediate or cancel: what does not fill expires."""
    FOK = 2
    """Fill or kill: fills completely at once or the call reverts."""
    ALO = 3
    """Add liquidity only: rests without filling or the call reverts."""


TIMES_IN_FORCE = tuple(TimeInForce)
"""By value."""


class SelfTradePrevention(IntEnum):
    """Policy for an order that would fill against one of the same owner."""

    EXPIRE_MAKER = 0
    EXPIRE_TAKER = 1
    EXPIRE_BOTH = 2
    DECREMENT = 3
    """Both orders shrink by the smaller remaining amount, without a trade."""
    NONE = 4
    """The trade happens."""


class OrderStatus(IntEnum):
    """Status of an order, numbered as in the exchanges' ABI."""

    GONE = 0
    """Its block was rolled back, so it was never placed; the order history's, never a row's."""
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5
    """A trigger that fired and was refused; it never reached the book."""
    EXPIRED = 6
    UNTRIGGERED = 7
    """A stop or take-profit that waits outside the book."""

    @property
    def is_active(self) -> bool:
        """Return whether an order of this status rests in the book."""
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def is_open(self) -> bool:
        """Return whether the owner can still cancel the order."""
        return self.is_active or self is OrderStatus.UNTRIGGERED


class CloseReason(IntEnum):
    """Reason an order closed unfilled; NONE while it is active or when it filled."""

    NONE = 0
    USER_CANCELLED = 1
    REPLACED = 2
    IOC_REMAINDER = 3
    SELF_TRADE = 4
    INSUFFICIENT_MARGIN = 5
    """Its owner can no longer afford the fill it was about to get."""
    REDUCE_ONLY = 6
    """Nothing is left that it could reduce."""
    LIQUIDATED = 7
    """Its owner's account, or the position it would have changed, was liquidated."""
    TOO_SMALL = 8
    """The rest of it would cost less than one smallest unit of what is paid."""


class OrderKind(IntEnum):
    """Origin of an order on the perpetuals exchange."""

    LIMIT = 0
    TRIGGER = 1
    POSITION = 2
    """Opening or closing a position at market."""
    LIQUIDATION = 3


class PositionKind(IntEnum):
    """Collateral behind a position."""

    CROSS = 0
    """All of the account's collateral; one such position per market."""
    ISOLATED = 1
    """Its own collateral; one netting position per market, cross or isolated."""
    STANDALONE = 2
    """Its own collateral; opened by `openPosition`, never netted with another."""


class PositionStatus(IntEnum):
    """Status of a position; zero is never stored."""

    OPEN = 1
    CLOSED = 2
    LIQUIDATED = 3
