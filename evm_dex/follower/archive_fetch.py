"""The beginning of a follower: an archive of the node's head, fetched in parts and proven."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from checkpoint.errors import StoreError
from evm_dex.follower.directory import FollowerDirectory
from evm_dex.follower.node_client import NodeAway, NodeClient, NotThisNode, RequestRefused

_SECONDS_UNTIL_MADE = 0.1
_ATTEMPTS = 5


async def fetch_chain(
    client: NodeClient,
    directory: FollowerDirectory,
    progress: Callable[[str, int, int], object] = lambda _what, _done, _all: None,
) -> None:
    """Fetch the node's chain beside that of a directory, to be swapped in.

    All of it is proven against its block's hash. Raises NodeAway, NotThisNode, RequestRefused,
    StoreError; nothing has changed then.
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


async def _fetch_once(
    client: NodeClient,
    directory: FollowerDirectory,
    progress: Callable[[str, int, int], object],
) -> None:
    while (offered := await client.ask("dex_archive")) is None:
        progress("Waiting for the node's archive", 0, 0)
        await asyncio.sleep(_SECONDS_UNTIL_MADE)
    number, size = hex(offered["archiveId"]), offered["bytes"]
    directory.begin_fetching()
    done = 0
    with directory.archive.open("wb") as file:
        while done < size:
            part = bytes.fromhex((await client.ask("dex_archivePart", number, hex(done)))[2:])
            if not part:
                raise NotThisNode(f"the archive of {client.url} is shorter than it said")
            file.write(part)
            done += len(part)
            progress("Fetching", done, size)
    block_hash = bytes.fromhex(offered["hash"][2:])

    def proven(done: int, total: int) -> None:
        progress("Proving and importing", done, total)

    await asyncio.to_thread(directory.prove, block_hash, client.url, proven)
