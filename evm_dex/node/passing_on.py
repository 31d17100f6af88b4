"""Requests that a forked chain passes on: those about blocks of the chain that it left.

What is in blocks up to the one at the fork is the origin's, and so is the state before that block.
The state after it is the fork's own first. What the origin made later is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evm_dex.chain.chain import Chain
from evm_dex.errors import OriginError, UnknownTransaction
from evm_dex.node.node import Node
from evm_dex.node.registry import RpcMethod
from evm_dex.node.rpc_errors import RpcError
from evm_dex.node.rpc_types import (
    BLOCK,
    BlockHash,
    BlockId,
    data,
    quantity,
    read_address,
    read_slot,
)
from evm_dex.origin.fetched_state import read_access_list
from evm_dex.origin.origin import Origin
from evm_dex.origin.rpc_client import Refusal

LOCAL: Any = object()
"""The answer for a request that the origin has not to answer."""
_ABOUT_CONTENT = (
    *("eth_getBlock", "eth_getHeader", "eth_getUncle", "eth_getTransactionBy", "eth_getProof"),
    *("eth_getRawTransaction", "debug_getRaw", "debug_traceBlock"),
    *("trace_block", "trace_replayBlock"),
)
"""Beginnings of methods about what is in a block, or is proven by its header."""
_PASSED = ("eth_", "debug_", "trace_")
_HASH_LETTERS = 66
_TAGS = ("latest", "safe", "finalized")
_KEPT = ("eth_getBlockByNumber", "eth_getBlockByHash")


def passed_on(node: Node, method: RpcMethod, params: Any, arguments: Sequence[Any]) -> Any:
    """Return the origin's answer as it is, or LOCAL. Raises RpcError with the origin's error."""
    origin = node.chain.origin
    if origin is None or not method.name.startswith(_PASSED):
        return LOCAL
    for place, (parameter, value) in enumerate(zip(method.parameters, arguments, strict=True)):
        if parameter.kind is BLOCK:
            named = _origins_block(node.chain, method.name, value)
        elif parameter.name == "blockHash":
            named = _origins_block(node.chain, method.name, BlockHash(value))
        elif parameter.name == "transactionHash":
            return _about_transaction(node.chain, origin, method.name, value, params)
        elif (parameter.name, place) == ("nonce", 1):
            return _by_nonce(origin, method.name, *arguments)
        else:
            continue
        if named is not None and _is_from_before(origin, method.name, named):
            given = _with(method, params, place, named)
            if method.name == "eth_getProof":  # some nodes take keys in full length alone
                given[1] = [f"{slot:#066x}" for slot in arguments[1]]
            return _answer(origin, method.name, given)
    return LOCAL


def _origins_block(chain: Chain, method: str, block: BlockId) -> str | None:
    """Return how the origin knows a block that it is to be asked about; None for one of ours."""
    first = chain.blocks.first_height
    is_content = method.startswith(_ABOUT_CONTENT)
    if isinstance(block, BlockHash):
        if not chain.blocks.is_on_chain(block.block_hash):
            return data(block.block_hash)
        height = chain.blocks.header(block.block_hash, chain.head.block_number).block_number
        return data(block.block_hash) if is_content and height == first else None
    if block == "pending":
        return None
    height = chain.head.block_number if block in _TAGS else 0 if block == "earliest" else int(block)
    return quantity(height) if height < first or (is_content and height == first) else None


def _is_from_before(origin: Origin, method: str, block: str) -> bool:
    """Tell whether a block of the origin's may be seen: not where it made it after the fork."""
    if len(block) < _HASH_LETTERS or method in _KEPT:
        return True  # by number it is, and what is found by hash is looked at
    if origin.kept_block(block) is not None:
        return True
    if origin.fork is None:
        return False
    found = _asked(origin, "eth_getBlockByHash", [block, False])
    return found is not None and not _is_later(found, origin.point.height)


def _with(method: RpcMethod, params: Any, place: int, block: str) -> list[Any]:
    """Return parameters in order, with the block by number or hash and nothing that is relative."""
    if isinstance(params, Mapping):
        params = [params.get(parameter.name) for parameter in method.parameters]
    found = list(params or ())
    found += [None] * (place + 1 - len(found))
    is_hash = method.parameters[place].kind is BLOCK and len(block) == _HASH_LETTERS
    found[place] = {"blockHash": block} if is_hash else block
    while found and found[-1] is None:
        found.pop()
    return found


