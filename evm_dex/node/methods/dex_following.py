"""Methods for followers: those they ask of a node, and those that tell their own state."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

from checkpoint.errors import UndoExpired
from evm_dex.blocks.header import Header
from evm_dex.chain.chain_settings import WRITTEN_STATE
from evm_dex.errors import StateMissing
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import (
    HASH,
    Data,
    Flag,
    Hash,
    Quantity,
    counted,
    data,
    listed,
    or_null,
    shaped,
)

_MOST_BLOCKS = 256
_MOST_BYTES = 4 * 2**20
"""Of encoded blocks in one answer; a single one may be larger."""
_MOST_HASHES = 1_024

Count = Annotated[int, counted("BlockCount", _MOST_BLOCKS)]
HashCount = Annotated[int, counted("HashCount", _MOST_HASHES)]


@rpc("dex_head")
def head(node: Node) -> Annotated[Json, shaped("Head", "the chain and its head, for followers")]:
    """Return version, chain id, genesis and head; a forked chain has no followers."""
    if node.chain.origin is not None:
        raise failed(
            "a forked chain can't be followed, since its blocks build on another's: begin from it "
            "by `evm-dex node --fork-url`"
        )
    return {
        "version": version("evm-dex"),
        "chainId": node.chain.chain_id,
        "genesisHash": data(node.chain.header(0).hash),
        **_place(node),
    }


@rpc("dex_exportBlocks")
def export_blocks(
    node: Node, after: Hash, count: Count = _MOST_BLOCKS
) -> Annotated[Json, shaped("ExportedBlocks", "the head, and encoded blocks after one")]:
    """Return the blocks after one, as `import_blocks` takes them, with what cheats wrote.

    As many as 4 MiB hold, at least one. `blocks` is null where the block is not on this chain;
    `needsArchive` says that what a cheat wrote in the next block can't be told any more.
    """
    chain = node.chain
    found: Json = {**_place(node), "blocks": None, "needsArchive": False}
    if not chain.blocks.is_on_chain(after):
        return found
    first = chain.header(after).block_number + 1
    last = min(chain.head.block_number, first + count - 1)
    try:
        encoded = chain.export_blocks(first, last, as_made=True) if first <= last else ()
    except (StateMissing, UndoExpired):
        encoded = _before_what_is_lost(node, first, last)
        found["needsArchive"] = not encoded
    found["blocks"] = [data(block) for block in _bounded(encoded)]
    return found


def _before_what_is_lost(node: Node, first: int, last: int) -> tuple[bytes, ...]:
    """Return the blocks up to the first that a cheat wrote."""
    stop = first
    while stop <= last and node.chain.header(stop).extra_data != WRITTEN_STATE:
        stop += 1
    return node.chain.export_blocks(first, stop - 1) if stop > first else ()


def _bounded(encoded: tuple[bytes, ...]) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for block in encoded:
        size += len(block)
        if found and size > _MOST_BYTES:
            break
        found.append(block)
    return found


@rpc("dex_blockHashes")
def block_hashes(
    node: Node, first: Quantity, count: HashCount
) -> Annotated[list[bytes | None], listed(or_null(HASH), most=_MOST_HASHES)]:
    """Return the hashes of blocks from a height on; null for those that are not there."""
    blocks, last = node.chain.blocks, node.chain.head.block_number
    return [
        blocks.listed(height) if height <= last else None for height in range(first, first + count)
    ]


@rpc("dex_archive")
def archive(
    node: Node,
) -> Annotated[Json | None, or_null(shaped("Archive", "id, bytes, and the block it is of"))]:
    """Return an archive of nearly the head, to fetch in parts; null while it is being made.

    A node keeps one at a time, and makes another when nobody has asked for parts of it for 30 s.
    """
    if node.chain.origin is not None:
        raise failed("this chain is a fork, of whose state only a part is here: follow another")
    made = node.archives.get()
    if made is None:
        return None
    return {
        "archiveId": made.archive_id,
        "bytes": made.size,
        "number": made.head.height,
        "hash": data(made.head.block_hash),
    }


@rpc("dex_archivePart")
def archive_part(node: Node, archive_id: Quantity, offset: Quantity) -> Data:
    """Return up to 1 MiB of an archive from an offset."""
    try:
        return node.archives.part(archive_id, offset)
    except ValueError as error:
        raise failed(str(error)) from None


@rpc("dex_following")
def following(
    node: Node,
) -> Annotated[Json | None, or_null(shaped("Following", "the node that is followed, and the lag"))]:
    """Return how far this follower is behind its node; null for one that follows none."""
    return node.upstream.status() if node.upstream else None


@rpc("dex_promote", cheat=True)
def promote(node: Node) -> Flag:
    """Make a follower a node of its own, which takes writes; its node is followed no more."""
    if node.upstream is None:
        raise failed("this node follows no other")
    node.upstream.promote()
    return True


def _place(node: Node) -> dict[str, Any]:
    found: Header = node.chain.head
    return {"number": found.block_number, "hash": data(found.hash), "timestamp": found.timestamp}
