"""The beginning of a follower: an archive of the node's head, fetched in parts and proven."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from checkpoint.errors import StoreError
from evm_dex.follower.directory import FollowerDirectory
from evm_dex.follower.node_answers import OfferedArchive
from evm_dex.follower.node_client import NodeAway, NodeClient, NotThisNode, RequestRefused

_SECONDS_UNTIL_MADE = 0.1
_ATTEMPTS = 5
Progress = Callable[[str, int, int], object]


class _Ended(Exception):  # noqa: N818 - says what happened
    """Nobody waits for the chain that is made any more."""


async def fetch_chain(
    client: NodeClient,
    directory: FollowerDirectory,
    progress: Progress = lambda _what, _done, _all: None,
) -> None:
    """Fetch the node's chain beside that of a directory, to be swapped in.

    All of it is proven against its block's hash. Raises NodeAway, NotThisNode, RequestRefused,
    StoreError, and OSError of the disk; nothing has changed then.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await _fetch_once(client, directory, progress)
            return
        except BaseException as error:
            directory.forget_fetched()
            # The archive may have gone, with the node or its block.
            passes = isinstance(error, NodeAway | RequestRefused | StoreError)
            if not passes or attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(attempt * 0.5)


async def _fetch_once(client: NodeClient, directory: FollowerDirectory, progress: Progress) -> None:
    kind = OfferedArchive | None
    while (offered := await client.ask(kind, "dex_archive")) is None:
        progress("Waiting for the node's archive", 0, 0)
        await asyncio.sleep(_SECONDS_UNTIL_MADE)
    directory.begin_fetching()
    done = 0
    with directory.archive.open("wb") as file:
        while done < offered.bytes:
            part = await _part(client, offered.archive_id, done)
            file.write(part)
            done += len(part)
            progress("Fetching", done, offered.bytes)
    block_hash = bytes.fromhex(offered.hash[2:])
    is_over = threading.Event()

    def proven(done: int, total: int) -> None:
        if is_over.is_set():
            raise _Ended
        progress("Proving and importing", done, total)

    proving = asyncio.create_task(
        asyncio.to_thread(directory.prove, block_hash, client.url, proven)
    )
    try:
        await asyncio.shield(proving)
    except asyncio.CancelledError:
        is_over.set()
        await asyncio.gather(proving, return_exceptions=True)  # it writes there until then
        raise


async def _part(client: NodeClient, archive: int, offset: int) -> bytes:
    """Return a part, for which a network that was cut is waited for a while: what is here stays."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return await _part_once(client, archive, offset)
        except NodeAway:
            await asyncio.sleep(attempt * 0.5)
    return await _part_once(client, archive, offset)


async def _part_once(client: NodeClient, archive: int, offset: int) -> bytes:
    told = await client.ask(str, "dex_archivePart", hex(archive), hex(offset))
    try:
        part = bytes.fromhex(told.removeprefix("0x"))
    except ValueError as error:
        raise NotThisNode(
            f"an archive of {client.url} has parts that are no hex: {error}"
        ) from None
    if not part:
        raise NotThisNode(f"the archive of {client.url} is shorter than it said")
    return part
