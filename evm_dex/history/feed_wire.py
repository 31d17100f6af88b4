"""The feed's wire format: msgpack arrays that begin with a version.

A request: version, consumer, event id, fingerprint, limit. An answer: version, then the last
event id and (id, payload) pairs, or the name of a failure and its message.
"""

from __future__ import annotations

import msgspec

from evm_dex.history.feed import (
    EventsPruned,
    FeedRefused,
    FeedUnavailable,
    HistoryDiffers,
    Updates,
)
from evm_dex.history.stores.history_store import Cursor

VERSION = 1
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

    @property
    def cursor(self) -> Cursor:
        """The reader's cursor."""
        return Cursor(self.event_id, self.fingerprint)


_request = msgspec.msgpack.Decoder(Request)
_answer: msgspec.msgpack.Decoder[list[object]] = msgspec.msgpack.Decoder(list)


def encode_request(cursor: Cursor, limit: int, consumer: str) -> bytes:
    """Encode a request."""
    return _encode(Request(VERSION, consumer, cursor.event_id, cursor.fingerprint, limit))


def decode_request(message: bytes) -> Request:
    """Decode a request. Raises FeedRefused unless it is one of this version."""
    try:
        request = _request.decode(message)
    except msgspec.MsgspecError as error:
        raise FeedRefused(f"malformed request: {error}") from error
    if request.version != VERSION:
        raise FeedRefused(f"a request must have version {VERSION}, got {request.version}")
    return request


def encode_updates(updates: Updates) -> bytes:
    """Encode an answer."""
    return _encode((VERSION, updates.last, updates.payloads))


def encode_failure(error: Exception) -> bytes:
    """Encode a failure as an answer."""
    name = type(error).__name__
    return _encode((VERSION, name if name in _REFUSALS else FeedUnavailable.__name__, str(error)))


def decode_answer(message: bytes) -> Updates:
    """Decode an answer. Raises the failure in it; FeedRefused if it is no answer."""
    try:
        version, head, rest = _answer.decode(message)
        if version != VERSION:
            raise FeedRefused(f"an answer must have version {VERSION}, got {version}")
        if isinstance(head, str):
            raise _REFUSALS.get(head, FeedUnavailable)(str(rest))
        return msgspec.convert({"last": head, "payloads": rest}, Updates)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise FeedRefused(f"malformed answer of a feed: {error}") from error