def _answer(origin: Origin, method: str, params: list[Any]) -> Any:
    """Return what the origin answers; null where it made that after the fork."""
    is_full = len(params) > 1 and params[1] is True
    kept = origin.kept_block(params[0]) if method in _KEPT else None
    if kept is not None and not (is_full and kept["transactions"]):
        return kept
    if method == "eth_getBlockByHash" and origin.fork is None:
        return None
    found = _asked(origin, method, params)
    return None if _is_later(found, origin.point.height) else found


def _asked(origin: Origin, method: str, params: Iterable[Any]) -> Any:
    (found,) = origin.ask_all([(method, list(params))])
    if isinstance(found, Refusal):
        raise RpcError(found.code, f"{found.message} (answered by {origin.shown})", found.data)
    return found


def _is_later(found: Any, height: int) -> bool:
    """Tell whether a block, transaction or receipt is from after the fork, or not in a block."""
    if not isinstance(found, Mapping):
        return False
    for name in ("blockNumber", "number"):
        if name in found:
            return found[name] is None or int(found[name], 16) > height
    return False


def _about_transaction(
    chain: Chain, origin: Origin, method: str, transaction_hash: bytes, params: Any
) -> Any:
    is_here = transaction_hash in chain.mempool or _is_included(chain, transaction_hash)
    if is_here or origin.fork is None:
        return LOCAL
    named = data(transaction_hash)
    receipt = _asked(origin, "eth_getTransactionReceipt", [named])
    if receipt is None or _is_later(receipt, origin.point.height):
        return LOCAL  # which says that there is none
    if method == "eth_getTransactionReceipt":
        return receipt
    given = list(params.values()) if isinstance(params, Mapping) else list(params)
    return _asked(origin, method, given)


def _by_nonce(origin: Origin, method: str, sender: bytes, nonce: int) -> Any:
    """Return a sender's transaction from before the fork, or LOCAL for a later one."""
    account = origin.state.account(sender)
    if account is None or nonce >= account.nonce or origin.fork is None:
        return LOCAL
    found = _asked(origin, method, [data(sender), quantity(nonce)])
    return None if _is_later(found, origin.point.height) else found


def _is_included(chain: Chain, transaction_hash: bytes) -> bool:
    try:
        chain.blocks.included(transaction_hash)
    except UnknownTransaction:
        return False
    return True


def foresee(node: Node, batch: Iterable[Any]) -> None:
    """Fetch at once what the requests of a batch are going to read of the origin's state.

    What fails is asked for again by the request that needs it, which tells.
    """
    origin = node.chain.origin
    if origin is None:
        return
    wanted: dict[bytes, list[int]] = {}
    calls: list[Any] = []
    for request in batch:
        try:
            _foresee_one(request["method"], request["params"], wanted, calls)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            continue  # it is told what is wrong with it when it is answered
    try:
        at = quantity(origin.point.height)
        asked = [("eth_createAccessList", [call, at]) for call in calls]
        listed = origin.ask_all(asked) if len(asked) > 1 else []
        for found in listed:
            for address, slots in read_access_list(found).items():
                wanted.setdefault(address, []).extend(slots)
        if len(wanted) > 1 or any(len(slots) > 1 for slots in wanted.values()):
            origin.state.prefetch(wanted)
    except OriginError:
        return


def _foresee_one(
    method: str, params: Sequence[Any], wanted: dict[bytes, list[int]], calls: list[Any]
) -> None:
    if method in ("eth_getBalance", "eth_getCode", "eth_getTransactionCount"):
        wanted.setdefault(read_address(params[0]), [])
    elif method == "eth_getStorageAt":
        wanted.setdefault(read_address(params[0]), []).append(read_slot(params[1]))
    elif method == "eth_call":
        call = params[0]
        wanted.setdefault(read_address(call["to"]), [])
        for address, slots in read_access_list({"accessList": call.get("accessList", [])}).items():
            wanted.setdefault(address, []).extend(slots)
        fields = {name: call[name] for name in ("from", "to", "data", "input", "value")
                  if name in call}  # fmt: skip
        calls.append(fields)
