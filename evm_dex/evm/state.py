"""Py-evm's state of Prague over our account database, with the ledger in every snapshot."""

from __future__ import annotations

import copy
from typing import Any, Protocol, cast

from eth._utils.state import code_is_delegation_designation
from eth.abc import AtomicDatabaseAPI, ExecutionContextAPI, SignedTransactionAPI
from eth.vm.forks.cancun.state import get_total_blob_gas
from eth.vm.forks.prague.state import PragueState, PragueTransactionExecutor
from eth_typing import Hash32
from eth_utils.exceptions import ValidationError
from eth_utils.logging import get_extended_debug_logger

from evm_dex.blocks.rules import Rules
from evm_dex.evm.account_db import AccountDatabase
from evm_dex.evm.config import MINING, ExecutionConfig
from evm_dex.evm.machine import State
from precompiles.engine.journal import Journal
from precompiles.ledger.commitment import digest
from precompiles.ledger.storage import Commitment, LedgerChanges
from precompiles.types import COMMITMENT_SLOT, LEDGER_ADDRESS

_logger: Any = get_extended_debug_logger("eth.vm.state")


_BLOB_TYPE = 3


def is_contract(code: bytes) -> bool:
    """Whether an account's code is its own, not just the name of another's (EIP-7702)."""
    return code != b"" and not code_is_delegation_designation(code)


class TransactionExecutor(PragueTransactionExecutor):
    """Py-evm's execution of a transaction; whether it must be valid is the configuration's."""

    vm_state: DexState

    def validate_transaction(self, transaction: SignedTransactionAPI) -> None:
        """Raise py-evm's ValidationError for a transaction that may not be in the block."""
        if self.vm_state.config.validates:
            super().validate_transaction(transaction)
            self._check_funds(transaction)
            self._check_sender(transaction)

    def _check_funds(self, transaction: Any) -> None:
        """Blobs at their highest price count on top of value and gas (EIP-4844).

        py-evm 0.12.1b1 holds the balance against gas and value, then against gas and blobs.
        """
        if transaction.type_id != _BLOB_TYPE:
            return
        blobs = get_total_blob_gas(transaction) * transaction.max_fee_per_blob_gas
        most = transaction.gas * transaction.max_fee_per_gas + blobs + transaction.value
        balance = self.vm_state.get_balance(transaction.sender)
        if balance < most:
            raise ValidationError(
                f"insufficient funds for gas * price + value: the sender has {balance} wei, gas, "
                f"blobs and value come to {most}"
            )

    def _check_sender(self, transaction: Any) -> None:
        """No contract has a key (EIP-3607); one that is impersonated needs none."""
        code = self.vm_state.get_code(transaction.sender)
        if is_contract(code) and getattr(transaction, "is_signed", True):
            raise ValidationError(
                f"sender not an eoa: 0x{transaction.sender.hex()} has {len(code)} bytes of code"
            )

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
        """Return the same accounts and block, executed under another configuration."""
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
        # Below 0 only where nothing is validated, and gas is free in spite of a base fee.
        return 0 if self.rules.burns_tips else max(super().get_tip(transaction), 0)

    def has_code_or_nonce(self, address: Any) -> bool:
        """Whether no contract may be created there (EIP-684), nor over storage (EIP-7610)."""
        return super().has_code_or_nonce(address) or self._accounts.account_has_storage(address)

    @property
    def blob_base_fee(self) -> int:
        """Wei per blob gas."""
        chosen = self.config.blob_base_fee
        return super().blob_base_fee if chosen is None else chosen

    def increment_nonce(self, address: Any) -> None:
        """Add 1 to an account's nonce; where nothing is validated, the highest is followed by 0."""
        if self.config.validates:
            super().increment_nonce(address)
        else:
            self.set_nonce(address, (self.get_nonce(address) + 1) % 2**64)

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
    """Put a commitment's digest into the slot that stands for the ledger.

    Header -> state root -> storage slot -> every row.
    """
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
