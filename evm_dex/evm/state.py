"""Py-evm's state of Prague over our account database, with the ledger in every snapshot."""

from __future__ import annotations

import copy
from typing import Any, cast

from eth.abc import AtomicDatabaseAPI, ExecutionContextAPI, SignedTransactionAPI
from eth.vm.forks.prague.state import PragueState, PragueTransactionExecutor
from eth_typing import Hash32
from eth_utils.logging import get_extended_debug_logger

from evm_dex.blocks.rules import Rules
from evm_dex.evm.account_db import AccountDatabase
from evm_dex.evm.config import MINING, ExecutionConfig
from precompiles.engine.journal import Journal

_logger: Any = get_extended_debug_logger("eth.vm.state")


class TransactionExecutor(PragueTransactionExecutor):
    """Py-evm's execution of a transaction; whether it must be valid is the configuration's."""

    vm_state: DexState

    def validate_transaction(self, transaction: SignedTransactionAPI) -> None:
        """Raise py-evm's ValidationError for a transaction that may not be in the block."""
        if self.vm_state.config.validates:
            super().validate_transaction(transaction)

    def calc_data_floor_gas(  # type: ignore[override] # py-evm's asks nothing of the state
        self, transaction: SignedTransactionAPI, gas_used: int, gas_refund: int
    ) -> int:
        """Gas on top of what was used, where the rules have a floor (EIP-7623)."""
        if not self.vm_state.rules.has_calldata_floor:
            return 0
        return super().calc_data_floor_gas(transaction, gas_used, gas_refund)


class DexState(PragueState):
    """Accounts and ledger at one place of the chain, and how executions on them run."""

    account_db_class = AccountDatabase
    transaction_executor_class = TransactionExecutor
    logger = _logger  # py-evm looks it up each time
    journal: Journal
    """The ledger's; `build_vm` names it, as it does the rules."""
    rules: Rules

    def __init__(
        self,
        db: AtomicDatabaseAPI,
        execution_context: ExecutionContextAPI,
        state_root: Hash32,
        config: ExecutionConfig = MINING,
    ) -> None:
        self.config = config
        super().__init__(db, execution_context, state_root)

    def under(self, config: ExecutionConfig) -> DexState:
        """The same accounts and block, executed under another configuration."""
        other = copy.copy(self)
        other.config = config
        return other

    def set_system_contracts(self) -> None:
        """Do nothing: py-evm would write each contract again that is there already."""

    # A token is two marks, so one that is never committed or reverted leaves nothing behind.

    def snapshot(self) -> Any:  # the token is opaque to py-evm's callers
        """Return a token for `revert`."""
        return self._account_db.record(), self.journal.mark()

    def revert(self, snapshot: Any) -> None:
        """Take back all changes since a snapshot, the ledger's too."""
        accounts, rows = snapshot
        self._account_db.discard(accounts)
        self.journal.revert(rows)

    def commit(self, snapshot: Any) -> None:
        """Do nothing: changes stay unless they are reverted."""

    def get_tip(self, transaction: SignedTransactionAPI) -> int:
        """Wei per gas that the block's coinbase is paid."""
        return 0 if self.rules.burns_tips else super().get_tip(transaction)

    @property
    def blob_base_fee(self) -> int:
        """Wei per blob gas."""
        chosen = self.config.blob_base_fee
        return super().blob_base_fee if chosen is None else chosen

    def mark_address_warm(self, address: Any) -> None:
        """Note that an account is touched."""
        if self.config.accesses is not None:
            self.config.accesses.address_touched(address)
        self._account_db.mark_address_warm(address)

    def mark_storage_warm(self, address: Any, slot: int) -> None:
        """Note that a storage word is touched."""
        if self.config.accesses is not None:
            self.config.accesses.storage_touched(address, slot)
        self._account_db.mark_storage_warm(address, slot)

    def get_transient_storage(self, address: bytes, slot: int) -> bytes:
        """One word that lasts for the transaction; empty where none was set."""
        return self._accounts.get_transient(address, slot)

    def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
        """Set one word until the transaction ends."""
        self._accounts.set_transient(address, slot, value)

    def clear_transient_storage(self) -> None:
        """End the transaction for such words."""
        self._accounts.clear_transient()

    @property
    def _accounts(self) -> AccountDatabase:
        return cast(AccountDatabase, self._account_db)
