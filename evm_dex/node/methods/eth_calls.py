"""Trying out: calls, gas estimates, access lists, and whole blocks of calls (`eth_simulateV1`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.blocks.gas import GAS_TRANSACTION
from evm_dex.blocks.receipt import Receipt
from evm_dex.blocks.transaction import Transaction, simulated
from evm_dex.chain.simulated_blocks import (
    SimulatedBlock,
    SimulatedBlocks,
    SimulatedCall,
    simulate_blocks,
)
from evm_dex.errors import CallFailed, InvalidBlock, TransactionRejected
from evm_dex.evm.block_override import BlockOverride
from evm_dex.node import rpc_calls
from evm_dex.node.call_objects import CallRequest, TransactionRequest, read_request
from evm_dex.node.node import Node
from evm_dex.node.overrides import (
    BlockOverrides,
    Overrides,
    StateOverrides,
    moved_precompiles,
    prepared,
    read_block_overrides,
    read_overrides,
)
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_calls import bounded
from evm_dex.node.rpc_errors import REVERTED, RpcError, halt_words, invalid_params, revert_reason
from evm_dex.node.rpc_json import Json, access_list_object, block_object, log_object
from evm_dex.node.rpc_types import (
    Block,
    Data,
    ParamType,
    Quantity,
    data,
    plain_block,
    quantity,
    read_flag,
    shaped,
)
from precompiles.types import ZERO_ADDRESS

_ACCESS_LIST = shaped("AccessListResult", "the list, the gas used with it, and what went wrong")
_MOST_BLOCKS = 256
_MOST_CALLS = 1_000
_HALTED = -32_015
_TOO_MANY_BLOCKS = -38_026
_BLOCK_ORDER = -38_020
_TIME_ORDER = -38_021
_CODES = {
    "nonce has max value": -32_603,
    "nonce too low": -38_010,
    "nonce too high": -38_011,
    "max fee per gas less": -38_012,
    "intrinsic gas too low": -38_013,
    "insufficient funds": -38_014,
    "exceeds block gas limit": -38_015,
    "init code": -38_025,
}
"""The execution API's codes, by the words that a refusal begins with."""


@rpc("eth_call")
def call(
    node: Node,
    request: TransactionRequest,
    block: Block = "latest",
    state_overrides: StateOverrides | None = None,
    block_overrides: BlockOverrides | None = None,
) -> Data:
    """Return what a call would return after a block; it leaves no trace.

    Gas is free unless the request names a fee. A revert is error 3 with its data. Overrides are
    what it pretends: other accounts, or another block it is in.
    """
    call = rpc_calls.call_of(node, request, block_overrides)
    try:
        return rpc_calls.attempt(node, call, block, state_overrides).returned()
    except CallFailed as error:
        node.activity.call_failed("eth_call", error)
        raise


@rpc("eth_estimateGas")
def estimate_gas(
    node: Node,
    request: TransactionRequest,
    block: Block = "pending",
    state_overrides: StateOverrides | None = None,
    block_overrides: BlockOverrides | None = None,
) -> Quantity:
    """Return a gas limit with which a transaction would succeed after a block.

    By default that is the next one as it would be now, where a transaction that is sent goes.
    """
    call = rpc_calls.call_of(node, request, block_overrides)
    return rpc_calls.estimate(node, call, block, state_overrides)


@rpc("eth_createAccessList")
def create_access_list(
    node: Node,
    request: TransactionRequest,
    block: Block = "latest",
    state_overrides: StateOverrides | None = None,
) -> Annotated[Json, _ACCESS_LIST]:
    """Return the accounts and storage words that a transaction would touch, and its gas then."""
    tried, touched = rpc_calls.list_accesses(
        node, rpc_calls.call_of(node, request), block, state_overrides
    )
    found: Json = {
        "accessList": access_list_object(touched),
        "gasUsed": quantity(tried.gas_used),
    }
    if tried.problem is not None:
        is_revert = tried.problem == "reverted"
        found["error"] = "execution reverted" if is_revert else tried.problem
    return found


