"""Which accounts and storage words an execution touches (EIP-2929), for access lists."""

from __future__ import annotations

from typing import Any

from evm_dex.evm.machine import State


class Accesses:
    """What was touched on a watched state, also by calls that failed, in order of address."""

    def __init__(self) -> None:
        self._slots: dict[bytes, set[int]] = {}

    def watch(self, state: State) -> None:
        """Note what executions on a state touch from now on."""
        watched: Any = state
        mark_address, mark_storage = watched.mark_address_warm, watched.mark_storage_warm

        def address_touched(address: bytes) -> None:
            self._slots.setdefault(address, set())
            mark_address(address)

        def storage_touched(address: bytes, slot: int) -> None:
            self._slots.setdefault(address, set()).add(slot)
            mark_storage(address, slot)

        watched.mark_address_warm = address_touched
        watched.mark_storage_warm = storage_touched

    def touched(self) -> dict[bytes, tuple[int, ...]]:
        """Storage words by account; none where only the account itself was touched."""
        return {address: tuple(sorted(self._slots[address])) for address in sorted(self._slots)}
