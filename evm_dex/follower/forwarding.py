"""Requests that a follower does not answer itself."""

from __future__ import annotations

from typing import Any

from evm_dex.node.fast_path import is_pending
from evm_dex.node.registry import all_methods

_SENDING = frozenset(
    (
        "eth_sendRawTransaction",
        "eth_sendRawTransactionSync",
        "eth_sendTransaction",
        "eth_sendTransactionSync",
    )
)
_OF_THE_POOL = frozenset(
    (
        "eth_fillTransaction",
        "eth_pendingTransactions",
        "txpool_content",
        "txpool_contentFrom",
        "txpool_inspect",
        "txpool_status",
    )
)
_OWN = frozenset(("dex_promote",))


def is_write(content: Any) -> bool:
    """Return whether a request changes the chain, or a batch has such a one."""
    if isinstance(content, list):
        return any(is_write(each) for each in content)
    name = content.get("method") if isinstance(content, dict) else None
    if not isinstance(name, str) or name in _OWN:
        return False
    method = all_methods().get(name)
    return name in _SENDING or (method is not None and method.is_cheat)


def is_of_the_pool(content: Any) -> bool:
    """Return whether a request asks for what waits at the node for a block."""
    if isinstance(content, list):
        return any(is_of_the_pool(each) for each in content)
    if not isinstance(content, dict):
        return False
    params = content.get("params")
    return content.get("method") in _OF_THE_POOL or (
        isinstance(params, list | dict) and (is_pending(content) or "pending" in params)
    )
