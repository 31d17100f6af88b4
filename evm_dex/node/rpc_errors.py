"""What a caller is told when a request fails: JSON-RPC's codes, and those Ethereum clients know."""

from __future__ import annotations

from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
FAILED = -32000
LIMIT_EXCEEDED = -32005
REVERTED = 3


class RpcError(Exception):
    """An answer that is an error; `data` is left out when None."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_json(self) -> dict[str, Any]:
        """The error object of a response."""
        found: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            found["data"] = self.data
        return found


def invalid_params(message: str) -> RpcError:
    """Parameters that can't be what was meant."""
    return RpcError(INVALID_PARAMS, message)


def failed(message: str) -> RpcError:
    """A request that is in order and can't be fulfilled."""
    return RpcError(FAILED, message)


def limit_exceeded(message: str) -> RpcError:
    """A request for more than this node gives at once; the message says how to ask for less."""
    return RpcError(LIMIT_EXCEEDED, message)
