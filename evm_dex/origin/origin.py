"""The other chain as a forked one has it: its state at the fork, and all that was before."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import msgspec

from evm_dex.errors import (
    OriginError,
    OriginLied,
    OriginMismatch,
    OriginRefused,
    OriginUnreachable,
)
from evm_dex.origin.fetched_state import FetchedState, Waiting
from evm_dex.origin.fetched_values import FetchedStore, FetchedValues, block_key, hash_key
from evm_dex.origin.fork import Fork
from evm_dex.origin.fork_point import ForkPoint
from evm_dex.origin.origin_block import OriginBlock, read_origin_block
from evm_dex.origin.rpc_client import Refusal, RpcClient
from evm_dex.origin.state_requests import Answered, StateRequests, Wanted

_logger = logging.getLogger(__name__)
_HASHES_AT_ONCE = 64
_PROBED = bytes(20)
"""The account by which is found out whether a node serves proofs."""
_QUICK_SECONDS = 3.0
"""For a look at a node that may be gone, without which it goes on."""


class Origin:
    """Another chain that this one left after one of its blocks."""

    def __init__(
        self,
        point: ForkPoint,
        client: RpcClient | None,
        kept: FetchedValues,
        *,
        known: bool,
    ) -> None:
        """`known` says that the client's node was seen to have the block."""
        self.point = point
        self._client = client
        self._is_checked = known
        self._kept = kept
        self._waiting: Waiting = nullcontext
        self.state = FetchedState(self._kept, point, self._connected, proves=point.is_proven)

    @property
    def fork(self) -> Fork | None:
        """The node that is asked, with all options; None where none was named."""
        return None if self._client is None else self._client.fork

    @property
    def shown(self) -> str:
        """The URL of the other node without secrets; empty where none was given."""
        return "" if self._client is None else self._client.shown

    def use(self, fork: Fork) -> None:
        """Ask another node of the same chain from now on. Raises OriginError where it is none."""
        client = RpcClient(fork)
        check_origin(client, self.point)
        self.close()
        self._client, self._is_checked = client, True

    def take_fetched(self) -> dict[bytes, bytes]:
        """Return what was fetched before the first block, to be written with it."""
        return self._kept.take()

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return 0 if self._client is None else self._client.requests

    def share(self, waiting: Waiting) -> None:
        """Open a context of `waiting` where the other node is waited for."""
        self._waiting = waiting
        self.state.share(waiting)

    def ask(self, method: str, *params: Any) -> Any:
        """Return what the other node answers.

        Raises OriginUnreachable, OriginRefused with its error, OriginMismatch.
        """
        client = self._connected()
        with self._waiting():
            return client.ask(method, *params)

    def ask_all(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Return what the other node answers to several requests, Refusals for its errors.

        Raises OriginUnreachable, OriginMismatch.
        """
        client = self._connected()
        with self._waiting():
            return client.ask_all(calls)

    def kept_block(self, named: Any) -> Any:
        """Return the block at the fork as the node told it, by number or hash; None for others."""
        point = self.point
        if named not in (hex(point.height), f"0x{point.block_hash.hex()}"):
            return None
        kept = self._kept.get(block_key(point.height))
        return None if kept is None else msgspec.json.decode(kept)

    def hashes_down_from(self, height: int) -> Iterator[bytes]:
        """Yield hashes of the blocks at a height and before, each the parent of the one above it.

        Raises OriginError where the node does not give one.
        """
        for at in range(height, -1, -1):
            if at == self.point.height - 1:
                yield self.point.parent_hash
                continue
            found = self._kept.claimed_hash(at)
            if found is None:
                self._fetch_hashes(at)
                found = self._kept.claimed_hash(at)
            assert found is not None, "what was fetched is there"
            yield found

    def close(self) -> None:
        """Close the connections to the other node."""
        if self._client is not None:
            self._client.close()

    def _fetch_hashes(self, height: int) -> None:
        expected = self._kept.claimed_hash(height)
        heights = range(height, max(height - _HASHES_AT_ONCE, -1), -1)
        client = self._connected()
        found = client.ask_all([("eth_getBlockByNumber", [hex(at), False]) for at in heights])
        entries: dict[bytes, bytes] = {}
        for at, block in zip(heights, found, strict=True):
            try:
                block_hash, parent = _hash(block["hash"]), _hash(block["parentHash"])
            except (KeyError, TypeError, ValueError):
                if at == height:
                    raise OriginRefused(f"{client.shown} does not give block {at}") from None
                break
            if expected is not None and block_hash != expected:
                raise OriginLied(
                    f"{client.shown} gives a block {at} that is not the parent of the one after it"
                )
            entries |= (
                {hash_key(at): block_hash, hash_key(at - 1): parent}
                if at
                else {hash_key(at): block_hash}
            )
            expected = parent
        self._kept.keep(entries)

    def _connected(self) -> RpcClient:
        """Return a client whose node has the block. Raises OriginUnreachable, OriginMismatch."""
        if self._client is None:
            raise OriginUnreachable(
                f"no node of chain {self.point.chain_id} was named: open this chain with its URL "
                "(--fork-url, or fork=…), to fetch what was not fetched before"
            )
        if not self._is_checked:
            check_origin(self._client, self.point)
            self._is_checked = True
        return self._client


def begin(fork: Fork, store: FetchedStore) -> tuple[Origin, OriginBlock]:
    """Ask a node for the block to fork, and find out whether it proves what it says.

    Raises OriginUnreachable, OriginRefused, and OriginLied for proofs that do not fit.
    """
    client = RpcClient(fork)
    tag = "latest" if fork.block is None else hex(fork.block)
    asked = [("eth_chainId", []), ("eth_getBlockByNumber", [tag, False])]
    chain_id, found = client.ask_all(asked)
    for answer in (chain_id, found):
        if isinstance(answer, Refusal):
            raise OriginRefused(f"{fork.shown} does not tell what it is: {answer.message}")
    if found is None:
        raise OriginRefused(
            f"{fork.shown} has no block {fork.block}: choose one up to its newest (--fork-block)"
        )
    try:
        block = read_origin_block(int(chain_id, 16), found)
    except (KeyError, TypeError, ValueError) as error:
        raise OriginRefused(f"{fork.shown} gives a block in another form: {error!r}") from error
    if fork.block not in (None, block.number):
        raise OriginRefused(f"{fork.shown} gives block {block.number} for {fork.block}")
    kept = FetchedValues(store, held=True)
    kept.keep({block_key(block.number): msgspec.json.encode(found)})
    is_proven = _serves_proofs(client, fork, block, kept)
    point = ForkPoint(
        chain_id=block.chain_id,
        height=block.number,
        block_hash=block.hash,
        parent_hash=block.parent_hash,
        state_root=block.state_root,
        is_proven=is_proven,
    )
    if block.rules_note:
        _logger.warning("block %d of %s: %s", block.number, fork.shown, block.rules_note)
    return Origin(point, client, kept, known=True), block


def resume(point: ForkPoint, fork: Fork | None, store: FetchedStore) -> Origin:
    """Go on with what was fetched; a node that is named is looked at, and may be gone.

    Raises OriginMismatch where it is there and has another chain.
    """
    if fork is None:
        return Origin(point, None, FetchedValues(store), known=False)
    if fork.block not in (None, point.height):
        raise OriginMismatch(
            f"this chain was forked at block {point.height}, not {fork.block}: leave the block "
            "out, or begin another chain"
        )
    is_there = False
    try:
        quick = msgspec.structs.replace(fork, tries=1, timeout=min(_QUICK_SECONDS, fork.timeout))
        check_origin(RpcClient(quick), point)
        is_there = True
    except OriginUnreachable as error:
        _logger.warning("%s; going on without it", error)
    return Origin(point, RpcClient(fork), FetchedValues(store), known=is_there)


def check_origin(client: RpcClient, point: ForkPoint) -> None:
    """Refuse a node of another chain than the one that was forked, or of another branch of it.

    Raises OriginUnreachable, OriginMismatch.
    """
    try:
        chain_id, block = client.ask_all(
            [("eth_chainId", []), ("eth_getBlockByNumber", [hex(point.height), False])]
        )
        found = int(chain_id, 16), _hash(block["hash"]) if isinstance(block, Mapping) else b""
    except (KeyError, TypeError, ValueError, OriginRefused) as error:
        raise OriginMismatch(f"{client.shown} does not tell what it is: {error}") from error
    if found != (point.chain_id, point.block_hash):
        has = f"block 0x{found[1].hex()}" if found[1] else "no block"
        raise OriginMismatch(
            f"{client.shown} is of chain {found[0]} and has {has} at height {point.height}; this "
            f"chain was forked from chain {point.chain_id}, block 0x{point.block_hash.hex()}: give "
            "the URL of a node of that chain, or leave it out and go on with what was fetched"
        )


def _serves_proofs(client: RpcClient, fork: Fork, block: OriginBlock, kept: FetchedValues) -> bool:
    """Tell whether values are proven; says so where they are not. Raises OriginError."""
    if fork.proofs is False:
        return False
    answered = Answered()
    item = Wanted(_PROBED, (), account=True)
    requests = StateRequests(kept, client.shown, block.number, block.state_root, proves=True)
    ((_, calls),) = requests.calls([item])
    answers = client.ask_all(calls)
    if isinstance(answers[0], Refusal):
        told = f"{fork.shown} serves no eth_getProof for block {block.number}"
        _note_unproven(fork, OriginRefused(f"{told}: {answers[0].message}"))
        return False
    requests.read(item, answers, answered)
    if isinstance(answered.problem, OriginLied) and not block.is_proven:
        _note_unproven(fork, answered.problem)
        return False
    if answered.problem is not None:
        answered.problem.add_note("proofs=False (--fork-unproven) takes the node at its word")
        raise answered.problem
    kept.keep(answered.entries)
    if not block.is_proven:
        _logger.warning(
            "%s: the hash of block %d can't be made of its fields, so its state root is taken on "
            "the node's word; what is read is proven by that", fork.shown, block.number,
        )  # fmt: skip
    return True


def _note_unproven(fork: Fork, problem: OriginError) -> None:
    """Say that values are taken on the node's word. Raises the problem where that is not wanted."""
    if fork.proofs:
        raise problem
    _logger.warning("%s; accounts and slots are taken on its word", problem)


def _hash(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
