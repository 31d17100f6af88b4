"""Following a node: its blocks, again and again, through all that happens to it and the network."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from checkpoint.errors import StoreSuspended, UndoExpired
from evm_dex.chain.chain import Chain
from evm_dex.errors import (
    BranchNotLonger,
    ChainError,
    InvalidBlock,
    StateMissing,
    UnknownBlock,
)
from evm_dex.follower.directory import FollowerDirectory
from evm_dex.follower.forwarding import is_of_the_pool, is_write
from evm_dex.follower.node_answers import ExportedBlocks, Hash
from evm_dex.follower.node_client import NodeAway, NodeClient, NotThisNode, RequestRefused
from evm_dex.node.dispatch import refusal
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json
from evm_dex.node.server import Server
from evm_dex.node.upstream import Here, Upstream

_logger = logging.getLogger(__name__)
_SECONDS_BETWEEN = 0.1
"""From question to question, where nothing is new."""
_MOST_SECONDS_AWAY = 2.0
_SECONDS_FOR_OWN_WRITE = 2.0
"""For which an answer to a write waits, so that who wrote can read it here."""
_BEHIND_SECONDS = 10.0
"""After which a follower that is not in step counts as unhealthy."""
_SECONDS_SURE = 2.0
"""For which what the node has last said counts, while it is asked again."""
_HASHES = 1_024
_MOST_BLOCKS = 256
"""In one answer: fewer after one that did not come through."""
_encode = msgspec.json.Encoder().encode


class BeginAgain(Exception):  # noqa: N818 - says what is to be done
    """The chain can't be brought to the node's by blocks: an archive has to take its place."""


class Follower(Upstream):
    """Keeps one chain in step with its node's."""

    def __init__(
        self,
        client: NodeClient,
        server: Server,
        directory: FollowerDirectory,
        *,
        forwards: bool = True,
        told: Callable[[str], object] = _logger.info,
    ) -> None:
        """With `forwards` writes go to the node; without, they are refused."""
        self._client = client
        self._server = server
        self._directory = directory
        self._forwards = forwards
        self._told = told
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []
        self._node_block: int | None = None
        self._in_step_at = time.monotonic()
        self._is_connected = False
        self._problem: str | None = None
        self._blocks_asked = _MOST_BLOCKS
        self._is_promoted = False
        self._gave_way = False
        server.node.set_upstream(self)

    # What the server asks

    def takes(self, content: Any) -> bool:
        if is_write(content):
            return True
        return self._is_connected and is_of_the_pool(content)

    async def answer(self, content: Any, here: Here) -> bytes:
        if isinstance(content, list):
            if len(content) > self._server.node.limits.batch_requests:
                return await here(content)  # which refuses it
            return await self._answer_batch(content, here)
        return await self._pass_on(content)

    async def _answer_batch(self, batch: list[Any], here: Here) -> bytes:
        """Answer in order, each where it belongs: the node knows no filters of this server."""
        answers = []
        for is_passed_on, requests in itertools.groupby(batch, self.takes):
            run = list(requests)
            found = await (self._pass_on(run) if is_passed_on else here(run))
            answers.append(found.strip().removeprefix(b"[").removesuffix(b"]"))
        joined = b",".join(answer for answer in answers if answer)
        return b"[" + joined + b"]" if joined else b""

    async def _pass_on(self, content: Any) -> bytes:
        writes = is_write(content)
        if writes and self.refused_write is not None:
            return self._error(content, self.refused_write)
        try:
            _, found = await self._client.pass_on(_encode(content))
        except (NodeAway, NotThisNode) as error:
            return self._error(content, f"{error}; what is read here goes on")
        if writes:
            await self.see_own_write()
        return found

    @property
    def refused_write(self) -> str | None:
        """The answer to whoever writes here; None where the node has the writes."""
        if self._forwards:
            return None
        return f"this node follows {self._client.url} and takes no writes: send them there"

    def status(self) -> Json:
        here, there = self._chain.head.block_number, self._node_block
        behind = 0.0 if self._is_in_step else time.monotonic() - self._in_step_at
        return {
            "node": self._client.url,
            "connected": self._is_connected,
            "block": here,
            "nodeBlock": there,
            "blocksBehind": None if there is None else max(0, there - here),
            "millisecondsBehind": int(behind * 1_000),
            "problem": self._problem,
        }

    def in_words(self) -> str:
        """Return the same for people."""
        here, told = f"block {self._chain.head.block_number:,}", self.status()
        if self._is_promoted:
            return f"{here}, a node of its own"
        if not self._is_connected:
            return f"{here}; no answer from {self._client.url}"
        behind, late = told["blocksBehind"] or 0, told["millisecondsBehind"] / 1_000
        return (
            f"{here}, {behind:,} blocks and {late:.1f} s behind" if behind else f"{here}, in step"
        )

    def is_healthy(self) -> bool:
        return self._problem is None and (
            self._is_in_step or time.monotonic() - self._in_step_at < _BEHIND_SECONDS
        )

    @property
    def is_promoted(self) -> bool:
        """True if it follows no more."""
        return self._is_promoted

    def promote(self) -> None:
        if self._gave_way:
            raise failed("another chain takes the place of this one just now: ask again")
        self._directory.note(self._client.url, promoted=True)
        self._is_promoted = True
        self._server.node.set_upstream(None)
        self._loop.call_soon_threadsafe(self._wake.set)
        self._told(f"promoted: a node of its own from block {self._chain.head.block_number} on")

    def give_way(self) -> bool:
        """Let another chain take the place of this one, unless it was promoted.

        On the chain's thread, as `promote` is: of the two, the one that comes first counts.
        """
        self._gave_way = not self._is_promoted
        return self._gave_way

    def has_problem(self, why: str) -> None:
        """Tell what keeps it from following; what is here is answered from meanwhile."""
        if self._problem != why:
            self._told(why)
        self._is_connected, self._problem = False, why

    # Following

    async def run(self) -> None:
        """Follow until it is promoted. Raises BeginAgain."""
        pause = _SECONDS_BETWEEN
        while not self._is_promoted:
            asked, self._waiting = self._waiting, []
            before = self._chain.head.hash
            try:
                is_all = await self._step()
                pause = _SECONDS_BETWEEN
                self._blocks_asked = min(2 * self._blocks_asked, _MOST_BLOCKS)
            except NodeAway as error:
                self._lost(str(error))
                self._blocks_asked = max(1, self._blocks_asked // 2)
                is_all, pause = True, min(2 * pause, _MOST_SECONDS_AWAY)
            except (NotThisNode, RequestRefused, StoreSuspended) as error:
                self.has_problem(str(error))
                is_all, pause = True, _MOST_SECONDS_AWAY
            if is_all:
                for future in asked:
                    if not future.done():
                        future.set_result(None)
            else:
                self._waiting += [future for future in asked if not future.done()]
            if is_all or self._chain.head.hash == before:
                await self._pause(pause)

    @property
    def _chain(self) -> Chain:
        return self._server.node.chain

    @property
    def _is_in_step(self) -> bool:
        is_sure = time.monotonic() - self._in_step_at < _SECONDS_SURE
        is_level = self._node_block == self._chain.head.block_number
        return self._is_connected and is_level and is_sure

    async def _step(self) -> bool:
        """Take what is new; whether that was all. Raises BeginAgain and what `ask` raises."""
        began = time.monotonic()
        head = self._chain.head
        found = await self._client.ask(
            ExportedBlocks, "dex_exportBlocks", _hex(head.hash), self._blocks_asked
        )
        self._node_block = found.number
        if found.blocks is None:
            await self._go_back()
            return False
        if found.needs_archive:
            raise BeginAgain(f"what a cheat wrote after block {head.block_number} is lost there")
        self._found()
        for block in found.blocks:
            if self._is_promoted:
                return True
            await self._take(_decoded(block))
        if _hex(self._chain.head.hash) == found.hash:
            self._in_step_at = began
            return True
        return False

    async def _take(self, block: bytes) -> None:
        def take() -> None:
            if not self._is_promoted:
                self._chain.import_blocks([block], as_made=True)

        try:
            await self._server.on_chain(take)
        except (UnknownBlock, BranchNotLonger):
            return  # it has moved meanwhile, and is asked again
        except InvalidBlock as error:
            raise BeginAgain(f"a block comes out another one here: {error}") from error

    async def _go_back(self) -> None:
        """Go back to the newest block that the node has too."""
        head = self._chain.head.block_number
        first = max(0, head + 1 - _HASHES)
        kind = list[Hash | None]
        theirs = await self._client.ask(kind, "dex_blockHashes", hex(first), _HASHES)
        blocks = self._chain.blocks
        for height in range(head, first - 1, -1):
            ours, (there, *_) = blocks.listed(height), theirs[height - first :] or [None]
            if ours is not None and there == _hex(ours):
                break
        else:
            await check_same_chain(self._client, self._chain)
            raise BeginAgain(f"the node has none of the last {head + 1 - first} blocks")
        if height == head:
            return

        def go_back() -> None:
            if not self._is_promoted:
                self._chain.rollback(height)

        try:
            await self._server.on_chain(go_back)
        except (UndoExpired, StateMissing) as error:
            raise BeginAgain(f"going back to block {height}: {error}") from error
        self._told(f"the node went back to block {height}, and so did this follower")

    async def see_own_write(self) -> None:
        """Wait until what was just written is here, or for as long as anybody may wait."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(done)
        self._wake.set()
        try:
            async with asyncio.timeout(_SECONDS_FOR_OWN_WRITE):
                await done
        except TimeoutError:
            _logger.info("a write is not here yet")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _found(self) -> None:
        if not self._is_connected or self._problem is not None:
            self._told(f"connected to {self._client.url}")
        self._is_connected, self._problem = True, None

    def _lost(self, why: str) -> None:
        if self._is_connected:
            self._told(f"{why}; going on with what is here, and trying again")
        self._is_connected = False

    def _error(self, content: Any, said: str) -> bytes:
        if isinstance(content, list):
            return b"[" + b",".join(self._error(each, said) for each in content) + b"]"
        identity = content.get("id") if isinstance(content, dict) else None
        return refusal(failed(said), identity)


async def check_start(client: NodeClient, chain: Chain, directory: FollowerDirectory) -> None:
    """Check that a chain that is here can follow the node, and note that it does.

    One that came from a node may go back with it; one of its own must be a part of the node's.
    Raises NotThisNode, and ChainError for blocks that the node does not have.
    """
    try:
        await check_same_chain(client, chain)
        height = chain.head.block_number
        (there,) = await client.ask(list[Hash | None], "dex_blockHashes", hex(height), 1)
    except NodeAway:
        if directory.is_a_followers:
            return
        raise
    if there != _hex(chain.head.hash) and not directory.is_a_followers:
        raise ChainError(
            f"the chain at {directory.path} has block {height}, which the node does not have: "
            "choose another --chain"
        )
    directory.note(client.url)


async def check_same_chain(client: NodeClient, chain: Chain) -> None:
    """Raise NotThisNode where the node's chain has another genesis, and what `ask` raises."""
    there = await client.head()
    ours = _hex(chain.header(0).hash)
    if there.chain_id != chain.chain_id or there.genesis_hash != ours:
        raise NotThisNode(
            f"the node at {client.url} has chain {there.chain_id} with genesis "
            f"{there.genesis_hash}, here is chain {chain.chain_id} with genesis {ours}: "
            "give the node of this chain, or another --chain"
        )


def _decoded(block: str) -> bytes:
    """Decode a block from hex; b"" for other text, which the import then refuses."""
    try:
        return bytes.fromhex(block.removeprefix("0x"))
    except ValueError:
        return b""


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"