class Part(msgspec.Struct, frozen=True):
    """One block of a simulation."""

    block: BlockOverride = BlockOverride()
    state: Overrides = ()
    calls: tuple[CallRequest, ...] = ()


class Simulation(msgspec.Struct, frozen=True):
    """The blocks and calls to simulate."""

    parts: tuple[Part, ...]
    log_transfers: bool = False
    validation: bool = False
    full: bool = False


def _read_part(value: Any) -> Part:
    if not isinstance(value, Mapping):
        raise ValueError
    given = {name: found for name, found in value.items() if found is not None}
    unknown = given.keys() - {"blockOverrides", "stateOverrides", "calls"}
    calls = given.get("calls", [])
    if unknown or not isinstance(calls, list) or len(calls) > _MOST_CALLS:
        raise ValueError
    return Part(
        read_block_overrides(given.get("blockOverrides", {})),
        read_overrides(given.get("stateOverrides", {})),
        tuple(read_request(call) for call in calls),
    )


def _read_simulation(value: Any) -> Simulation:
    parts = value["blockStateCalls"]
    names = {"traceTransfers": "log_transfers", "validation": "validation",
             "returnFullTransactions": "full"}  # fmt: skip
    if value.keys() - names.keys() - {"blockStateCalls"} or not isinstance(parts, list):
        raise ValueError
    if len(parts) > _MOST_BLOCKS:
        raise RpcError(
            _TOO_MANY_BLOCKS, f"too many blocks: at most {_MOST_BLOCKS} at once, got {len(parts)}"
        )
    if not parts:
        raise invalid_params("empty input: blockStateCalls must have at least one block")
    flags = {
        field: read_flag(value[name])
        for name, field in names.items()
        if value.get(name) is not None
    }
    return Simulation(tuple(_read_part(part) for part in parts), **flags)


SimulationOptions = Annotated[
    Simulation,
    ParamType(
        "Simulation",
        "an object with blockStateCalls, each of {blockOverrides, stateOverrides, calls}, and "
        "validation, traceTransfers, returnFullTransactions",
        {"type": "object", "required": ["blockStateCalls"]},
        _read_simulation,
    ),
]
Simulated = Annotated[list[Json], shaped("SimulatedBlocks", "blocks with their calls", "array")]


@rpc("eth_simulateV1")
def simulate(node: Node, simulation: SimulationOptions, block: Block = "latest") -> Simulated:
    """Simulate blocks after one, with what comes of each call; it leaves no trace.

    Without `validation` gas is free, and senders need neither their next nonce nor a key.
    """
    with (
        bounded(
            node, logs_transfers=simulation.log_transfers, validates=simulation.validation
        ) as config,
        simulate_blocks(node.chain, plain_block(block), config) as found,
    ):
        try:
            return _Run(node, simulation, found).all()
        except TransactionRejected as error:
            raise RpcError(_code(str(error)), str(error)) from None
        except InvalidBlock as error:
            raise RpcError(_TIME_ORDER, str(error)) from None


