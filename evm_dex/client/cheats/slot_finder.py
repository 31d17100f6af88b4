"""Finding where a contract keeps what one of its functions returns, by trying.

Works for any compiler and behind proxies: the words that a call reads are noted, then each is
changed in turn, to see whether the answer follows.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from evm_dex.chain.chain import Chain
from evm_dex.errors import CallFailed
from evm_dex.evm.machine import State
from evm_dex.evm.simulator import Call
from precompiles.types import Address

_PROBE = 0x5EED_0FAB_A1A2_CE11
"""A value that no contract returns by chance."""
_WORD_BYTES = 32


class StorageSlot(NamedTuple):
    """Where a contract keeps one storage word."""

    address: Address
    slot: int


def find_storage_slot(chain: Chain, call: Call) -> StorageSlot | None:
    """Find the storage slot that a call's first output is a copy of, at the head.

    None where the answer is computed, packed with others or kept elsewhere. Raises CallFailed
    when the call itself fails.
    """
    read: list[tuple[StorageSlot, int]] = []
    answer = int.from_bytes(chain.call(call, prepare=_Recorder(read))[:_WORD_BYTES], "big")
    for word in dict.fromkeys(word for word, value in reversed(read) if value == answer):
        if _answer_with(chain, call, word) == _PROBE:
            return word
    return None


def _answer_with(chain: Chain, call: Call, word: StorageSlot) -> int | None:
    def prepare(state: State) -> None:
        state.set_storage(word.address, word.slot, _PROBE)

    try:
        output = chain.call(call, prepare=prepare)
    except CallFailed:
        return None
    return int.from_bytes(output[:_WORD_BYTES], "big")


class _Recorder:
    """Notes the words that are read from a state, and their values."""

    def __init__(self, read: list[tuple[StorageSlot, int]]) -> None:
        self._read = read

    def __call__(self, state: State) -> None:
        original = state.get_storage

        def get_storage(address: bytes, slot: int, **options: Any) -> int:
            value = original(address, slot, **options)
            self._read.append((StorageSlot(Address(address), slot), value))
            return value

        cast(Any, state).get_storage = get_storage
