"""State sync, as the engine asks for it: what is offered, and what comes in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from evm_dex.errors import ChainError
from evm_dex.validator.abci.abci_pb2 import (
    Applied,
    ApplyChunk,
    Chunk,
    ChunkPlace,
    OfferSnapshot,
    Request,
    Response,
    Snapshot,
    Snapshots,
    Verdict,
)
from evm_dex.validator.replica import Replica
from evm_dex.validator.state_archives import FORMAT, Incoming, Shelf, WrongArchive, WrongChunk

_logger = logging.getLogger(__name__)
_ACCEPT, _ABORT = 1, 2
_REJECT, _REJECT_FORMAT = 3, 4
_RETRY, _REJECT_SNAPSHOT = 3, 5


class SnapshotAnswers:
    """Answers about snapshots, for one chain."""

    def __init__(self, replica: Replica, shelf: Shelf, directory: Path) -> None:
        """`directory` is where a state that comes in is put together."""
        self._replica = replica
        self._shelf = shelf
        self._directory = directory
        self._incoming: Incoming | None = None

    @property
    def handlers(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """The requests that are answered, by name."""
        return {
            "list_snapshots": self._list,
            "load_snapshot_chunk": self._load,
            "offer_snapshot": self._offer,
            "apply_snapshot_chunk": self._apply,
        }

    async def _list(self, _: Request) -> Response:
        listed = [
            Snapshot(
                height=each.height,
                format=FORMAT,
                chunks=len(each.chunk_hashes),
                hash=each.hash,
                metadata=each.metadata,
            )
            for each in self._shelf.offered()
        ]
        return Response(list_snapshots=Snapshots(snapshots=listed))

    async def _load(self, request: Request) -> Response:
        asked: ChunkPlace = request.load_snapshot_chunk
        is_known = asked.format == FORMAT
        chunk = self._shelf.chunk(asked.height, asked.chunk) if is_known else b""
        return Response(load_snapshot_chunk=Chunk(chunk=chunk))

    async def _offer(self, request: Request) -> Response:
        asked: OfferSnapshot = request.offer_snapshot
        return Response(offer_snapshot=Verdict(result=self._judge(asked)))

    def _judge(self, asked: OfferSnapshot) -> int:
        offer = asked.snapshot
        if self._replica.is_open:
            return _ABORT
        if offer.format != FORMAT:
            return _REJECT_FORMAT
        try:
            offered = Incoming.read_offer(offer.height, offer.chunks, offer.hash, offer.metadata)
        except WrongArchive as error:
            _logger.warning("the snapshot of block %d is refused: %s", offer.height, error)
            return _REJECT
        self._incoming = Incoming(self._directory, offered, asked.app_hash)
        return _ACCEPT

    async def _apply(self, request: Request) -> Response:
        asked: ApplyChunk = request.apply_snapshot_chunk
        incoming = self._incoming
        if incoming is None:
            return Response(apply_snapshot_chunk=Applied(result=_ABORT))
        try:
            incoming.take(asked.index, asked.chunk)
            if incoming.is_complete:
                self._incoming = None
                await asyncio.to_thread(incoming.restore, self._replica.path)
                await self._replica.open()
        except WrongChunk as error:
            _logger.warning("%s: %s is asked no more", error, asked.sender)
            again = Applied(
                result=_RETRY, refetch_chunks=[asked.index], reject_senders=[asked.sender]
            )
            return Response(apply_snapshot_chunk=again)
        except (WrongArchive, ChainError) as error:
            _logger.warning("the snapshot is refused: %s", error)
            return Response(apply_snapshot_chunk=Applied(result=_REJECT_SNAPSHOT))
        return Response(apply_snapshot_chunk=Applied(result=_ACCEPT))
