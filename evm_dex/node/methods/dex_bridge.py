"""Methods for contracts/forge/ExchangeTest.sol: calls on top of the block that forge's EVM is at.

Answers are ABI-encoded, since that is what a contract can read.
"""

from __future__ import annotations

from typing import Annotated, Any

from evm_dex.abi.abi_values import decode, encode, undecodable
from evm_dex.blocks.addresses import to_address
from evm_dex.errors import UnknownBlock
from evm_dex.evm.block_override import BlockOverride
from evm_dex.node.call_objects import CallRequest
from evm_dex.node.forge_bridge import BRIDGE_OUTCOME, BRIDGE_REQUEST, BridgedCall, Outcome
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_calls import attempt, call_of
from evm_dex.node.rpc_errors import failed, invalid_params
from evm_dex.node.rpc_types import BlockHash, Data, Hash, ParamType, Text, unchanged

Params = Annotated[
    list[Any], ParamType("Params", "the method's parameters", {"type": "array"}, unchanged)
]


@rpc("dex_bridgeConnect", cheat=True)
def connect(node: Node) -> Data:
    """Begin anew, without what came over the bridge last time: (bytes32 at, address[] tokens)."""
    if node.dex is None:
        raise failed("this node has no exchanges to be bridged")
    bridge = node.forge_bridge
    bridge.begin()
    tokens = [token.address for token in node.dex.tokens.values()]
    return encode(("bytes32", "address[]"), (bridge.head, tokens))


@rpc("dex_bridgeCall", cheat=True)
def call(node: Node, request: Data) -> Data:
    """Make a call on top of a block; it happens unless it is a view, or fails.

    `request` is (bytes32 at, uint256 time, bool isView, address from, address to, uint256 value,
    bytes data), its time forge's block time. Returns a struct (bytes32 at, bool succeeded, bytes
    output, uint256 paid, (address, bytes32[], bytes)[] logs).
    """
    try:
        at, time, is_view, *parts = decode(BRIDGE_REQUEST, request)
        made = BridgedCall(time, to_address(parts[0]), to_address(parts[1]), *parts[2:])
    except (*undecodable(), ValueError) as error:
        raise invalid_params(
            f"request must be ABI-encoded ({', '.join(BRIDGE_REQUEST)})"
        ) from error
    bridge = node.forge_bridge
    with bridge.at_work():
        if is_view:
            outcome = _looked_up(node, made, at)
        else:
            bridge.go_to(at)
            outcome = bridge.call(made)
            at = bridge.head
    logs = [(log.address, log.topics, log.data) for log in outcome.logs]
    return encode((BRIDGE_OUTCOME,), ((at, outcome.succeeded, outcome.output, outcome.paid, logs),))


@rpc("dex_bridgeCheat", cheat=True)
def cheat(node: Node, at: Hash, method: Text, params: Params) -> Data:
    """Call another method of a test chain on top of block `at`: (bytes32 at, uint256 time)."""
    found = node.methods.get(method)
    if found is None or not found.is_cheat:
        raise invalid_params(f"method must be one of a test chain, got {method!r}")
    arguments = found.arguments(params)
    bridge = node.forge_bridge
    with bridge.at_work():
        bridge.go_to(at)
        bridge.do(lambda: found.function(node, *arguments))
    return encode(("bytes32", "uint256"), (bridge.head, node.chain.head.timestamp))


def _looked_up(node: Node, made: BridgedCall, at: bytes) -> Outcome:
    """Call after block `at`, at forge's time if it is later; a failure is an outcome."""
    block = BlockHash(at)
    try:
        header = node.header(block)
    except UnknownBlock:  # another test, at the same time, went back from there
        node.forge_bridge.go_to(at)
        header = node.header(block)
    seen = BlockOverride(timestamp=made.timestamp) if made.timestamp > header.timestamp else None
    request = CallRequest(sender=made.sender, to=made.to, value=made.value, data=made.data)
    result = attempt(node, call_of(node, request, seen), block)
    return Outcome(result.problem is None, result.output)
