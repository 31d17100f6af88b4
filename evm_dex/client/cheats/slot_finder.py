"""Finding where a contract keeps what one of its functions returns, by trying.

Works for any compiler and behind proxies: the words that a call reads are noted, then each is
changed in turn, to see whether the answer follows.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from evm_dex.chain.chain import Chain
from evm_dex.errors import CallFailed
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.machine import State
from evm_dex.evm.simulator import Call
from evm_dex.evm.tracer import StorageReads
from precompiles.types import Address

_PROBE = 0x5EED_0FAB_A1A2_CE11
"""A value that no contract returns by chance."""
_WORD_BYTES = 32


class StorageSlot(NamedTuple):
    """The place of one storage word."""

    address: Address
    slot: int


def find_storage_slot(chain: Chain, call: Call) -> StorageSlot | None:
    """Find the storage slot that a call's first output is a copy of, at the head.

    None where the answer is computed, packed with others or kept elsewhere. Raises CallFailed
    when the call itself fails.
    """
    reads = StorageReads()
    config = ExecutionConfig(on_step=reads.run)
    output = chain.call(msgspec.structs.replace(call, config=config))
    answer = int.from_bytes(output[:_WORD_BYTES], "big")
    found = [(address, slot) for address, slot, word in reversed(reads.words) if word == answer]
    for address, slot in dict.fromkeys(found):
        word = StorageSlot(Address(address), slot)
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
