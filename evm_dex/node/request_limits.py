"""Limits on what one caller may ask of the node at once."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, counts, seconds and gas; each protects all other callers from one."""

    body_bytes: int = 5 * 2**20
    """Size of one HTTP request or WebSocket message."""
    batch_requests: int = 1_000
    batch_seconds: float = 10.0
    """Time for all requests of a batch; those beyond are errors."""
    batch_answer_bytes: int = 25_000_000
    """Size of all answers of a batch; those beyond are errors."""
    connections: int = 256
    idle_seconds: float = 60.0
    """Longest time that a connection is open without a complete request."""
    body_seconds: float = 15.0
    """Longest time for a request's body to arrive."""
    send_seconds: float = 15.0
    """Longest time for a client to accept an answer."""
    log_blocks: int = 100_000
    """Range of one search for logs."""
    log_results: int = 10_000
    fee_blocks: int = 1_024
    call_gas: int = 50_000_000
    """Gas of one call or estimate; the block's gas limit where that is lower."""
    call_seconds: float = 10.0
    """Time for one call, estimate or access list."""
    filters: int = 1_000
    filter_seconds: float = 300.0
    """Time after which a filter expires that nobody asks for changes."""
    subscriptions: int = 64
    """Subscriptions on one WebSocket."""
    waiting_messages: int = 1_024
    """Messages that wait on one WebSocket before its client counts as too slow."""
