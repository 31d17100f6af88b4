"""Tables: named maps from key to record, changed only through the journal.

Keys are the stored keys, fixed-width big-endian bytes, but for orders: there the key in memory
is the id itself.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from precompiles.engine.journal import Journal
from precompiles.ledger.record import RecordT


class TableNumber(IntEnum):
    """First byte of a stored row's key. Numbers are never reused."""

    SETTINGS = 1
    COUNTERS = 2
    TOKENS = 3
    MARKETS = 4
    BALANCES = 5
    ORDERS = 6
    PERP_SETTINGS = 16
    PERP_FUND = 17
    PERP_MARKETS = 18
    PERP_PRICES = 19
    PERP_ACCOUNTS = 20
    PERP_LEVERAGES = 21
    POSITIONS = 22
    PERP_ORDERS = 23
    TRIGGERS = 24
    CORE_SETTINGS = 32
    CORE_USERS = 33
    CORE_TOKENS = 34
    CORE_PAIRS = 35
    CORE_PERPS = 36
    CORE_DELAYED = 37
    CORE_OUTGOING = 38
    CORE_LAST_PRICES = 39
    CORE_VAULTS = 40
    CORE_VAULT_SHARES = 41
    CORE_VALIDATORS = 42
    CORE_STAKES = 43
    CORE_DELEGATIONS = 44
    CORE_UNSTAKING = 45
    CORE_API_WALLETS = 46
    CORE_BUILDER_FEES = 47
    CORE_VOLUMES = 48
    CORE_ENTRIES = 49
    CORE_PROGRESS = 50
    MARKET_BASES = 51
    CORE_RULES = 52
    CORE_DELEGATED = 53
    CORE_DELISTED = 54
    CORE_DEXS = 55
    CORE_DEX_ACCOUNTS = 56
    CORE_MODES = 57
    CORE_DEX_FUNDS = 58
    CORE_MAKER_VOLUMES = 59
    CORE_SIGNER_NONCES = 64
    CORE_SUB_ACCOUNTS = 65
    CORE_SCHEDULED_CANCELS = 66
    CORE_BRACKETS = 67
    CORE_TRIGGER_GROUPS = 68
    CORE_TWAPS = 69
    CORE_ORDER_BUILDERS = 70
    CORE_BUILDER_REWARDS = 71
    CORE_MULTI_SIGS = 72
    CORE_TOKEN_DEPLOYMENTS = 73
    CORE_GENESIS_BALANCES = 74
    CORE_GENESIS_EXCLUDED = 75
    CORE_FROZEN = 76
    CORE_HYPERLIQUIDITY = 77
    CORE_DEX_DEPLOYMENTS = 78
    CORE_DEX_MARGIN_TABLES = 79
    CORE_VALIDATOR_PROFILES = 80
    CORE_OUTGOING_CALLS = 81


KeyT = TypeVar("KeyT", int, bytes)


class KeyCodec(Protocol[KeyT]):
    """Stored form of a table's keys."""

    width: int

    def encode(self, key: KeyT) -> bytes: ...
    def decode(self, stored: bytes) -> KeyT: ...


class BytesKey:
    """Keys that are stored as they are."""

    def __init__(self, width: int) -> None:
        self.width = width

    def encode(self, key: bytes) -> bytes:
        assert len(key) == self.width
        return key

    def decode(self, stored: bytes) -> bytes:
        return stored


class IdKey:
    """Ids as eight bytes, so that order in the store is order of id."""

    width = 8

    def encode(self, key: int) -> bytes:
        return key.to_bytes(8, "big")

    def decode(self, stored: bytes) -> int:
        return int.from_bytes(stored, "big")


def active_key(table: int, key: bytes) -> bytes:
    """Return the key of a live row in the active index: that of a spot order is its own."""
    return key if table == TableNumber.ORDERS else bytes((table,)) + key


def row_of(active_key: bytes) -> tuple[int, bytes]:
    """Return the table and the key of an entry in the active index."""
    if len(active_key) <= IdKey.width:
        return TableNumber.ORDERS, active_key
    return active_key[0], active_key[1:]


def always(_record: object) -> bool:
    """Keep every row in memory."""
    return True


class Table(Generic[KeyT, RecordT]):
    """The rows of one kind, in memory.

    `is_live` selects the rows that stay in memory after their block; the others are read back
    from storage on demand. `index` follows each change made through the journal, and journals its
    own changes; `watch` follows every change, undone ones included.
    """

    __slots__ = (
        "codec",
        "decode",
        "index",
        "is_live",
        "journal",
        "number",
        "record",
        "rows",
        "watch",
    )

    def __init__(
        self,
        number: TableNumber,
        codec: KeyCodec[KeyT],
        record: type[RecordT],
        journal: Journal,
        is_live: Callable[[RecordT], bool] = always,
    ) -> None:
        self.number = number
        self.record = record
        self.is_live = is_live
        self.index: Callable[[RecordT | None, RecordT | None], None] | None = None
        self.watch: Callable[[KeyT, RecordT | None, RecordT | None], None] | None = None
        self.codec: KeyCodec[KeyT] = codec
        self.decode: Callable[[bytes], RecordT] = record.decode
        self.journal = journal
        self.rows: dict[KeyT, RecordT] = {}

    @property
    def has_ended_rows(self) -> bool:
        """Whether rows of this table end and then leave memory."""
        return self.is_live is not always

    def get(self, key: KeyT) -> RecordT | None:
        """Return the record of a key, or None."""
        return self.rows.get(key)

    def put(self, key: KeyT, record: RecordT | None) -> None:
        """Set a row, or delete it with None."""
        before = self.rows.get(key)
        self.journal.record((self, key, before))
        self._assign(key, record)
        if self.index is not None:
            self.index(before, record)

    def undo(self, subject: KeyT, before: RecordT | None) -> None:
        """Set a row back to an earlier value."""
        self._assign(subject, before)

    def _assign(self, key: KeyT, record: RecordT | None) -> None:
        if self.watch is not None:
            self.watch(key, self.rows.get(key), record)
        if record is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = record
