"""How deeply JSON is nested, found out before it is decoded.

Decoders recurse, and py-evm raises Python's own bound on that so far that the C stack ends first.
"""

from __future__ import annotations

import re

DEEPEST = 64
"""More levels than any request has use for."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def is_too_deep(body: bytes) -> bool:
    """Whether brackets outside of strings are open more than `DEEPEST` levels deep."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NO_BRACKET):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            return True
    return False
