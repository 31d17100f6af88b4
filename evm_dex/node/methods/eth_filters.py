"""Logs, filters to come back to, and subscriptions."""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.node.log_query import LogFilter, LogQuery, find_logs, read_query
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Flag, ParamType, Text, shaped
from evm_dex.node.subscriptions import Subscriptions

_LOGS = shaped("Logs", "logs, oldest first", "array")
_CHANGES = shaped("Changes", "logs, block hashes or transaction hashes", "array")
_SUBJECTS = ("newHeads", "logs", "newPendingTransactions")


def _read_identity(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 66:
        raise ValueError
    return value


def _read_subject(value: Any) -> str:
    if value not in _SUBJECTS:
        raise ValueError
    return str(value)


def _read_options(value: Any) -> LogQuery | bool:
    return value if isinstance(value, bool) else read_query(value)


Identity = Annotated[
    str, ParamType("Identity", "an id such as 0x1", {"type": "string"}, _read_identity)
]
Subject = Annotated[
    str,
    ParamType(
        "Subject", f"one of {', '.join(_SUBJECTS)}", {"enum": list(_SUBJECTS)}, _read_subject
    ),
]
Options = Annotated[
    LogQuery | bool,
    ParamType(
        "Options",
        "for logs: an object with address and topics; for newPendingTransactions: true for whole "
        "transactions",
        {"oneOf": [{"type": "object"}, {"type": "boolean"}]},
        _read_options,
    ),
]


@rpc("eth_getLogs")
def get_logs(node: Node, query: LogFilter) -> Annotated[list[Json], _LOGS]:
    """Return logs that match, oldest first, within bounds on blocks and results."""
    return find_logs(node.chain, node.limits, query)


@rpc("eth_newFilter")
def new_filter(node: Node, query: LogFilter) -> Identity:
    """Return a filter for logs of new blocks; it lives while it is asked every few minutes."""
    return node.filters.add_logs(query)


@rpc("eth_newBlockFilter")
def new_block_filter(node: Node) -> Identity:
    """Return a filter for new blocks' hashes."""
    return node.filters.add_blocks()


@rpc("eth_newPendingTransactionFilter")
def new_transaction_filter(node: Node) -> Identity:
    """Return a filter for hashes of transactions as they come in."""
    return node.filters.add_transactions()


@rpc("eth_getFilterChanges")
def get_filter_changes(node: Node, identity: Identity) -> Annotated[list[Any], _CHANGES]:
    """Return what is new since a filter was asked last."""
    return node.filters.changes(identity)


@rpc("eth_getFilterLogs")
def get_filter_logs(node: Node, identity: Identity) -> Annotated[list[Json], _LOGS]:
    """Return all logs a log filter matches, new or not."""
    return node.filters.logs(identity)


@rpc("eth_uninstallFilter")
def uninstall_filter(node: Node, identity: Identity) -> Flag:
    """Forget a filter; whether it was there."""
    return node.filters.remove(identity)


@rpc("eth_subscribe")
def subscribe(
    node: Node,  # noqa: ARG001 - methods all take the node
    subscriptions: Subscriptions,
    subject: Subject,
    options: Options | None = None,
) -> Identity:
    """Subscribe to newHeads, logs or newPendingTransactions; `eth_subscription` messages follow."""
    if subject == "newHeads":
        return subscriptions.to_heads()
    if subject == "newPendingTransactions":
        return subscriptions.to_transactions(full=options is True)
    if isinstance(options, bool):
        raise invalid_params("options of logs must be an object with address and topics")
    return subscriptions.to_logs(options or LogQuery())


@rpc("eth_unsubscribe")
def unsubscribe(
    node: Node,  # noqa: ARG001 - as above
    subscriptions: Subscriptions,
    identity: Text,
) -> Flag:
    """End a subscription of this connection; whether it was there."""
    return subscriptions.remove(identity)
