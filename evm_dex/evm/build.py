"""Building a virtual machine class around the precompiles of one chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from eth.abc import BlockAndMetaWitness, BlockAPI, ComputationAPI, SignedTransactionAPI
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.state import PragueState
from eth_utils.logging import get_extended_debug_logger

from evm_dex.evm import point_evaluation  # noqa: F401 - lets py-evm's keep what it reads
from evm_dex.evm.account_db import AccountDatabase
from evm_dex.evm.computation import Computation
from evm_dex.evm.ledger_digest import SealedLedger, seal_ledger
from evm_dex.evm.machine import State
from evm_dex.evm.modexp import MODEXP_ADDRESS, modexp
from evm_dex.evm.precompile_adapter import Precompile, as_py_evm
from precompiles.ledger.storage import LedgerChanges
from precompiles.types import Address

_logger: Any = get_extended_debug_logger("eth.vm.state")

RESERVED_ADDRESSES = frozenset(
    Address(number.to_bytes(20, "big")) for number in (*range(0x01, 0x12), 0x100)
)
"""Ethereum's own precompiles up to Prague, and P-256 verification (RIP-7212)."""


class AddressTaken(ValueError):  # noqa: N818 - named for what happened, like all errors here
    """A precompile was given an address that is not free."""


def build_vm(precompiles: Mapping[Address, Precompile], ledger: SealedLedger) -> type[PragueVM]:
    """A VM class with Prague rules, these precompiles, and this ledger in every snapshot.

    Raises AddressTaken for an address that Ethereum reserves or that is not the precompile's own.
    """
    functions: dict[Any, Any] = {  # of two NewTypes of bytes named Address
        **Computation.get_precompiles(),
        MODEXP_ADDRESS: modexp,
        **_functions(precompiles),
    }
    journal = ledger.journal

    class DexComputation(Computation):
        _precompiles = functions

    class DexState(PragueState):
        account_db_class = AccountDatabase
        computation_class = DexComputation
        logger = _logger  # py-evm looks it up each time

        # A token is two marks, so one that is never committed or reverted leaves nothing behind.

        def snapshot(self) -> Any:  # the token is opaque to py-evm's callers
            return self._account_db.record(), journal.mark()

        def revert(self, snapshot: Any) -> None:
            accounts, rows = snapshot
            self._account_db.discard(accounts)
            journal.revert(rows)

        def commit(self, snapshot: Any) -> None:
            """Nothing to do: changes stay unless they are reverted."""

        def get_transient_storage(self, address: bytes, slot: int) -> bytes:
            return self._accounts.get_transient(address, slot)

        def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
            self._accounts.set_transient(address, slot, value)

        def clear_transient_storage(self) -> None:
            self._accounts.clear_transient()

        @property
        def _accounts(self) -> AccountDatabase:
            return cast(AccountDatabase, self._account_db)

    class DexVM(PragueVM):
        _state_class = DexState
        _changes: LedgerChanges | None = None

        @classmethod
        def finalize_gas_used(
            cls, transaction: SignedTransactionAPI, computation: ComputationAPI
        ) -> int:
            """Gas to be paid: what was used less the refund, or EIP-7623's floor.

            py-evm 0.12.1b1 adds the floor before it caps the refund, and so bills less than
            its own state transition takes.
            """
            used = transaction.gas - computation.get_gas_remaining()
            refund = cls.calculate_net_gas_refund(used, computation.get_gas_refund())
            return used - refund + computation.data_floor_gas

        def finalize_block(self, block: BlockAPI) -> BlockAndMetaWitness:
            self._changes = seal_ledger(cast(State, self.state), ledger)
            return super().finalize_block(block)

        def import_block(self, block: BlockAPI) -> BlockAndMetaWitness:
            """Execute and validate a block made elsewhere; the ledger moves on with it.

            When the block is refused, the ledger is as before.
            """
            mark = journal.mark()
            try:
                result = super().import_block(block)
            except BaseException:
                journal.revert(mark)
                raise
            assert self._changes is not None
            ledger.accept(self._changes)
            return result

    return DexVM


def _functions(precompiles: Mapping[Address, Precompile]) -> dict[Address, Any]:
    for address, precompile in precompiles.items():
        if address in RESERVED_ADDRESSES:
            raise AddressTaken(f"0x{address.hex()} is reserved for Ethereum's own precompiles")
        if precompile.address != address:
            raise AddressTaken(
                f"0x{address.hex()} is given to the precompile of 0x{precompile.address.hex()}"
            )
    return {address: as_py_evm(precompile) for address, precompile in precompiles.items()}
