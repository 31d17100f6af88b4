"""Methods of HyperEVM: system transactions, big blocks, and outcomes of actions on HyperCore."""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.blocks.transaction import is_system_transaction
from evm_dex.client.core_actions import CoreAction, actions_in, actions_of, actions_of_user, explain
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.methods.eth_blocks import find_header
from evm_dex.node.node import Node
from evm_dex.node.own_blocks import first_own_block
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_calls import call_of
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json, transaction_object
from evm_dex.node.rpc_types import (
    Block,
    BlockHash,
    Flag,
    Hash,
    HexAddress,
    Quantity,
    counted,
    data,
    shaped,
)

_TRANSACTIONS = shaped("SystemTransactions", "transactions of the chain itself, or null", "array")
Transactions = Annotated[list[Json] | None, _TRANSACTIONS]
_ACTIONS = shaped("CoreActions", "actions and deposits, and what became of each", "array")
Actions = Annotated[list[Json], _ACTIONS]
_MOST_BLOCKS = 5_000
ActionCount = Annotated[int, counted("ActionCount", 200)]


@rpc("eth_getSystemTxsByBlockNumber")
def system_transactions_by_number(node: Node, block: Block) -> Transactions:
    """Return the transactions that the chain itself put into a block; null for no such block."""
    header = find_header(node, "latest" if block == "pending" else block)
    if header is None:
        return None
    return [
        transaction_object(item.transaction, header, item.index)
        for item in node.chain.blocks.transactions(header)
        if header.rules.has_system_transactions and is_system_transaction(item.transaction)
    ]


@rpc("eth_getSystemTxsByBlockHash")
def system_transactions_by_hash(node: Node, block_hash: Hash) -> Transactions:
    """Return the transactions that the chain itself put into a block; null for no such block."""
    return system_transactions_by_number(node, BlockHash(block_hash))


@rpc("eth_bigBlockGasPrice")
def big_block_gas_price(node: Node) -> Quantity:
    """Return wei per gas in the next big block; where there is one kind, in the next."""
    return node.chain.next_header(is_big=True).base_fee_per_gas


@rpc("eth_usingBigBlocks")
def using_big_blocks(node: Node, address: HexAddress) -> Flag:
    """Tell whether an account's transactions go into big blocks."""
    user = node.chain.ledger.core.user(address)
    return user is not None and user.uses_big_blocks


@rpc("dex_setUsingBigBlocks", cheat=True)
def set_using_big_blocks(node: Node, address: HexAddress, on: Flag) -> Flag:
    """Let an account of HyperCore's use big blocks, or small ones again."""
    if node.dex is None:
        raise failed("this node has no exchanges")
    node.dex.core.use_big_blocks(address, on=on)
    return True


@rpc("dex_mineBigBlock", cheat=True)
def mine_big_block(node: Node) -> Quantity:
    """Make a big block now, of what waits for one; its number."""
    return node.chain.mine_big().header.block_number


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


@rpc("dex_coreActionsOf")
def core_actions_of(
    node: Node,
    user: HexAddress,
    count: ActionCount = 20,
    from_block: Quantity = 0,
    block: Block = "latest",
) -> Actions:
    """Return an account's newest actions and deposits within the 5,000 blocks up to one."""
    last = node.header("latest" if block == "pending" else block).block_number
    first = max(from_block, last - _MOST_BLOCKS, first_own_block(node.chain))
    found = actions_of_user(node.chain.blocks, user, first, last, count)
    return [_json(action) for action in found]


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


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return _values(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return data(value) if isinstance(value, bytes) else str(value)