class _Run:
    """One simulation at work."""

    def __init__(self, node: Node, simulation: Simulation, found: SimulatedBlocks) -> None:
        self._node = node
        self._simulation = simulation
        self._blocks = found
        self._gas_left = node.limits.call_gas
        self._made: list[Json] = []

    def all(self) -> list[Json]:
        """Return all blocks in the form of the execution API."""
        for part in self._simulation.parts:
            self._fill_gap(part.block.block_number)
            self._block(part)
        return self._made

    def _fill_gap(self, height: int | None) -> None:
        """Make empty blocks up to one whose height was chosen. Raises RpcError."""
        following = self._blocks.next_height
        if height is None:
            return
        if height < following:
            raise RpcError(
                _BLOCK_ORDER,
                f"block numbers must be in order: {height} is not after {following - 1}",
            )
        if height - following + len(self._made) >= _MOST_BLOCKS:
            raise RpcError(_TOO_MANY_BLOCKS, f"too many blocks; at most {_MOST_BLOCKS} at once")
        for _ in range(height - following):
            self._block(Part())

    def _block(self, part: Part) -> None:
        if len(self._made) >= _MOST_BLOCKS:
            raise RpcError(_TOO_MANY_BLOCKS, f"too many blocks; at most {_MOST_BLOCKS} at once")
        is_checked = self._simulation.validation
        moved = moved_precompiles(part.state, self._node.chain.call_runner.machine.precompiles)
        self._blocks.open(part.block, is_free=not is_checked, precompiles=moved)
        prepared(part.state)(self._blocks.state)
        for call in part.calls:
            before = self._blocks.gas_used
            self._blocks.execute(self._transaction(call), is_checked=is_checked)
            self._gas_left -= self._blocks.gas_used - before
        self._made.append(_written(self._blocks.close(), full=self._simulation.full))

    def _transaction(self, call: CallRequest) -> Transaction:
        """Return a call as the transaction it would be; what is left open costs nothing."""
        sender = call.sender or ZERO_ADDRESS
        room = self._blocks.header.gas_limit - self._blocks.gas_used
        gas = min(room if call.gas is None else call.gas, self._gas_left)
        if self._gas_left < GAS_TRANSACTION:
            raise RpcError(_CODES["exceeds block gas limit"], "all gas of a simulation is used up")
        price = call.gas_price
        nonce = self._blocks.state.get_nonce(sender) if call.nonce is None else call.nonce
        fields: dict[str, Any] = {
            "chain_id": self._node.chain.chain_id,
            "nonce": nonce,
            "gas": gas,
            "to": call.to or b"",
            "value": call.value,
            "data": call.data,
            "access_list": call.access_list or (),
            "max_fee_per_gas": (call.max_fee_per_gas if price is None else price) or 0,
            "max_priority_fee_per_gas": (
                (call.max_priority_fee_per_gas if price is None else price) or 0
            ),
        }
        type_id = 2
        if call.authorization_list:
            type_id, fields["authorization_list"] = 4, call.authorization_list
        elif call.blob_versioned_hashes:
            type_id, fields["blob_versioned_hashes"] = 3, call.blob_versioned_hashes
            fields["max_fee_per_blob_gas"] = call.max_fee_per_blob_gas or 0
        try:
            return simulated(sender, type_id, fields)
        except ValueError as error:
            raise invalid_params(str(error)) from None


def _written(block: SimulatedBlock, *, full: bool) -> Json:
    calls, gas, place = [], 0, 0
    for index, (receipt, result) in enumerate(zip(block.receipts, block.results, strict=True)):
        transaction_hash = block.body.transactions[index].hash
        if result is None:
            place += len(receipt.logs)
            continue
        logs = [
            log_object(log, block.header, transaction_hash, index, place + offset)
            for offset, log in zip(result.log_places, result.logs, strict=True)
        ]
        used = receipt.cumulative_gas_used - gas
        calls.append({**_call(receipt, result, used), "logs": logs})
        gas, place = receipt.cumulative_gas_used, place + result.logs_made
    return {**block_object(block.header, block.body, full=full), "calls": calls}


def _call(receipt: Receipt, result: SimulatedCall, gas_used: int) -> Json:
    found: Json = {
        "status": "0x1" if receipt.succeeded else "0x0",
        "returnData": data(result.output if receipt.succeeded else b""),
        "gasUsed": quantity(gas_used),
        "maxUsedGas": quantity(result.max_used_gas),
    }
    if receipt.succeeded:
        return found
    if receipt.error != "Revert":
        return {**found, "error": {"code": _HALTED, "message": halt_words(receipt.error)}}
    reason = revert_reason(receipt.output)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    error = {"code": REVERTED, "message": message, "data": data(receipt.output)}
    return {**found, "error": error}


def _code(reason: str) -> int:
    return next((code for words, code in _CODES.items() if reason.startswith(words)), -32_000)
