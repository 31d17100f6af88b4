"""One change of a balance as the log of balances has it, and its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from checkpoint.record_codec import pack, unpack
from evm_dex.blocks.addresses import to_address
from evm_dex.orderlog.order_update import Exchange, UnknownUpdate
from precompiles.ledger.record import grow, grow_signed, shrink, shrink_signed
from precompiles.types import Address

VERSION = 1
"""Version of the JSON form of an update."""
_UNCHAINED, _CHAINED = 1, 2
"""Versions of an update's stored form; the second has the fingerprint of the update before."""
_UPDATE = msgspec.msgpack.Decoder(
    tuple[int, Exchange, Address, Address, bytes, bytes, int, int, bytes]
)
_UNCHAINED_UPDATE = msgspec.msgpack.Decoder(
    tuple[int, Exchange, Address, Address, bytes, bytes, int, int]
)


class BalanceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One account's balance of one token after a block, in the token's smallest units."""

    event_id: int
    """Place in the log: strictly +1 from update to update, from 1."""
    version: int
    """Strictly +1 from update to update of this account and token on this exchange, from 1."""
    exchange: Exchange
    user: Address
    token: Address
    """On the perpetuals exchange the collateral."""
    total: int
    """On the perpetuals exchange collateral that no position has of its own; may be negative."""
    hold: int
    """The part of it that live orders lock; 0 on the perpetuals exchange."""
    block_number: int
    """After a rollback the block that was gone back to."""
    timestamp: int
    """Of the block, in seconds."""
    previous: bytes = b""
    """Fingerprint of the update before this one; empty for the first, and for those of before."""

    def as_json(self) -> dict[str, object]:
        """Return the JSON form: names for enums, 0x for bytes, amounts as decimal strings."""
        return {
            "format": VERSION,
            **msgspec.structs.asdict(self),
            "exchange": self.exchange.name.lower(),
            "user": f"0x{self.user.hex()}",
            "token": f"0x{self.token.hex()}",
            "total": str(self.total),
            "hold": str(self.hold),
            "previous": f"0x{self.previous.hex()}",
        }


def encode_balance(update: BalanceUpdate) -> bytes:
    """Return the stored form of an update, without its id."""
    owner = update.version, update.exchange, update.user, update.token
    amounts = shrink_signed(update.total), shrink(update.hold)
    where = update.block_number, update.timestamp
    return pack(_CHAINED, (*owner, *amounts, *where, update.previous))


def decode_balance(event_id: int, payload: bytes) -> BalanceUpdate:
    """Decode a stored update. Raises WrongFormat, StoreDamaged."""
    name = f"balance update {event_id} (family events)"
    if payload[:1] == bytes((_UNCHAINED,)):
        fields = (*unpack(_UNCHAINED, _UNCHAINED_UPDATE, payload, name), b"")
    else:
        fields = unpack(_CHAINED, _UPDATE, payload, name)
    version, exchange, user, token, total, hold, block, time, previous = fields
    return BalanceUpdate(
        event_id=event_id,
        version=version,
        exchange=exchange,
        user=user,
        token=token,
        total=grow_signed(total),
        hold=grow(hold, "big"),
        block_number=block,
        timestamp=time,
        previous=previous,
    )


def from_json(document: Mapping[str, Any]) -> BalanceUpdate:
    """Read what `BalanceUpdate.as_json` returned. Raises UnknownUpdate."""
    try:
        fields = dict(document)
        if fields.pop("format") != VERSION:
            raise UnknownUpdate(f"format must be {VERSION}, got {document['format']!r}")
        for name in ("user", "token"):
            fields[name] = to_address(fields[name])
        fields["previous"] = bytes.fromhex(fields.get("previous", "0x").removeprefix("0x"))
        for name in ("total", "hold"):
            fields[name] = int(fields[name])
        fields["exchange"] = Exchange[fields["exchange"].upper()]
        return msgspec.convert(fields, BalanceUpdate)
    except UnknownUpdate:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise UnknownUpdate(f"the document is no balance update: {error}") from error
