"""The records of tokens, balances, and the spot exchange.

Records are values: a change is a new record put in its table.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from precompiles.ledger.record import grow, pack, shrink, unpack
from precompiles.types import Address, CloseReason, OrderStatus, SelfTradePrevention, TimeInForce

_LAST_ACTIVE = OrderStatus.PARTIALLY_FILLED


class Settings(Struct, frozen=True, gc=False):
    """Facts about the exchange as a whole."""

    owner: Address
    """Who may list markets."""

    def encode(self) -> bytes:
        return pack((self.owner,))

    @classmethod
    def decode(cls, value: bytes) -> Settings:
        (owner,) = unpack(_SETTINGS, value)
        return cls(owner)


class Counter(Struct, frozen=True, gc=False):
    """The next unused id of its kind."""

    next_id: int

    def encode(self) -> bytes:
        return pack((self.next_id,))

    @classmethod
    def decode(cls, value: bytes) -> Counter:
        (next_id,) = unpack(_COUNTER, value)
        return cls(next_id)


class TokenTotal(Struct, frozen=True, gc=False):
    """What all accounts together have of a token; the precompile holds at least as much."""

    total: int

    def encode(self) -> bytes:
        return pack((shrink(self.total),))

    @classmethod
    def decode(cls, value: bytes) -> TokenTotal:
        (total,) = unpack(_TOKEN_TOTAL, value)
        return cls(grow(total))


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
        return pack((shrink(self.total), shrink(self.hold)))

    @classmethod
    def decode(cls, value: bytes) -> Balance:
        total, hold = unpack(_BALANCE, value)
        return cls(grow(total), grow(hold))


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
        return pack(
            (
                self.asset,
                self.number,
                self.quote,
                shrink(self.base_unit),
                shrink(self.tick),
                shrink(self.lot),
                self.maker_fee,
                self.taker_fee,
                self.self_trade_prevention,
                self.fee_recipient,
            )
        )

    @classmethod
    def decode(cls, value: bytes) -> Market:
        row = unpack(_MARKET, value)
        asset, number, quote, base_unit, tick, lot, maker_fee, taker_fee, prevention, recipient = (
            row
        )
        return cls(
            asset,
            number,
            quote,
            grow(base_unit),
            grow(tick),
            grow(lot),
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
    filled_quote: int
    """Quote units exchanged for what is filled, fees not deducted."""
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
        return pack(
            (
                self.id,
                self.owner,
                self.asset,
                self.is_buy,
                shrink(self.price),
                shrink(self.amount),
                shrink(self.filled),
                shrink(self.filled_quote),
                self.status,
                self.reason,
                self.time_in_force,
                shrink(self.client_order_id),
                self.block_number,
            )
        )

    @classmethod
    def decode(cls, value: bytes) -> Order:
        row = unpack(_ORDER, value)
        order_id, owner, asset, is_buy, price, amount, filled, quote = row[:8]
        status, reason, force, client, at = row[8:]
        return cls(
            order_id,
            owner,
            asset,
            is_buy,
            grow(price),
            grow(amount),
            grow(filled),
            grow(quote),
            status,
            reason,
            force,
            grow(client),
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
        bytes,
        OrderStatus,
        CloseReason,
        TimeInForce,
        bytes,
        int,
    ]
)
