"""The virtual machine as the chain uses it.

py-evm names header, transaction and address types of its own, while any object with the right
attributes will do. Here is the one place where the two meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, cast

import msgspec
from eth.abc import AtomicDatabaseAPI, ComputationAPI
from eth.exceptions import (
    UnrecognizedTransactionType as UnrecognizedTransactionType,  # noqa: PLC0414 - for other rooms
)
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.interrupt import EVMMissingData
from eth_utils.exceptions import ValidationError

from evm_dex.blocks.receipt import Log
from evm_dex.blocks.rules import Rules
from evm_dex.blocks.transaction import is_system_transaction
from evm_dex.evm.config import MINING, ExecutionConfig
from evm_dex.evm.ethereum_precompiles import EthereumPrecompile
from evm_dex.evm.system_contracts import begin_block
from precompiles.types import Address


class State(Protocol):
    """EVM accounts, code and storage at one block; wei, slots and words are ints."""

    execution_context: Any
    """The block whose transactions see it."""

    @property
    def rules(self) -> Rules:
        """The rules of its chain."""

    @property
    def config(self) -> ExecutionConfig:
        """Configuration of executions on it."""

    def under(self, config: ExecutionConfig) -> State:
        """Return the same accounts and block, executed under another configuration."""

    @property
    def state_root(self) -> bytes:
        """Root of what was last persisted or hashed."""

    def get_balance(self, address: bytes) -> int:
        """Wei of an account."""

    def set_balance(self, address: bytes, balance: int) -> None:
        """Set an account's wei."""

    def delta_balance(self, address: bytes, delta: int) -> None:
        """Add to an account's wei."""

    def get_nonce(self, address: bytes) -> int:
        """Return the number of transactions an account sent, or of contracts it created."""

    def set_nonce(self, address: bytes, nonce: int) -> None:
        """Set an account's nonce."""

    def get_code(self, address: bytes) -> bytes:
        """Return a contract's code; empty for other accounts."""

    def set_code(self, address: bytes, code: bytes) -> None:
        """Make an account a contract."""

    def get_storage(self, address: bytes, slot: int) -> int:
        """Return one storage word."""

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        """Set one storage word."""

    def account_is_empty(self, address: bytes) -> bool:
        """Whether an account has no wei, nonce and code, or is not there (EIP-161)."""

    def delete_account(self, address: bytes) -> None:
        """Take an account out of the state."""

    def delete_storage(self, address: bytes) -> None:
        """Set all storage words of an account to 0."""

    def snapshot(self) -> Any:
        """Return a token for `revert`, ledger included."""

    def revert(self, snapshot: Any) -> None:
        """Take back all changes since `snapshot`."""

    def persist(self) -> object:
        """Hash what changed and write the nodes to the database below."""


class BlockContext(Protocol):
    """The fields of a header that execution sees; a header of any making has them."""

    @property
    def state_root(self) -> bytes:
        """Root of the EVM state that execution starts from."""


class missing_state_as:  # noqa: N801 - used as a function is, and entered thrice for each transaction
    """Turn py-evm's interrupt for a missing trie node or code into an error of the caller's."""

    __slots__ = ("_error_class",)

    def __init__(self, error_class: type[Exception]) -> None:
        self._error_class = error_class

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, EVMMissingData):
            raise self._error_class(f"{error}; restore a checkpoint") from error


def logs_of(computation: ComputationAPI) -> tuple[Log, ...]:
    """Return what an execution logged, in the form of receipts."""
    return tuple(
        Log(Address(address), tuple(topic.to_bytes(32, "big") for topic in topics), data)
        for address, topics, data in computation.get_log_entries()
    )


Ancestors = Callable[[Any], Iterable[bytes]]
"""Hashes of the blocks before a header, newest first, for BLOCKHASH."""


class Machine:
    """One VM class on one chain."""

    def __init__(self, vm_class: type[PragueVM], chain_id: int, ancestors: Ancestors) -> None:
        # Its annotations ask for py-evm's own header and transaction classes.
        self._vm: Any = vm_class
        self._chain_context = ChainContext(chain_id)
        self._ancestors = ancestors

    @property
    def precompiles(self) -> Mapping[bytes, Any]:
        """The VM's precompiles by address."""
        found: Mapping[bytes, Any] = self._vm.get_state_class().computation_class.get_precompiles()
        return found

    @property
    def ethereum_precompiles(self) -> frozenset[bytes]:
        """Addresses of those that Ethereum has too."""
        found = self.precompiles.items()
        return frozenset(address for address, it in found if isinstance(it, EthereumPrecompile))

    def state(
        self, nodes: AtomicDatabaseAPI, header: BlockContext, config: ExecutionConfig = MINING
    ) -> State:
        """Return the state at a header's root, for execution in that header's block."""
        ancestors = self._ancestors(header)
        state = self._vm.build_state(nodes, header, self._chain_context, ancestors, config)
        return cast(State, state)

    def enter(
        self, state: State, header: BlockContext, ancestors: Iterable[bytes] | None = None
    ) -> None:
        """Let the next transactions on a state see another block.

        `ancestors` are hashes of the blocks before it, newest first; None for those of the chain.
        """
        if ancestors is None:
            ancestors = self._ancestors(header)
        state.execution_context = self._vm.create_execution_context(
            header, ancestors, self._chain_context
        )

    def begin(
        self, state: State, header: BlockContext, ancestors: Iterable[bytes] | None = None
    ) -> None:
        """Open a block on a state: `enter` it, and tell the system contracts."""
        self.enter(state, header, ancestors)
        begin_block(state, header)

    def apply(self, state: State, transaction: Any) -> tuple[ComputationAPI, int]:
        """Execute a transaction for good: its computation and the gas it pays for.

        One of the chain's own needs not be valid, and pays for none. Raises py-evm's
        ValidationError, with nothing changed, for one that is not valid here.
        """
        is_own = state.rules.has_system_transactions and is_system_transaction(transaction)
        if is_own:
            state = state.under(msgspec.structs.replace(state.config, validates=False))
        evm: Any = state
        if evm.origin is not None:
            evm.origin.expect(transaction)
        evm.lock_changes()
        self._begin_watching(state, transaction)
        before = evm.snapshot()
        try:
            computation = evm.apply_transaction(transaction)
        except ValidationError:  # an amount of wei above 256 bits comes up only half-way
            evm.revert(before)
            raise
        gas_used = self._vm.finalize_gas_used(transaction, computation)
        return computation, 0 if is_own else gas_used

    def run(
        self, state: State, transaction: Any, *, settles: bool = False
    ) -> tuple[ComputationAPI, int]:
        """Execute a transaction without validating it; its gas is settled if it `settles`.

        Its computation and the gas it would pay for. What was written to the state before counts
        as stored, not as written by it. Raises py-evm's ValidationError where an account would have
        more than 256 bits of wei.
        """
        evm: Any = state
        if evm.origin is not None:
            evm.origin.expect(transaction)
        evm.lock_changes()
        self._begin_watching(state, transaction)
        executor = evm.get_transaction_executor()
        message = executor.build_evm_message(transaction)
        computation: ComputationAPI = executor.build_computation(message, transaction)
        if settles:
            executor.finalize_computation(transaction, computation)
        return computation, self._vm.finalize_gas_used(transaction, computation)

    def _begin_watching(self, state: State, transaction: Any) -> None:
        observer = state.config.accesses
        if observer is not None:
            observer.begin(state, transaction)
