"""Py-evm's state of Prague over our account database, with the ledger in every snapshot."""

from __future__ import annotations

import copy
from typing import Any, Protocol, cast

from eth.abc import AtomicDatabaseAPI, ExecutionContextAPI, SignedTransactionAPI
from eth.vm.forks.prague.state import PragueState
from eth_typing import Hash32
from eth_utils.logging import get_extended_debug_logger

from evm_dex.blocks.gas import blob_base_fee
from evm_dex.blocks.rules import Rules
from evm_dex.evm.account_db import AccountDatabase
from evm_dex.evm.config import MINING, ExecutionConfig
from evm_dex.evm.machine import State
from evm_dex.evm.origin_state import OriginState
from evm_dex.evm.transaction_executor import TransactionExecutor
from precompiles.engine.journal import Journal
from precompiles.ledger.commitment import digest
from precompiles.ledger.storage import Commitment, EarlierChanges, LedgerChanges
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

_logger: Any = get_extended_debug_logger("eth.vm.state")


class DexState(PragueState):
    """Accounts and ledger at one place of the chain, and how executions on them run."""

    account_db_class = AccountDatabase
    transaction_executor_class = TransactionExecutor
    logger = _logger  # py-evm looks it up each time
    journal: Journal
    """The ledger's; `build_vm` names it, as it does the rules."""
    rules: Rules
    origin: OriginState | None = None
    """The state that a forked chain begins from; likewise."""
    recorded_bytes = 0
    """Size of the calls that are recorded in the transaction, about."""

    def __init__(
        self,
        db: AtomicDatabaseAPI,
        execution_context: ExecutionContextAPI,
        state_root: Hash32,
        config: ExecutionConfig = MINING,
    ) -> None:
        self.config = config
        super().__init__(db, execution_context, state_root)
        self.accounts.observer = config.accesses
        self.accounts.origin = self.origin

    def under(self, config: ExecutionConfig) -> DexState:
        """Return the same accounts and block, executed under another configuration."""
        other = copy.copy(self)
        other.config = config
        other.recorded_bytes = 0
        self.accounts.observer = config.accesses
        return other

    def set_system_contracts(self) -> None:
        """Do nothing: py-evm would write each contract again that is there already."""

    # A token is two marks, so one that is never committed or reverted leaves nothing behind.

    def snapshot(self) -> Any:  # the token is opaque to py-evm's callers
        """Return a token for `revert`."""
        return self._account_db.record(), self.rows.mark()

    def revert(self, snapshot: Any) -> None:
        """Take back all changes since a snapshot, the ledger's too."""
        accounts, rows = snapshot
        self._account_db.discard(accounts)
        self.rows.revert(rows)

    @property
    def rows(self) -> Any:  # a journal or a view, each of which knows its own marks
        """The ledger's changes, to be marked and taken back."""
        return self.config.ledger_view or self.journal

    def commit(self, snapshot: Any) -> None:
        """Do nothing: changes stay unless they are reverted."""

    def get_tip(self, transaction: SignedTransactionAPI) -> int:
        """Wei per gas that the block's coinbase is paid."""
        # Below 0 only where nothing is validated, and gas is free in spite of a base fee.
        return 0 if self.rules.burns_tips else max(super().get_tip(transaction), 0)

    def has_code_or_nonce(self, address: Any) -> bool:
        """Whether no contract may be created there (EIP-684), nor over storage (EIP-7610)."""
        return super().has_code_or_nonce(address) or self.accounts.account_has_storage(address)

    @property
    def blob_base_fee(self) -> int:
        """Wei per blob gas."""
        chosen = self.config.blob_base_fee
        if chosen is None:
            return blob_base_fee(self.execution_context.excess_blob_gas)
        return chosen

    def increment_nonce(self, address: Any) -> None:
        """Add 1 to an account's nonce; where nothing is validated, the highest is followed by 0."""
        if self.config.validates:
            super().increment_nonce(address)
        else:
            self.set_nonce(address, (self.get_nonce(address) + 1) % 2**64)

    def get_transient_storage(self, address: bytes, slot: int) -> bytes:
        """Return one word that lasts for the transaction; empty where none was set."""
        return self.accounts.get_transient(address, slot)

    def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
        """Set one word until the transaction ends."""
        self.accounts.set_transient(address, slot, value)

    def clear_transient_storage(self) -> None:
        """End the transaction for such words."""
        self.accounts.clear_transient()

    @property
    def accounts(self) -> AccountDatabase:
        """The accounts themselves."""
        return cast(AccountDatabase, self._account_db)


class SealedLedger(Protocol):
    """The ledger as a block needs it."""

    @property
    def journal(self) -> Journal:
        """The undo journal that py-evm's snapshots are carried over to."""

    def seal(self, earlier: EarlierChanges | None = None) -> LedgerChanges:
        """Return what changed since the last `accept`; asking changes nothing.

        `earlier` spares looking again at what was sealed before.
        """

    def restore_row(self, table_number: int, key: bytes, value: bytes | None) -> None:
        """Set one row to a stored value, or delete it with None. Raises UntrustedStorage."""

    def accept(self, changes: LedgerChanges) -> None:
        """Adopt what `seal` returned as the new starting point."""


def write_commitment(state: State, commitment: Commitment) -> None:
    """Put a commitment's digest into the slot that stands for the ledger.

    Header -> state root -> storage slot -> every row.
    """
    value = int.from_bytes(digest(commitment), "big")
    state.set_storage(LEDGER_ADDRESS, COMMITMENT_SLOT, value)


def seal_ledger(
    state: State, ledger: SealedLedger, earlier: EarlierChanges | None = None
) -> LedgerChanges:
    """End a block for the ledger, before the state root is computed.

    Our own sealing and py-evm's import of a block both go through here. A block that changed no
    row leaves the slot untouched. `earlier` as for `seal`.
    """
    changes = ledger.seal(earlier)
    if changes.rows or earlier is not None:  # whose digest is in the slot
        write_commitment(state, changes.commitment)
    return changes
