"""The records of the ledger and their stored form.

A stored value is a version byte, then a msgpack array; token amounts are minimal big-endian
bytes, since they outgrow 64 bits. Records are values: a change is a new record put in its
table. A version byte from another format is refused, never guessed at.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from precompiles.ledger.storage import UntrustedStorage
from precompiles.types import Address, CloseReason, OrderStatus, SelfTradePrevention, TimeInForce

VERSION = 1
_PREFIX = bytes((VERSION,))
_LAST_ACTIVE = OrderStatus.PARTIALLY_FILLED
_encode = msgspec.msgpack.Encoder().encode
_T = TypeVar("_T")


class Record(Protocol):
    """A row's value in memory."""

    def encode(self) -> bytes:
        """The stored form: the same bytes for the same record, on every machine."""


class Settings(Struct, frozen=True, gc=False):
    """Facts about the exchange as a whole."""

    owner: Address
    """Who may list markets."""

    def encode(self) -> bytes:
        return _pack((self.owner,))

    @classmethod
    def decode(cls, value: bytes) -> Settings:
        (owner,) = _unpack(_SETTINGS, value)
        return cls(owner)


class Counter(Struct, frozen=True, gc=False):
    """The next unused id of its kind."""

    next_id: int

    def encode(self) -> bytes:
        return _pack((self.next_id,))

    @classmethod
    def decode(cls, value: bytes) -> Counter:
        (next_id,) = _unpack(_COUNTER, value)
        return cls(next_id)


class TokenTotal(Struct, frozen=True, gc=False):
    """What all accounts together have of a token; the precompile holds at least as much."""

    total: int

    def encode(self) -> bytes:
        return _pack((_shrink(self.total),))

    @classmethod
    def decode(cls, value: bytes) -> TokenTotal:
        (total,) = _unpack(_TOKEN_TOTAL, value)
        return cls(_grow(total))


class Balance(Struct, frozen=True, gc=False):
    """What one account has of one token, in the token's smallest units."""

    total: int
    hold: int
    """The part locked by live orders."""

    @property
    def available(self) -> int:
        """The part that may be spent or withdrawn."""
        return self.total - self.hold

    def encode(self) -> bytes:
        return _pack((_shrink(self.total), _shrink(self.hold)))

    @classmethod
    def decode(cls, value: bytes) -> Balance:
        total, hold = _unpack(_BALANCE, value)
        return cls(_grow(total), _grow(hold))


class Market(Struct, frozen=True, gc=False):
    """The trading rules of one asset."""

    asset: Address
    number: int
    """Its place in the order of listing, from 0."""
    quote: Address
    base_unit: int
    """Smallest units of the asset that a price is quoted for."""
    tick: int
    """Prices are multiples of this."""
    lot: int
    """Amounts are multiples of this."""
    maker_fee: int
    """In hundred-thousandths of what the maker receives."""
    taker_fee: int
    self_trade_prevention: SelfTradePrevention
    fee_recipient: Address

    def encode(self) -> bytes:
        return _pack(
            (
                self.asset,
                self.number,
                self.quote,
                _shrink(self.base_unit),
                _shrink(self.tick),
                _shrink(self.lot),
                self.maker_fee,
                self.taker_fee,
                self.self_trade_prevention,
                self.fee_recipient,
            )
        )

    @classmethod
    def decode(cls, value: bytes) -> Market:
        row = _unpack(_MARKET, value)
        asset, number, quote, base_unit, tick, lot, maker_fee, taker_fee, prevention, recipient = (
            row
        )
        return cls(
            asset,
            number,
            quote,
            _grow(base_unit),
            _grow(tick),
            _grow(lot),
            maker_fee,
            taker_fee,
            prevention,
            recipient,
        )


class Order(Struct, frozen=True, gc=False):
    """One order, from its placing to long after its end."""

    id: int
    owner: Address
    asset: Address
    is_buy: bool
    price: int
    """Quote units per base unit of the market."""
    amount: int
    """Base units asked for, filled ones included."""
    filled: int
    status: OrderStatus
    reason: CloseReason
    time_in_force: TimeInForce
    client_order_id: int
    """0 where the owner gave none."""
    block_number: int
    """The block in which it was placed."""

    @property
    def remaining(self) -> int:
        """Base units not filled; stays what it was when the order ended unfilled."""
        return self.amount - self.filled

    @property
    def is_active(self) -> bool:
        """Whether it rests in the book."""
        return self.status <= _LAST_ACTIVE

    def encode(self) -> bytes:
        return _pack(
            (
                self.id,
                self.owner,
                self.asset,
                self.is_buy,
                _shrink(self.price),
                _shrink(self.amount),
                _shrink(self.filled),
                self.status,
                self.reason,
                self.time_in_force,
                _shrink(self.client_order_id),
                self.block_number,
            )
        )

    @classmethod
    def decode(cls, value: bytes) -> Order:
        row = _unpack(_ORDER, value)
        order_id, owner, asset, is_buy, price, amount, filled, status, reason, force, client, at = (
            row
        )
        return cls(
            order_id,
            owner,
            asset,
            is_buy,
            _grow(price),
            _grow(amount),
            _grow(filled),
            status,
            reason,
            force,
            _grow(client),
            at,
        )


_SETTINGS = msgspec.msgpack.Decoder(tuple[Address])
_COUNTER = msgspec.msgpack.Decoder(tuple[int])
_TOKEN_TOTAL = msgspec.msgpack.Decoder(tuple[bytes])
_BALANCE = msgspec.msgpack.Decoder(tuple[bytes, bytes])
_MARKET = msgspec.msgpack.Decoder(
    tuple[Address, int, Address, bytes, bytes, bytes, int, int, SelfTradePrevention, Address]
)
_ORDER = msgspec.msgpack.Decoder(
    tuple[
        int,
        Address,
        Address,
        bool,
        bytes,
        bytes,
        bytes,
        OrderStatus,
        CloseReason,
        TimeInForce,
        bytes,
        int,
    ]
)


def _pack(fields: tuple[object, ...]) -> bytes:
    return _PREFIX + _encode(fields)


def _unpack(decoder: msgspec.msgpack.Decoder[_T], value: bytes) -> _T:
    if value[:1] != _PREFIX:
        raise UntrustedStorage(
            f"row of version {value[0] if value else 'none'}, this program reads version {VERSION}"
        )
    try:
        return decoder.decode(value[1:])
    except msgspec.MsgspecError as error:
        raise UntrustedStorage(f"row does not decode: {error}") from error


def _shrink(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) >> 3, "big")


_grow = int.from_bytes
