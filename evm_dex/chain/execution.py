"""Executing without a trace: calls and gas estimates at any block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from eth.abc import ComputationAPI
from eth.constants import BLANK_ROOT_HASH
from eth.exceptions import InsufficientFunds

from evm_dex.chain.errors import CallFailed, StateMissing
from evm_dex.chain.gas import floor_gas, intrinsic_gas
from evm_dex.chain.header import Header
from evm_dex.chain.nodes import NodeStore, StoredNodes
from evm_dex.chain.transactions import AccessList
from evm_dex.vm.machine import Machine, State
from precompiles.types import ZERO_ADDRESS, Address

_CALL_STIPEND = 2_300
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


class TriedTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A call in the form of a transaction that pays nothing for its gas."""

    sender: Address
    to: bytes
    data: bytes
    value: int
    gas: int
    access_list: AccessList
    intrinsic_gas: int
    type_id: int = 2
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0
    blob_versioned_hashes: tuple[bytes, ...] = ()


class Simulator:
    """Runs calls on a state of their own, over the store, inside the ledger's journal."""

    def __init__(self, machine: Machine, store: NodeStore) -> None:
        self._machine = machine
        self._nodes = StoredNodes(store)

    def state_at(self, header: Header) -> State:
        """The EVM state after a block, in that block's own context, with a base fee of zero.

        Raises StateMissing for one that was pruned: pruning takes its root first.
        """
        if header.state_root != BLANK_ROOT_HASH and header.state_root not in self._nodes:
            raise StateMissing(
                f"the state of block {header.block_number} is not kept any more: it was pruned, "
                "or lost; ask for a newer block, or restore a checkpoint"
            )
        free = msgspec.structs.replace(header, base_fee_per_gas=0)
        return self._machine.state(self._nodes, free)

    def call(self, call: Call, header: Header, prepare: Prepare | None = None) -> bytes:
        """What a call returns. Raises CallFailed; the caller reverts the ledger either way."""
        state = self.state_at(header)
        if prepare is not None:
            prepare(state)
        gas = header.gas_limit if call.gas is None else min(call.gas, header.gas_limit)
        computation = self._execute(state, call, gas)
        _raise_if_failed(computation)
        return computation.output

    def estimate_gas(self, call: Call, header: Header) -> int:
        """A gas limit with which the call succeeds on the state after `header`.

        Exact when the call makes no calls of its own; then with the margin that EIP-150 keeps
        back; searched for only when the margin is not enough. Raises CallFailed when no limit
        up to the block's is.
        """
        state = self.state_at(header)
        most = header.gas_limit if call.gas is None else min(call.gas, header.gas_limit)
        with _undone(state):
            computation = self._execute(state, call, most)
            _raise_if_failed(computation)
            used = most - computation.get_gas_remaining()
            guess = max(_with_margin(used, _depth(computation)), floor_gas(call.data))
        if guess >= most or self._succeeds(state, call, guess):
            return min(guess, most)
        return self._search(state, call, guess, most)

    def _execute(self, state: State, call: Call, gas: int) -> ComputationAPI:
        """Run a call the way a transaction runs, without the checks of one."""
        intrinsic = intrinsic_gas(call.data, creates=not call.to, access_list=call.access_list)
        needed = max(intrinsic, floor_gas(call.data))
        if gas < needed:
            raise CallFailed(f"gas limit {gas} is below the {needed} it takes before execution")
        tried = TriedTransaction(
            sender=call.sender,
            to=call.to,
            data=call.data,
            value=call.value,
            gas=gas,
            access_list=call.access_list,
            intrinsic_gas=intrinsic,
        )
        try:
            return self._machine.run(state, tried)
        except InsufficientFunds as error:
            balance = state.get_balance(call.sender)
            raise CallFailed(
                f"sender 0x{call.sender.hex()} has {balance} wei, the call sends {call.value}"
            ) from error

    def _succeeds(self, state: State, call: Call, gas: int) -> bool:
        with _undone(state):
            return self._execute(state, call, gas).is_success

    def _search(self, state: State, call: Call, fails: int, succeeds: int) -> int:
        while succeeds - fails > max(fails // _TOLERANCE, 1):
            middle = (fails + succeeds) // 2
            if self._succeeds(state, call, middle):
                succeeds = middle
            else:
                fails = middle
        return succeeds


@contextmanager
def _undone(state: State) -> Iterator[None]:
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


def _depth(computation: ComputationAPI) -> int:
    return max((1 + _depth(child) for child in computation.children), default=0)


def _raise_if_failed(computation: ComputationAPI) -> None:
    if computation.is_success:
        return
    error = computation.error
    if error.erases_return_data:
        raise CallFailed(f"{type(error).__name__}: {error}")
    raise CallFailed("reverted", computation.output)
