"""An engine in Python: it speaks ABCI over the socket, and decides whatever it is told to."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evm_dex.validator.abci.abci_pb2 import Request, Response
from evm_dex.validator.abci.framing import framed


class Refused(Exception):  # noqa: N818 - named for what happened
    """The application answered with an exception, or not at all."""


class EngineConnection:
    """One of an engine's connections."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self._read = self.socket.makefile("rb")

    def ask(self, kind: str, **fields: Any) -> Any:
        self.socket.sendall(_frame(kind, fields) + _frame("flush", {}))
        answer = self.receive()
        if answer.WhichOneof("value") == "exception":
            raise Refused(answer.exception.text)
        assert answer.WhichOneof("value") == kind
        assert self.receive().WhichOneof("value") == "flush"
        return getattr(answer, kind)

    def receive(self) -> Response:
        size = shift = 0
        while True:
            byte = self._read.read(1)
            if not byte:
                raise Refused("the application hung up")
            size |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                answer: Response = Response.FromString(self._read.read(size))
                return answer

    def close(self) -> None:
        self._read.close()
        self.socket.close()


def _frame(kind: str, fields: dict[str, Any]) -> bytes:
    return framed(Request(**{kind: fields}).SerializeToString())


class FakeEngine:
    """What makes blocks, and what checks transactions; a proposer and a follower in one."""

    def __init__(self, path: Path, chain_id: str, seconds: int) -> None:
        self.blocks, self.checks = EngineConnection(path), EngineConnection(path)
        self.chain_id = chain_id
        self.seconds = seconds
        self.height, self.app_hash = 0, b""
        self.waiting: list[bytes] = []
        self.last: Any = None

    def begin(self) -> None:
        """What CometBFT does when it connects."""
        info = self.checks.ask("info")
        self.height, self.app_hash = info.last_block_height, info.last_block_app_hash
        if not self.height:
            begun = self.blocks.ask("init_chain", chain_id=self.chain_id, initial_height=1)
            self.app_hash = begun.app_hash

    def check(self, raw: bytes) -> Any:
        result = self.checks.ask("check_tx", tx=raw)
        if result.code == 0:
            self.waiting.append(raw)
        return result

    def block(self, raws: Sequence[bytes] | None = None, seconds: int | None = None) -> bytes:
        """Propose what waits, or these, and carry it through to the end; the new hash."""
        place = self.place(seconds)
        txs = self.prepare(self.waiting, place) if raws is None else raws
        assert self.blocks.ask("process_proposal", txs=txs, **place).result == 1
        self.finalize(txs, place)
        return self.commit()

    def place(self, seconds: int | None = None) -> dict[str, Any]:
        time = {"seconds": self.seconds + self.height + 1 if seconds is None else seconds}
        return {"height": self.height + 1, "time": time}

    def prepare(
        self, raws: Iterable[bytes], place: dict[str, Any], most: int = 2**22
    ) -> list[bytes]:
        found = self.blocks.ask("prepare_proposal", txs=list(raws), max_tx_bytes=most, **place)
        return list(found.txs)

    def finalize(self, txs: Sequence[bytes], place: dict[str, Any]) -> Any:
        self.last = self.blocks.ask("finalize_block", txs=list(txs), hash=bytes(32), **place)
        assert len(self.last.tx_results) == len(txs)
        return self.last

    def commit(self) -> bytes:
        self.blocks.ask("commit")
        self.height += 1
        self.app_hash = self.last.app_hash
        for raw in tuple(self.waiting):
            if self.checks.ask("check_tx", tx=raw, type=1).code:
                self.waiting.remove(raw)
        return self.app_hash

    def close(self) -> None:
        self.blocks.close()
        self.checks.close()
