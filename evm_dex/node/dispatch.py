"""Answering requests: from bytes to bytes (JSON-RPC 2.0, batches included).

Whatever comes in, an answer goes out: an error object where it can't be a result.
"""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec

from evm_dex.node.fast_path import use_of
from evm_dex.node.forge_bridge import BRIDGE
from evm_dex.node.node import Node, to_rpc_error
from evm_dex.node.passing_on import LOCAL, foresee, passed_on
from evm_dex.node.rpc_errors import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    limit_exceeded,
)
from evm_dex.node.subscriptions import Subscriptions
from evm_dex.node.turns import Use

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_NO_ID = object()
DEEPEST = 64
"""Levels of JSON that are decoded.

Decoders recurse, and py-evm raises Python's own bound on that so far that the C stack ends first.
"""
MOST_CONTAINERS = 100_000
"""Arrays and objects of a request: making many takes long, and nothing else runs meanwhile."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_AS_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""Brackets as signed bytes: one level down, or up."""


def read(body: bytes) -> Any:
    """Decode a request; return the bytes of an error's answer where it is not JSON."""
    try:
        return decode_bounded(body)
    except ValueError as error:
        return refusal(RpcError(PARSE_ERROR, str(error)))


def decode_bounded(body: bytes) -> Any:
    """Decode JSON. Raises ValueError where it is none, nested too deeply, or of too many parts."""
    if body.count(b"[") + body.count(b"{") > MOST_CONTAINERS:
        raise ValueError(f"JSON must have at most {MOST_CONTAINERS} arrays and objects")
    if is_too_deep(body):
        raise ValueError(f"JSON must be nested at most {DEEPEST} levels deep")
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def respond(node: Node, content: Any, subscriptions: Subscriptions | None = None) -> bytes:
    """Answer what `read` returned."""
    if isinstance(content, list):
        return _answer_batch(node, content, subscriptions)
    return _answer_one(node, content, subscriptions)


def refusal(error: RpcError, identity: Any = None) -> bytes:
    """Return an answer to what was not looked into, or to a request of some id."""
    return _encode(_failure(_sound_id(identity), error))


def _answer_batch(node: Node, batch: list[Any], subscriptions: Subscriptions | None) -> bytes:
    most = node.limits.batch_requests
    if not batch:
        return refusal(RpcError(INVALID_REQUEST, "a batch must have at least one request"))
    if len(batch) > most:
        return refusal(
            RpcError(
                INVALID_REQUEST, f"a batch must have at most {most} requests, got {len(batch)}"
            )
        )
    with node.turns.taken(Use.READING):
        foresee(node, batch)
    answers, size, seconds = [], 0, 0.0
    for request in batch:
        if size > node.limits.batch_answer_bytes:
            found = _beyond(request, f"fill {node.limits.batch_answer_bytes} bytes")
        elif seconds > node.limits.batch_seconds:
            found = _beyond(request, f"took {node.limits.batch_seconds:g} s")
        else:
            began = time.monotonic()
            found = _answer_one(node, request, subscriptions)
            seconds += time.monotonic() - began
        if found:
            answers.append(found)
            size += len(found)
    return b"[" + b",".join(answers) + b"]" if answers else b""


def _beyond(request: Any, what: str) -> bytes:
    identity = request.get("id", _NO_ID) if isinstance(request, dict) else None
    if identity is _NO_ID:
        return b""
    error = limit_exceeded(f"the answers before this one {what}: use smaller batches")
    return _encode(_failure(_sound_id(identity), error))


def _answer_one(node: Node, request: Any, subscriptions: Subscriptions | None) -> bytes:
    identity = request.get("id", _NO_ID) if isinstance(request, dict) else None
    try:
        if node.turns.has_all:
            result = _result(node, request, subscriptions)
        else:
            with node.turns.taken(use_of(request)):
                result = _result(node, request, subscriptions)
        found = {"jsonrpc": "2.0", "id": identity, "result": result}
        return b"" if identity is _NO_ID else _encode(found)
    except Exception as error:
        told = to_rpc_error(error)
    if identity is _NO_ID and told.code != INVALID_REQUEST:
        return b""
    return _encode(_failure(_sound_id(identity), told))


def _result(node: Node, request: Any, subscriptions: Subscriptions | None) -> Any:
    if not isinstance(request, dict):
        raise RpcError(INVALID_REQUEST, "a request must be an object with `method` and `params`")
    name, params = request.get("method"), request.get("params")
    if not isinstance(name, str):
        raise RpcError(INVALID_REQUEST, "`method` must be a string")
    if request.get("jsonrpc", "2.0") != "2.0":
        raise RpcError(INVALID_REQUEST, '`jsonrpc` must be "2.0"')
    if not isinstance(params, list | dict | None):
        raise RpcError(INVALID_REQUEST, "`params` must be a list or an object")
    if _sound_id(request.get("id")) != request.get("id"):
        raise RpcError(INVALID_REQUEST, "`id` must be a string, a number or null")
    method = node.methods.get(name)
    if method is None:
        raise RpcError(METHOD_NOT_FOUND, f"the method {name} does not exist or is not available")
    if node.forge_bridge.is_away and not name.startswith(BRIDGE):
        with node.turns.taken(Use.ALONE):
            node.forge_bridge.leave()
    arguments = method.arguments(params)
    found = passed_on(node, method, params, arguments)
    if found is not LOCAL:
        return found
    if not method.over_sockets:
        return method.result.write(method.function(node, *arguments))
    if subscriptions is None:
        raise RpcError(METHOD_NOT_FOUND, f"{name} works on WebSocket connections only")
    return method.result.write(method.function(node, subscriptions, *arguments))


def _sound_id(identity: Any) -> Any:
    """Return an id as it goes back; null for one that is not an id."""
    return identity if type(identity) in (str, int, float) else None


def _failure(identity: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": error.as_json()}


def is_too_deep(body: bytes) -> bool:
    """Return whether brackets outside of strings are open more than `DEEPEST` levels deep."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    import numpy as np  # noqa: PLC0415 - few requests are nested

    brackets = _STRING.sub(b"", body) if b'"' in body else body
    steps = np.frombuffer(brackets.translate(_AS_STEPS, _NO_BRACKET), dtype=np.int8)
    deepest: int = np.cumsum(steps, dtype=np.int32).max(initial=0)
    return deepest > DEEPEST
