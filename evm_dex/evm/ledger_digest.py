"""The ledger's digest in the state trie: header -> state root -> storage slot -> every row."""

from __future__ import annotations

from typing import Protocol

from evm_dex.evm.machine import State
from precompiles.engine.journal import Journal
from precompiles.ledger.commitment import digest
from precompiles.ledger.storage import Commitment, LedgerChanges
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS


class SealedLedger(Protocol):
    """What a block needs of the ledger."""

    @property
    def journal(self) -> Journal:
        """The undo journal that py-evm's snapshots are carried over to."""

    def seal(self) -> LedgerChanges:
        """Return what changed since the last `accept`; asking changes nothing."""

    def accept(self, changes: LedgerChanges) -> None:
        """Adopt what `seal` returned as the new starting point."""


def write_commitment(state: State, commitment: Commitment) -> None:
    """Put a commitment's digest into the slot that stands for the ledger."""
    value = int.from_bytes(digest(commitment), "big")
    state.set_storage(LEDGER_ADDRESS, COMMITMENT_SLOT, value)


def seal_ledger(state: State, ledger: SealedLedger) -> LedgerChanges:
    """End a block for the ledger, before the state root is computed.

    Our own sealing and py-evm's import of a block both go through here. A block that changed no
    row leaves the slot untouched.
    """
    changes = ledger.seal()
    if changes.rows:
        write_commitment(state, changes.commitment)
    return changes
