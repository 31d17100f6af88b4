"""Queries for logs, and the bounded search that answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.chain.chain import Chain
from evm_dex.errors import UnknownBlock
from evm_dex.node.request_limits import Limits
from evm_dex.node.rpc_errors import invalid_params, limit_exceeded
from evm_dex.node.rpc_json import Json, entry_object
from evm_dex.node.rpc_types import (
    BlockId,
    ParamType,
    data,
    plain_block,
    quantity,
    read_address,
    read_block,
    read_hash,
)
from evm_dex.origin.origin import Origin
from precompiles.types import Address

_MOST_ADDRESSES = 1_000
_MOST_TOPICS = 1_000
_POSITIONS = 4


class LogQuery(msgspec.Struct, frozen=True):
    """Addresses (none for all), topics by position, and a range of blocks or one by hash."""

    addresses: tuple[Address, ...] = ()
    topics: tuple[tuple[bytes, ...] | None, ...] = ()
    first: BlockId = "latest"
    last: BlockId = "latest"
    block_hash: bytes | None = None


def read_query(value: Any) -> LogQuery:
    """Read from JSON. Raises ValueError, and RpcError for contradicting fields."""
    if not isinstance(value, Mapping):
        raise ValueError
    given = {name: found for name, found in value.items() if found is not None}
    block_hash = given.get("blockHash")
    if block_hash is not None and given.keys() & {"fromBlock", "toBlock"}:
        raise invalid_params("give blockHash, or fromBlock and toBlock, not both")
    return LogQuery(
        addresses=_addresses(given.get("address", [])),
        topics=_topics(given.get("topics", [])),
        first=read_block(given.get("fromBlock", "latest")),
        last=read_block(given.get("toBlock", "latest")),
        block_hash=None if block_hash is None else read_hash(block_hash),
    )


def find_logs(chain: Chain, limits: Limits, query: LogQuery) -> list[Json]:
    """Return all logs that match, oldest first. Raises RpcError for too many."""
    origin = chain.origin
    if query.block_hash is None or origin is None:
        return logs_between(chain, limits, query, *_range(chain, query))
    if _is_made_here(chain, query.block_hash):
        height = chain.header(query.block_hash).block_number
        return logs_between(chain, limits, query, height, height)
    return _logs_before(origin, query, {"blockHash": data(query.block_hash)})


def logs_between(
    chain: Chain, limits: Limits, query: LogQuery, first: int, last: int
) -> list[Json]:
    """Return all logs that match in a range of heights, like `find_logs`."""
    found: list[Json] = []
    if chain.origin is not None and first <= chain.blocks.first_height:
        until = min(last, chain.blocks.first_height)
        found = _logs_before(
            chain.origin, query, {"fromBlock": quantity(first), "toBlock": quantity(until)}
        )
        first = until + 1
    heights = chain.blocks.heights(first, last)
    if len(heights) > limits.log_blocks:
        first = heights[0]
        raise limit_exceeded(
            f"a range of {len(heights)} blocks; at most {limits.log_blocks} at once: ask for "
            f"blocks {first:#x} to {first + limits.log_blocks - 1:#x} first"
        )
    header = None
    for entry in chain.blocks.logs(first, last, query.addresses, query.topics):
        if len(found) >= limits.log_results:
            raise limit_exceeded(
                f"more than {limits.log_results} logs match; ask for a smaller range: those up "
                f"to block {entry.height - 1:#x} are fewer"
            )
        if header is None or header.block_number != entry.height:
            header = chain.header(entry.block_hash)
        found.append(entry_object(entry, header))
    return found


def _is_made_here(chain: Chain, block_hash: bytes) -> bool:
    return block_hash != chain.first.hash and chain.blocks.is_on_chain(block_hash)


def _logs_before(origin: Origin, query: LogQuery, where: Json) -> list[Json]:
    """Return logs of blocks up to the fork as the origin's node gives them. Raises OriginError."""
    asked = dict(where)
    if query.addresses:
        asked["address"] = [data(address) for address in query.addresses]
    if query.topics:
        asked["topics"] = [topic and [data(each) for each in topic] for topic in query.topics]
    found: list[Json] = origin.ask("eth_getLogs", asked)
    height = origin.point.height
    return [log for log in found if int(log["blockNumber"], 16) <= height]


def _range(chain: Chain, query: LogQuery) -> tuple[int, int]:
    if query.block_hash is not None:
        height = chain.header(query.block_hash).block_number
        return height, height
    first, last = (_height(chain, block) for block in (query.first, query.last))
    if first > last:
        raise invalid_params(f"invalid block range: {first:#x} is after {last:#x}")
    return first, last


def _height(chain: Chain, block: BlockId) -> int:
    """Return a block's height; the pending one has no logs before it is made."""
    if block == "pending":
        return chain.head.block_number
    try:
        return chain.made_height(plain_block(block))
    except UnknownBlock as error:
        raise invalid_params(f"block range extends beyond current head block: {error}") from None


def _addresses(value: Any) -> tuple[Address, ...]:
    several = value if isinstance(value, list) else [value]
    if len(several) > _MOST_ADDRESSES:
        raise invalid_params(f"addresses must be at most {_MOST_ADDRESSES}, got {len(several)}")
    return tuple(read_address(item) for item in several)


def _topics(value: Any) -> tuple[tuple[bytes, ...] | None, ...]:
    if not isinstance(value, list):
        raise ValueError
    if len(value) > _POSITIONS:
        raise invalid_params(f"topics must be at most {_POSITIONS}, got {len(value)}")
    return tuple(None if item is None else _alternatives(item) for item in value)


def _alternatives(value: Any) -> tuple[bytes, ...] | None:
    if not isinstance(value, list):
        return (read_hash(value),)
    if len(value) > _MOST_TOPICS:
        raise invalid_params(
            f"topics in one place must be at most {_MOST_TOPICS}, got {len(value)}"
        )
    if None in value:
        return None  # any will do
    return tuple(read_hash(item) for item in value) or None


_SCHEMA = {
    "type": "object",
    "properties": {
        name: {"description": text}
        for name, text in (
            ("address", "one address or several"),
            ("topics", "by position: a topic, several that will do, or null for any"),
            ("fromBlock", "the first block; latest by default"),
            ("toBlock", "the last block; latest by default"),
            ("blockHash", "one block, instead of a range"),
        )
    },
}
QUERY = ParamType(
    "LogQuery",
    "an object with address, topics, fromBlock, toBlock or blockHash",
    _SCHEMA,
    read_query,
)
LogFilter = Annotated[LogQuery, QUERY]
