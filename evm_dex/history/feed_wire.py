"""The feed's wire format: msgpack arrays that begin with a version.

A request: version, consumer, event id, fingerprint, limit, log. An answer: version, then the last
event id and (id, payload) pairs, or the name of a failure and its message. That to a request for
balances has the cursor after it at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from evm_dex.history.feed import (
    BalanceUpdates,
    EventsPruned,
    FeedRefused,
    FeedUnavailable,
    HistoryDiffers,
    Updates,
)
from evm_dex.history.stores.history_store import Cursor

VERSION = 1
_WITH_LOG = 2
"""Version of requests for another log than that of orders, which earlier versions refuse."""
ORDERS, BALANCES = "orders", "balances"
"""Logs that may be asked for."""
PLAIN, JSON = b"update", b"json"
"""Topics of the wake-up socket: a payload for machines (id, then bytes), a document for people."""

_REFUSALS: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (HistoryDiffers, EventsPruned, FeedRefused, FeedUnavailable)
}
_encode = msgspec.msgpack.Encoder().encode


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A request for updates after a cursor."""

    version: int
    consumer: str
    event_id: int
    fingerprint: bytes
    limit: int
    log: str = ORDERS

    @property
    def cursor(self) -> Cursor:
        """The reader's cursor."""
        return Cursor(self.event_id, self.fingerprint)


_request = msgspec.msgpack.Decoder(Request)
_answer: msgspec.msgpack.Decoder[list[object]] = msgspec.msgpack.Decoder(list)


def encode_request(cursor: Cursor, limit: int, consumer: str, *, log: str = ORDERS) -> bytes:
    """Encode a request."""
    version = VERSION if log == ORDERS else _WITH_LOG
    return _encode(Request(version, consumer, cursor.event_id, cursor.fingerprint, limit, log))


def decode_request(message: bytes) -> Request:
    """Decode a request. Raises FeedRefused unless it is one of this version."""
    try:
        request = _request.decode(message)
    except msgspec.MsgspecError as error:
        raise FeedRefused(f"malformed request: {error}") from error
    if request.version not in (VERSION, _WITH_LOG):
        raise FeedRefused(
            f"a request must have version {VERSION} or {_WITH_LOG}, got {request.version}"
        )
    if request.log not in (ORDERS, BALANCES):
        raise FeedRefused(f"a request must be for {ORDERS} or {BALANCES}, got {request.log!r}")
    return request


def encode_updates(updates: Updates) -> bytes:
    """Encode an answer."""
    return _encode((VERSION, updates.last, updates.payloads))


def encode_balances(updates: BalanceUpdates) -> bytes:
    """Encode an answer to a request for balances."""
    cursor = (updates.cursor.event_id, updates.cursor.fingerprint)
    return _encode((VERSION, updates.last, updates.payloads, cursor))


def encode_failure(error: Exception) -> bytes:
    """Encode a failure as an answer."""
    name = type(error).__name__
    return _encode((VERSION, name if name in _REFUSALS else FeedUnavailable.__name__, str(error)))


def decode_answer(message: bytes) -> Updates:
    """Decode an answer. Raises the failure in it; FeedRefused if it is no answer."""
    with _well_formed():
        last, payloads = _content(message)
        return msgspec.convert({"last": last, "payloads": payloads}, Updates)


def decode_balances(message: bytes) -> BalanceUpdates:
    """Decode an answer to a request for balances. Raises like `decode_answer`."""
    with _well_formed():
        last, payloads, (event_id, fingerprint) = _content(message)
        cursor = {"event_id": event_id, "fingerprint": fingerprint}
        found = {"last": last, "cursor": cursor, "payloads": payloads}
        return msgspec.convert(found, BalanceUpdates)


def _content(message: bytes) -> list[Any]:
    version, *content = _answer.decode(message)
    if version != VERSION:
        raise FeedRefused(f"an answer must have version {VERSION}, got {version}")
    if isinstance(content[0], str):
        raise _REFUSALS.get(content[0], FeedUnavailable)(str(content[1]))
    return content


@contextmanager
def _well_formed() -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError) as error:
        raise FeedRefused(f"malformed answer of a feed: {error}") from error
