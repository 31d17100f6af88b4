"""Executing without a trace: calls and gas estimates at any block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from eth.abc import ComputationAPI
from eth.constants import BLANK_ROOT_HASH
from eth.exceptions import InsufficientFunds
from eth_utils.exceptions import ValidationError

from checkpoint.trie.nodes import NodeStore
from evm_dex.blocks.gas import GAS_TRANSACTION, intrinsic_gas
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import AccessList, Transaction
from evm_dex.errors import CallFailed, CallRefused, StateMissing
from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.config import MINING, ExecutionConfig
from evm_dex.evm.machine import Machine, State
from evm_dex.evm.trie_db import StoredNodes
from precompiles.types import ZERO_ADDRESS, Address

_CALL_STIPEND = 2_300
_REVERTED = "reverted"
_TOLERANCE = 64
"""An estimate that had to be searched for is within 1/64 of the least that succeeds."""


Prepare = Callable[[State], None]
"""Changes the state that a call runs on, before it runs."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call to be tried out. `to` is empty for a contract creation; `gas` None for all."""

    sender: Address = ZERO_ADDRESS
    to: bytes = b""
    data: bytes = b""
    value: int = 0
    gas: int | None = None
    access_list: AccessList = ()
    authorization_list: tuple[Any, ...] = ()
    blob_versioned_hashes: tuple[bytes, ...] = ()
    max_fee_per_gas: int = 0
    """Above 0 the sender pays for the gas, and the block's base fee is what code sees."""
    max_priority_fee_per_gas: int = 0
    block: BlockOverride | None = None
    """The block it pretends to be in; None for the one it is made after."""
    config: ExecutionConfig = MINING
    """Configuration of its execution."""


class CallResult(msgspec.Struct, frozen=True):
    """The outcome of a call."""

    output: bytes
    """Data it returned or reverted with."""
    gas_used: int
    """Gas that a transaction would pay for, refunds taken off."""
    problem: str | None
    """The reason it failed, "reverted" where code chose to; None when it succeeded."""

    @property
    def succeeded(self) -> bool:
        """True unless it failed."""
        return self.problem is None

    def returned(self) -> bytes:
        """Return the output. Raises CallFailed when it did not succeed."""
        if self.problem is not None:
            raise CallFailed(self.problem, self.output)
        return self.output


class CallTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A call in the form of a transaction, which pays nothing for its gas unless it says so."""

    sender: Address
    to: bytes
    data: bytes
    value: int
    gas: int
    access_list: AccessList
    intrinsic_gas: int
    type_id: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    blob_versioned_hashes: tuple[bytes, ...]
    authorization_list: tuple[Any, ...]


class CallRunner:
    """Runs calls on a state of their own, over the store, inside the ledger's journal."""

    def __init__(self, machine: Machine, store: NodeStore) -> None:
        self.machine = machine
        self.store = store
        self.nodes = StoredNodes(store)

    def state_at(
        self, header: Header, base_fee: int = 0, config: ExecutionConfig = MINING
    ) -> State:
        """Return the EVM state after a block, in that block's own context but for the base fee.

        Raises StateMissing for one that was pruned: pruning takes its root first.
        """
        if header.state_root != BLANK_ROOT_HASH and header.state_root not in self.nodes:
            raise StateMissing(
                f"the state of block {header.block_number} is not kept any more: it was pruned, "
                "or lost; ask for a newer block, or restore a checkpoint"
            )
        free = msgspec.structs.replace(header, base_fee_per_gas=base_fee)
        return self.machine.state(self.nodes, free, config)

    def attempt(
        self,
        call: Call,
        header: Header,
        prepare: Prepare | None = None,
        see: Callable[[ComputationAPI, int], None] | None = None,
    ) -> CallResult:
        """Return what comes of a call. The caller reverts the ledger either way.

        `see` is given the computation and its gas.
        Raises CallRefused for one that can't even begin.
        """
        state, most = self._begin(call, header, prepare)
        computation, gas_used = self._execute(state, call, most)
        if see is not None:
            see(computation, gas_used)
        problem = _problem(computation)
        output = computation.output if problem in (None, _REVERTED) else b""
        return CallResult(output, gas_used, problem)

    def estimate_gas(
        self,
        call: Call,
        header: Header,
        prepare: Prepare | None = None,
    ) -> int:
        """Find a gas limit with which the call succeeds after `header`, and logs as much.

        As much as with all the gas it may have: some calls, `keep` among them, do less with less.
        Exact when the call makes no calls of its own; then with the margin that EIP-150 keeps
        back; searched for only when the margin is not enough. Raises CallFailed when no limit
        up to the block's is.
        """
        state, most = self._begin(call, header, prepare)
        with _reverted_after(state):
            computation: Any = self._execute(state, call, most)[0]
            problem = _problem(computation)
            if problem is not None:
                raise CallFailed(problem, computation.output if problem == _REVERTED else b"")
            used = most - computation.get_gas_remaining()
            guess = _with_margin(used, computation.levels_below)  # has taken init code already
            guess = state.rules.least_gas(guess, call.data, creates=False)
            logs = len(computation.get_log_entries())
        if guess >= most or self._does_as_much(state, call, guess, logs):
            return min(guess, most)
        return self._search(state, call, guess, most, logs)

    def run(
        self, call: Call, header: Header, prepare: Prepare | None = None
    ) -> tuple[ComputationAPI, int, int]:
        """Return the computation of a call, also of one that fails, its gas limit and gas used.

        Its state is left as a transaction leaves it. Raises CallRefused.
        """
        state, most = self._begin(call, header, prepare)
        computation, gas_used = self._execute(state, call, most, settles=True)
        return computation, most, gas_used

    def replay(
        self,
        parent: Header,
        header: Header,
        transactions: Sequence[Transaction],
        configs: Iterable[ExecutionConfig],
    ) -> Iterator[tuple[ComputationAPI, int]]:
        """Transactions of a block again, each under its configuration: computation and gas paid.

        The caller brings the ledger to `parent`, and reverts it after.
        """
        state = self.state_at(parent, base_fee=parent.base_fee_per_gas)
        self.machine.begin(state, header)
        for transaction, config in zip(transactions, configs, strict=False):
            yield self.machine.apply(state.under(config), transaction)

    def _begin(self, call: Call, header: Header, prepare: Prepare | None) -> tuple[State, int]:
        """Return the state a call runs on, and the most gas it may take. Raises CallRefused."""
        base_fee = header.base_fee_per_gas * bool(call.max_fee_per_gas)
        if call.block is None:
            state = self.state_at(header, base_fee, call.config)
        else:
            state, header = self._pretend(call.block, header, base_fee, call.config)
        if prepare is not None:
            prepare(state)
        room = max(header.gas_limit, header.rules.big_block_gas or 0)
        most = room if call.gas is None else min(call.gas, room)
        if not call.max_fee_per_gas:
            return state, most
        if call.max_fee_per_gas < header.base_fee_per_gas:
            raise CallRefused(
                f"max fee per gas less than block base fee: {call.max_fee_per_gas}, the base fee "
                f"is {header.base_fee_per_gas}"
            )
        return state, self._affordable(state, call, most)

    def _pretend(
        self, block: BlockOverride, header: Header, base_fee: int, config: ExecutionConfig
    ) -> tuple[State, Header]:
        """Return the state as code in a block with other fields sees it, and those fields."""
        block.check_follows(header)
        if block.blob_base_fee is not None:
            config = msgspec.structs.replace(config, blob_base_fee=block.blob_base_fee)
        state = self.state_at(header, base_fee, config)
        pretended = seen = block.applied(header)
        if block.base_fee_per_gas is None:  # as it is for a call whose gas is free, or not
            seen = msgspec.structs.replace(seen, base_fee_per_gas=base_fee)
        ancestors = block.ancestors(state.execution_context.prev_hashes, header)
        self.machine.enter(state, seen, ancestors)
        return state, pretended

    def _affordable(self, state: State, call: Call, most: int) -> int:
        """Return the most gas the sender can pay for. Raises CallRefused where it is too little."""
        balance = state.get_balance(call.sender)
        payable = max(balance - call.value, 0) // call.max_fee_per_gas
        least = GAS_TRANSACTION if call.gas is None else most
        if payable < least:
            raise CallRefused(
                f"insufficient funds for gas * price + value: 0x{call.sender.hex()} has {balance} "
                f"wei, it takes {least * call.max_fee_per_gas + call.value}"
            )
        return min(most, payable)

    def _execute(
        self, state: State, call: Call, gas: int, *, settles: bool = False
    ) -> tuple[ComputationAPI, int]:
        """Run a call the way a transaction runs, without the checks of one; and its gas used."""
        intrinsic = intrinsic_gas(
            call.data,
            creates=not call.to,
            access_list=call.access_list,
            authorizations=len(call.authorization_list),
        )
        needed = state.rules.least_gas(intrinsic, call.data, creates=not call.to)
        if gas < needed:
            raise CallRefused(
                f"intrinsic gas too low: {gas} is below the {needed} it takes before execution"
            )
        tried = CallTransaction(
            sender=call.sender,
            to=call.to,
            data=call.data,
            value=call.value,
            gas=gas,
            access_list=call.access_list,
            intrinsic_gas=intrinsic,
            type_id=4 if call.authorization_list else 3 if call.blob_versioned_hashes else 2,
            max_fee_per_gas=call.max_fee_per_gas,
            max_priority_fee_per_gas=min(call.max_priority_fee_per_gas, call.max_fee_per_gas),
            blob_versioned_hashes=call.blob_versioned_hashes,
            authorization_list=call.authorization_list,
        )
        try:
            return self.machine.run(state, tried, settles=settles)
        except InsufficientFunds as error:
            balance = state.get_balance(call.sender)
            raise CallRefused(
                f"insufficient funds for transfer: 0x{call.sender.hex()} has {balance} wei, the "
                f"call sends {call.value}"
            ) from error
        except ValidationError as error:
            raise CallRefused(str(error)) from error

    def _does_as_much(self, state: State, call: Call, gas: int, logs: int) -> bool:
        with _reverted_after(state):
            computation, _ = self._execute(state, call, gas)
            return computation.is_success and len(computation.get_log_entries()) == logs

    def _search(self, state: State, call: Call, fails: int, succeeds: int, logs: int) -> int:
        while succeeds - fails > max(fails // _TOLERANCE, 1):
            middle = (fails + succeeds) // 2
            if self._does_as_much(state, call, middle, logs):
                succeeds = middle
            else:
                fails = middle
        return succeeds


@contextmanager
def _reverted_after(state: State) -> Iterator[None]:
    """Take back what happens inside, ledger included."""
    snapshot = state.snapshot()
    try:
        yield
    finally:
        state.revert(snapshot)


def _with_margin(used: int, depth: int) -> int:
    """Gas so that, per level of calls, 1/64 may stay behind, and a stipend be in excess."""
    for _ in range(depth):
        used = used * 64 // 63 + _CALL_STIPEND
    return used


def _problem(computation: ComputationAPI) -> str | None:
    if computation.is_success:
        return None
    error = computation.error
    return f"{type(error).__name__}: {error}" if error.erases_return_data else _REVERTED
