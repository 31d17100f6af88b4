"""Transfers of the native coin as logs, for those who ask what a call moves (ERC-7528)."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_hash.auto import keccak

from evm_dex.evm.machine import State

_COIN = bytes.fromhex("ee" * 20)
_TRANSFER = int.from_bytes(keccak(b"Transfer(address,address,uint256)"), "big")


def log_transfers(state: State) -> None:
    """Let every call on a state that sends wei begin with a log of that, as a token's would be.

    Like other logs they are gone where the call fails.
    """
    logging: Any = state
    logging.computation_class = _logging_class(logging.computation_class)


@cache  # there is one per chain, and one with a bound on time
def _logging_class(base: Any) -> Any:
    def __init__(self: Any, state: Any, message: Any, context: Any) -> None:  # noqa: N807 - see below
        base.__init__(self, state, message, context)
        if message.value and message.should_transfer_value:
            sender, to = (
                int.from_bytes(it, "big") for it in (message.sender, message.storage_address)
            )
            topics = (_TRANSFER, sender, to)
            self.add_log_entry(_COIN, topics, message.value.to_bytes(32, "big"))

    return type("TransferLoggingComputation", (base,), {"__init__": __init__})
