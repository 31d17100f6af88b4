"""Whole blocks of calls, one after another, tried out (`eth_simulateV1`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.blocks.gas import GAS_TRANSACTION
from evm_dex.blocks.receipt import Receipt
from evm_dex.blocks.transaction import Transaction, unsigned
from evm_dex.chain.simulation import SimulatedBlock, SimulatedBlocks, simulate_blocks
from evm_dex.errors import InvalidBlock, TransactionRejected
from evm_dex.evm.block_override import BlockOverride
from evm_dex.node.block_overrides import read_block_overrides
from evm_dex.node.bounded_calls import bounded
from evm_dex.node.call_objects import CallRequest, read_request
from evm_dex.node.node import Node
from evm_dex.node.overrides import Overrides, prepared, read_overrides
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import REVERTED, RpcError, invalid_params, revert_reason
from evm_dex.node.rpc_json import Json, block_object, log_object
from evm_dex.node.rpc_types import Block, ParamType, data, plain_block, quantity, read_flag, shaped
from precompiles.types import ZERO_ADDRESS

_MOST_BLOCKS = 256
_MOST_CALLS = 1_000
_HALTED = -32_015
_TOO_MANY_BLOCKS = -38_026
_BLOCK_ORDER = -38_020
_TIME_ORDER = -38_021
_CODES = {
    "nonce too low": -38_010,
    "nonce too high": -38_011,
    "max fee per gas less": -38_012,
    "intrinsic gas too low": -38_013,
    "insufficient funds": -38_014,
    "exceeds block gas limit": -38_015,
    "init code": -38_025,
}
"""By the words a refusal begins with; those of the execution API."""


class Part(msgspec.Struct, frozen=True):
    """One block of a simulation."""

    block: BlockOverride = BlockOverride()
    state: Overrides = ()
    calls: tuple[CallRequest, ...] = ()


class Simulation(msgspec.Struct, frozen=True):
    """What is to be simulated."""

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
        raise RpcError(_TOO_MANY_BLOCKS, f"{len(parts)} blocks; at most {_MOST_BLOCKS} at once")
    if not parts:
        raise invalid_params("empty input: blockStateCalls is to have at least one block")
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
    """Blocks that might follow one, with what comes of each call; leaves no trace.

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
        """All blocks in the form of the execution API."""
        for part in self._simulation.parts:
            self._fill_gap(part.block.block_number)
            self._block(part)
        return self._made

    def _fill_gap(self, height: int | None) -> None:
        """Empty blocks up to one whose height was chosen. Raises RpcError."""
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
        self._blocks.open(part.block, is_free=not is_checked)
        prepared(part.state)(self._blocks.state)
        for call in part.calls:
            before = self._blocks.gas_used
            self._blocks.execute(self._transaction(call), is_checked=is_checked)
            self._gas_left -= self._blocks.gas_used - before
        self._made.append(_written(self._blocks.close(), full=self._simulation.full))

    def _transaction(self, call: CallRequest) -> Transaction:
        """A call as the transaction it would be; what is left open costs nothing."""
        if call.blob_versioned_hashes:
            raise invalid_params("a simulated call has no blobs")
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
        if call.authorization_list:
            return unsigned(sender, 4, {**fields, "authorization_list": call.authorization_list})
        return unsigned(sender, 2, fields)


def _written(block: SimulatedBlock, *, full: bool) -> Json:
    calls, gas, place = [], 0, 0
    for index, (receipt, output) in enumerate(zip(block.receipts, block.outputs, strict=True)):
        transaction_hash = block.body.transactions[index].hash
        logs = [
            log_object(log, block.header, transaction_hash, index, place + offset)
            for offset, log in enumerate(receipt.logs)
        ]
        calls.append({**_call(receipt, output, receipt.cumulative_gas_used - gas), "logs": logs})
        gas, place = receipt.cumulative_gas_used, place + len(logs)
    return {**block_object(block.header, block.body, full=full), "calls": calls}


def _call(receipt: Receipt, output: bytes, gas_used: int) -> Json:
    found: Json = {
        "status": "0x1" if receipt.succeeded else "0x0",
        "returnData": data(output if receipt.succeeded else b""),
        "gasUsed": quantity(gas_used),
    }
    if receipt.succeeded:
        return found
    if receipt.error != "Revert":
        return {**found, "error": {"code": _HALTED, "message": receipt.error}}
    reason = revert_reason(receipt.output)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    error = {"code": REVERTED, "message": message, "data": data(receipt.output)}
    return {**found, "error": error}


def _code(reason: str) -> int:
    return next((code for words, code in _CODES.items() if reason.startswith(words)), -32_000)
