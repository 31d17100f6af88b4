"""Trying out: calls, gas estimates, access lists."""

from __future__ import annotations

from typing import Annotated

from evm_dex.node import bounded_calls as calls
from evm_dex.node.block_overrides import BlockOverrides
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.node import Node
from evm_dex.node.overrides import StateOverrides
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json, access_list_object
from evm_dex.node.rpc_types import Block, Data, Quantity, quantity, shaped

_ACCESS_LIST = shaped("AccessListResult", "the list, the gas used with it, and what went wrong")


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
    call = calls.call_of(node, request, block_overrides)
    return calls.attempt(node, call, block, state_overrides).returned()


@rpc("eth_estimateGas")
def estimate_gas(
    node: Node,
    request: TransactionRequest,
    block: Block = "latest",
    state_overrides: StateOverrides | None = None,
    block_overrides: BlockOverrides | None = None,
) -> Quantity:
    """Return a gas limit with which a transaction would succeed after a block."""
    call = calls.call_of(node, request, block_overrides)
    return calls.estimate(node, call, block, state_overrides)


@rpc("eth_createAccessList")
def create_access_list(
    node: Node,
    request: TransactionRequest,
    block: Block = "latest",
    state_overrides: StateOverrides | None = None,
) -> Annotated[Json, _ACCESS_LIST]:
    """Return the accounts and storage words that a transaction would touch, and its gas then."""
    tried, touched = calls.list_accesses(node, calls.call_of(node, request), block, state_overrides)
    found: Json = {
        "accessList": access_list_object(touched),
        "gasUsed": quantity(tried.gas_used),
    }
    if tried.problem is not None:
        is_revert = tried.problem == "reverted"
        found["error"] = "execution reverted" if is_revert else tried.problem
    return found
