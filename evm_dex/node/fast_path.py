"""Requests that are short enough to run between two looks at the network.

All others run on the chain's thread, so that they hold up nobody's ping. Going there and back takes
longer than answering most requests does, and a client that sends one after another waits for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from checkpoint.trie import rlp
from evm_dex.node.turns import Use

_SEND = "eth_sendRawTransaction"
_SURELY_LIGHT = 50_000
"""Gas with which a transaction takes less than 25 ms, whatever it does."""
_MOST_GAS = 1_000_000
"""Gas with which it takes less than a second; more waits on a thread, whatever it took before."""
_SHORT_SECONDS = 0.01
_MOST_NOTED = 10_000
_MOST_HEX = 20_000
_SMALL_BATCH = 4
"""ethers sends every request in a batch with eth_chainId."""
_GAS_FIELDS = {0x01: 3, 0x02: 4, 0x03: 4, 0x04: 4}
_LEGACY_GAS_FIELD = 2
_LEGACY = 0xC0
"""From here on the first byte is that of a legacy transaction's list."""
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
    "dex_archive",
    "dex_archivePart",
    "dex_blockHashes",
    "dex_exportBlocks",
    "dex_following",
    "dex_head",
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
    if not isinstance(method, str) or is_pending(content):
        return Use.ALONE
    if method in _READING or method.startswith(_READING_FAMILIES):
        return Use.READING
    return Use.CALLING if method in _CALLING else Use.ALONE


class Length(NamedTuple):
    """The time that a request may take."""

    is_short: bool
    """True for a request that is sure to take next to no time."""
    noted_as: bytes | None = None
    """The name under which to note what it takes; None where that tells nothing of others."""


_SHORT_LENGTH, _ANY_LENGTH = Length(is_short=True), Length(is_short=False)


class ShortWork:
    """Knows which requests take next to no time: by what they are, and by what they took before.

    The gas of a transaction says little about that: a hundred thousand are a word stored, or a
    tenth of a second of hashing. So one that may use more than `_SURELY_LIGHT` is short where the
    last with the same target and selector was.
    """

    def __init__(self) -> None:
        self._seconds: dict[bytes, float] = {}
        """Seconds that the last transaction took, by target and selector."""

    def length(self, content: Any) -> Length:
        """Return what is known of a decoded request, or of a small batch as a whole."""
        if isinstance(content, list):
            is_small = len(content) <= _SMALL_BATCH and all(
                isinstance(request, dict) and self.length(request).is_short for request in content
            )
            return _SHORT_LENGTH if is_small else _ANY_LENGTH
        if not isinstance(content, dict):
            return _ANY_LENGTH
        method = content.get("method")
        if method != _SEND:
            is_light = isinstance(method, str) and (method in _SHORT or _is_of_hashes(content))
            return _SHORT_LENGTH if is_light and not is_pending(content) else _ANY_LENGTH
        sent = _sent(content)
        if sent is None:
            return _ANY_LENGTH
        gas, called = sent
        if gas <= _SURELY_LIGHT:
            return _SHORT_LENGTH
        was_short = self._seconds.get(called, _SHORT_SECONDS) < _SHORT_SECONDS
        return Length(gas <= _MOST_GAS and was_short, called)

    def note(self, called: bytes, seconds: float) -> None:
        """Note what a transaction took, by target and selector."""
        if len(self._seconds) >= _MOST_NOTED:
            self._seconds.clear()
        self._seconds[called] = seconds


def is_pending(content: dict[str, Any]) -> bool:
    """Return whether what waits may have to be executed for an answer: a nonce needs it not."""
    if content.get("method") == "eth_getTransactionCount":
        return False
    given = content.get("params")
    if isinstance(given, dict):
        given = given.values()
    elif not isinstance(given, list):
        return False
    return any(
        item == "pending" or (isinstance(item, dict) and item.get("blockNumber") == "pending")
        for item in given
    )


def _is_of_hashes(content: dict[str, Any]) -> bool:
    """Return whether a block is asked for by number with the hashes of its transactions alone.

    Libraries look at the newest for each transaction that they complete.
    """
    params = content.get("params")
    is_listed = isinstance(params, list) and len(params) == 2 and params[1] is False
    return is_listed and content["method"] == "eth_getBlockByNumber"


def _sent(content: dict[str, Any]) -> tuple[int, bytes] | None:
    """Return a raw transaction's gas, and its target with the selector; None for a long one."""
    params = content.get("params")
    raw = params[0] if isinstance(params, list) and params else None
    if not isinstance(raw, str) or len(raw) > _MOST_HEX:
        return None
    try:
        encoded = bytes.fromhex(raw.removeprefix("0x"))
        at = _GAS_FIELDS.get(encoded[0], _LEGACY_GAS_FIELD)
        gas, to, _, data = rlp.decode(encoded if encoded[0] >= _LEGACY else encoded[1:])[
            at : at + 4
        ]
        return int.from_bytes(gas, "big"), to + data[:4]
    except (ValueError, TypeError, IndexError):
        return 0, b""  # to be refused, which takes no time
