"""Requests that are short enough to run between two looks at the network.

All others run on the chain's thread, so that they hold up nobody's ping. Going there and back takes
longer than answering most requests does, and a client that sends one after another waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checkpoint.trie import rlp
from evm_dex.node.turns import Use

_MOST_GAS = 1_000_000
"""A transaction of so much takes less than a second, whatever it does."""
_MOST_HEX = 20_000
_SMALL_BATCH = 4
"""ethers sends every request in a batch with eth_chainId."""
_GAS_FIELDS = {0x01: 3, 0x02: 4, 0x03: 4, 0x04: 4}
_LEGACY_GAS_FIELD = 2
_SHORT = frozenset(
    (
        "eth_accounts",
        "eth_blockNumber",
        "eth_chainId",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getCode",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
        "net_version",
        "web3_clientVersion",
    )
)
_READING = _SHORT | {
    "eth_baseFee",
    "eth_blobBaseFee",
    "eth_config",
    "eth_feeHistory",
    "eth_newBlockFilter",
    "eth_newFilter",
    "eth_newPendingTransactionFilter",
    "eth_subscribe",
    "eth_syncing",
    "eth_uninstallFilter",
    "eth_unsubscribe",
    "rpc_discover",
}
_READING_FAMILIES = ("eth_get", "debug_getRaw", "net_", "web3_")
_CALLING = frozenset(("eth_call", "eth_createAccessList"))


def use_of(content: Any) -> Use:
    """Return what a decoded request, or a batch as a whole, needs of the chain."""
    if not isinstance(content, dict):
        return Use.ALONE
    method = content.get("method")
    if not isinstance(method, str) or _is_pending(content):
        return Use.ALONE
    if method in _READING or method.startswith(_READING_FAMILIES):
        return Use.READING
    return Use.CALLING if method in _CALLING else Use.ALONE


def is_short(content: Any) -> bool:
    """Return whether a decoded request, or a small batch, is sure to take next to no time."""
    if isinstance(content, list):
        return len(content) <= _SMALL_BATCH and all(
            isinstance(request, dict) and is_short(request) for request in content
        )
    if not isinstance(content, dict):
        return False
    method = content.get("method")
    if method == "eth_sendRawTransaction":
        return _is_light(content.get("params"))
    return isinstance(method, str) and method in _SHORT and not _is_pending(content)


def _is_pending(content: dict[str, Any]) -> bool:
    """Return whether what waits may have to be executed for an answer: a nonce needs it not."""
    if content.get("method") == "eth_getTransactionCount":
        return False
    params = content.get("params")
    given = params.values() if isinstance(params, dict) else params
    return isinstance(given, Iterable) and any(
        item == "pending" or (isinstance(item, dict) and item.get("blockNumber") == "pending")
        for item in given
    )


def _is_light(params: Any) -> bool:
    """Return whether a raw transaction can use little gas."""
    raw = params[0] if isinstance(params, list) and params else None
    if not isinstance(raw, str) or len(raw) > _MOST_HEX:
        return False
    try:
        encoded = bytes.fromhex(raw.removeprefix("0x"))
        field = _GAS_FIELDS.get(encoded[0])
        items = rlp.decode(encoded if field is None else encoded[1:])
        gas = items[_LEGACY_GAS_FIELD if field is None else field]
        return int.from_bytes(gas, "big") <= _MOST_GAS
    except (ValueError, TypeError, IndexError):
        return True  # to be refused, which takes no time
