"""One chain twice: ours, whose state lives on, and py-evm's own with a fresh state per block."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
from eth.db.atomic import AtomicDB
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlock
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth_typing import Hash32
from eth_utils.exceptions import ValidationError

from checkpoint.families import Family
from checkpoint.store import Store
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.machine import State
from precompiles.types import Address
from tests.chain import support
from tests.evm.differential.programs import SLOTS

_BUILDER = PragueBlock.get_transaction_builder()
_MOST_REFUNDED = 5
"""A refund is at most this part of the gas used (EIP-3529)."""


class Frame(msgspec.Struct, frozen=True):
    """What came of one message."""

    error: str
    output: bytes
    gas_left: int
    logs: tuple[Any, ...]
    deleted: tuple[bytes, ...]
    children: tuple[Frame, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What came of a transaction."""

    gas_paid: int
    refund: int
    frame: Frame
    seen: list[Any]
    """What code would see afterwards."""


class TheirComputation(PragueComputation):
    """Py-evm's, which takes a delegated sender's own calls (EIP-7702) for the transaction's."""

    @property
    def is_origin_computation(self) -> bool:
        """Whether a transaction made it."""
        return self.msg.depth == 0


class TheirState(PragueState):
    """Py-evm's, right where it is known to be wrong."""

    computation_class = TheirComputation


class TheirVM(PragueVM):
    """Py-evm's, of which only what comes before a block's transactions is wanted."""

    def __init__(self, state: TheirState) -> None:
        self._state = state


class Ours:
    """A chain of this project, block by block."""

    def __init__(self, store: Store | None = None) -> None:
        """At the head of a store; at a genesis without one."""
        self.world = support.World(store, automine=False)
        self.chain = self.world.chain
        self.sealer = self.chain._sealer

    @property
    def root(self) -> bytes:
        """The state's root after the last block."""
        return self.chain.head.state_root

    def begin(self, header: Header) -> None:
        """Open a block."""
        self.sealer.begin(header)

    def apply(self, transaction: Transaction) -> tuple[Any, int]:
        """Execute a transaction. Raises ValidationError."""
        # So that all frames keep what they returned; what mining runs is in test_specification.
        state = self.sealer.state.under(ExecutionConfig(records_calls=True))
        computation, paid = self.sealer._machine.apply(state, transaction)
        self.sealer.include(transaction, computation, paid)
        return computation, paid

    @property
    def state(self) -> State:
        """The state in the open block."""
        return self.sealer.state

    def end(self) -> None:
        """Make the block durable."""
        self.chain._commit(self.sealer.seal())


class Theirs:
    """The same on py-evm's own classes."""

    def __init__(self, ours: Ours) -> None:
        """At the head of ours."""
        self._database = AtomicDB()
        for key, node in ours.world.store.iterate(Family.NODES):
            self._database[key] = node
        self.root = ours.root
        self._context = ChainContext(ours.chain.chain_id)
        self._ancestors = ours.chain.blocks.ancestors

    def begin(self, header: Header) -> None:
        """Open a block."""
        block: Any = header
        ancestors: Any = self._ancestors(header)
        context = PragueVM.create_execution_context(block, ancestors, self._context)
        self.state = TheirState(self._database, context, Hash32(self.root))
        opened: Any = SimpleNamespace(header=header, number=header.block_number)
        TheirVM(self.state).block_preprocessing(opened)

    def apply(self, transaction: Transaction) -> tuple[Any, int]:
        """Execute a transaction; its computation and the gas its sender paid for."""
        self.state.lock_changes()
        computation = self.state.apply_transaction(_BUILDER.decode(transaction.raw))
        used = transaction.gas - computation.get_gas_remaining()
        refund = min(computation.get_gas_refund(), used // _MOST_REFUNDED)
        return computation, used - refund + computation.data_floor_gas

    def end(self) -> None:
        """Write the block's state."""
        self.state.lock_changes()
        self.state.persist()
        self.root = self.state.state_root


def outcome(side: Any, transaction: Transaction, places: Sequence[Address]) -> Outcome | str:
    """What comes of a transaction on one side; the reason where it may not be in the block."""
    try:
        computation, paid = side.apply(transaction)
    except ValidationError as error:
        return str(error)
    return Outcome(
        paid, computation.get_gas_refund(), _frame(computation), seen(side.state, places)
    )


def _frame(computation: Any) -> Frame:
    return Frame(
        error=type(computation.error).__name__ if computation.is_error else "",
        output=bytes(computation.output),
        gas_left=computation.get_gas_remaining(),
        logs=tuple(computation.get_log_entries()),
        deleted=tuple(sorted(computation.get_accounts_for_deletion())),
        children=tuple(map(_frame, computation.children)),
    )


def seen(state: Any, places: Sequence[Address]) -> list[Any]:
    """What code can find out about some accounts."""
    return [
        (
            state.get_balance(address),
            state.get_nonce(address),
            state.get_code(address),
            state.account_exists(address),
            state.account_is_empty(address),
            *(state.get_storage(address, slot) for slot in SLOTS),
        )
        for address in places
    ]
