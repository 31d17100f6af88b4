"""Outcomes of actions on HyperCore, and those that a call's would have."""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.client.core_actions import CoreAction, actions_in, actions_of
from evm_dex.client.explain import explain
from evm_dex.node.bounded_calls import call_of
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Block, Hash, data, shaped

_SHAPE = shaped("CoreActions", "actions and deposits, and what became of each", "array")
Actions = Annotated[list[Json], _SHAPE]


@rpc("dex_coreActions")
def core_actions(node: Node, transaction: Hash) -> Actions:
    """Return a transaction's actions and deposits, and what has become of them by now."""
    found = actions_of(node.chain.blocks, transaction, node.chain.head.block_number)
    return [_json(action) for action in found]


@rpc("dex_explain")
def core_explain(node: Node, request: TransactionRequest) -> Actions:
    """Return what a call's actions and deposits would come to now, undelayed; nothing is left."""
    return [_json(action) for action in explain(node.chain, call_of(node, request))]


@rpc("dex_coreActionsInBlock")
def core_actions_in_block(node: Node, block: Block = "latest") -> Actions:
    """Return the actions and deposits that a block looked at, as of that block."""
    height = node.header("latest" if block == "pending" else block).block_number
    return [_json(action) for action in actions_in(node.chain.blocks, height)]


def _json(action: CoreAction) -> Json:
    return {
        "sequence": action.sequence,
        "user": action.user,
        "action": action.action,
        "name": action.name,
        "fields": _values(action.fields),
        "outcome": action.outcome,
        "orderId": str(action.order_id),
        "reason": action.reason or None,
        "reasonFields": _values(action.reason_fields),
        "blockNumber": action.block_number,
    }


def _values(fields: dict[str, Any]) -> Json:
    """Numbers as decimal strings, as they may outgrow what JSON readers keep."""
    return {name: _value(value) for name, value in fields.items()}


def _value(value: Any) -> str | bool:
    if isinstance(value, bool):
        return value
    return data(value) if isinstance(value, bytes) else str(value)
