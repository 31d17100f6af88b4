"""Building a virtual machine class around the precompiles of one chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from eth.abc import (
    AtomicDatabaseAPI,
    BlockAndMetaWitness,
    BlockAPI,
    ChainContextAPI,
    ComputationAPI,
    SignedTransactionAPI,
)
from eth.vm.forks.prague import PragueVM

from evm_dex.blocks.receipt import Log
from evm_dex.blocks.rules import PRAGUE, Rules
from evm_dex.evm.computation import Computation
from evm_dex.evm.config import MINING, ExecutionConfig
from evm_dex.evm.ethereum_precompiles import ETHEREUM_PRECOMPILES, RESERVED_ADDRESSES
from evm_dex.evm.machine import State
from evm_dex.evm.origin_state import OriginState
from evm_dex.evm.precompile_adapter import Precompile, as_py_evm
from evm_dex.evm.state import DexState, SealedLedger, seal_ledger
from evm_dex.evm.system_contracts import begin_block, end_block, requests_hash
from precompiles.ledger.storage import LedgerChanges
from precompiles.types import Address

_BLS_ADDRESSES = frozenset(number.to_bytes(20, "big") for number in range(0x0B, 0x12))


class AddressTaken(ValueError):  # noqa: N818 - named for what happened, like all errors here
    """A precompile was given an address that is not free."""


class DexVM(PragueVM):
    """Prague, with a ledger that moves on with each block."""

    ledger: SealedLedger
    _changes: LedgerChanges | None = None

    @classmethod
    def build_state(
        cls,
        db: AtomicDatabaseAPI,
        header: Any,
        chain_context: ChainContextAPI,
        previous_hashes: Iterable[Any] = (),
        config: ExecutionConfig = MINING,
    ) -> DexState:
        """Return the state at a header's root, for execution in that header's block."""
        context = cls.create_execution_context(header, previous_hashes, chain_context)
        state_class = cast(type[DexState], cls.get_state_class())
        return state_class(db, context, header.state_root, config)

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

    def block_preprocessing(self, block: BlockAPI) -> None:
        """Tell the system contracts of the block, by calling them."""
        begin_block(self.state, block.header)

    def block_postprocessing(self, block: BlockAPI) -> BlockAPI:
        """Commit the header to the block's requests."""
        logs = (
            Log(
                Address(log.address),
                tuple(topic.to_bytes(32, "big") for topic in log.topics),
                log.data,
            )
            for receipt in block.get_receipts(self.chaindb)
            for log in receipt.logs
        )
        requests = requests_hash(end_block(self.state, logs))
        return block.copy(header=block.header.copy(requests_hash=requests))

    def finalize_block(self, block: BlockAPI) -> BlockAndMetaWitness:
        """End a block, the ledger's part first."""
        self._changes = seal_ledger(cast(State, self.state), self.ledger)
        return super().finalize_block(block)

    def import_block(self, block: BlockAPI) -> BlockAndMetaWitness:
        """Execute and validate a block made elsewhere; the ledger moves on with it.

        When the block is refused, the ledger is as before.
        """
        journal = self.ledger.journal
        mark = journal.mark()
        try:
            result = super().import_block(block)
        except BaseException:
            journal.revert(mark)
            raise
        assert self._changes is not None
        self.ledger.accept(self._changes)
        return result


def build_vm(
    precompiles: Mapping[Address, Precompile],
    ledger: SealedLedger,
    rules: Rules = PRAGUE,
    origin: OriginState | None = None,
) -> type[DexVM]:
    """Return a VM class with these precompiles, and this ledger in every snapshot.

    `origin` is what a forked chain begins from.

    Raises AddressTaken for an address that Ethereum reserves or that is not the precompile's own.
    """
    functions: dict[Any, Any] = {  # of two NewTypes of bytes named Address
        **_ethereum_precompiles(rules),
        **_functions(precompiles),
    }

    class ChainComputation(Computation):
        _precompiles = functions

    class ChainState(DexState):
        computation_class = ChainComputation
        journal = ledger.journal

    ChainState.rules = rules
    ChainState.origin = origin

    class ChainVM(DexVM):
        _state_class = ChainState

    ChainVM.ledger = ledger
    return ChainVM


def _ethereum_precompiles(rules: Rules) -> dict[Any, Any]:
    found = ETHEREUM_PRECOMPILES
    if rules.has_bls:
        return dict(found)
    return {address: it for address, it in found.items() if address not in _BLS_ADDRESSES}


def _functions(precompiles: Mapping[Address, Precompile]) -> dict[Address, Any]:
    for address, precompile in precompiles.items():
        if address in RESERVED_ADDRESSES:
            raise AddressTaken(f"0x{address.hex()} is reserved for Ethereum's own precompiles")
        if precompile.address != address:
            raise AddressTaken(
                f"0x{address.hex()} is given to the precompile of 0x{precompile.address.hex()}"
            )
    return {address: as_py_evm(precompile) for address, precompile in precompiles.items()}
