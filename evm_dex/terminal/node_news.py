"""News of a node, printed as it happens, on a thread of its own: nobody waits for a terminal."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from queue import Full, Queue

from evm_dex.blocks.addresses import checksum
from evm_dex.node.activity import MinedNews, News

_STDOUT = 1
_MOST_WAITING = 10_000
_SECONDS_AT_END = 1.0


class NewsPrinter:
    """Prints what it is told; what a reader is too slow for is counted and left out."""

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._waiting: Queue[News | None] = Queue(_MOST_WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def tell(self, news: News) -> None:
        """Print news soon."""
        try:
            self._waiting.put_nowait(news)
        except Full:
            self._left_out += 1

    def close(self) -> None:
        """Print what waits, if that does not take long."""
        with suppress(Full):
            self._waiting.put_nowait(None)
            self._thread.join(_SECONDS_AT_END)

    def _run(self) -> None:
        while (news := self._waiting.get()) is not None:
            text = "".join(f"{line}\n" for line in lines_of(news))
            left_out, self._left_out = self._left_out, 0
            if left_out:
                text += f"{left_out} more were not printed, as nobody read them\n\n"
            # Not Python's stdout, whose lock a full pipe would keep from the end of the process.
            left = text.encode()
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
            except OSError:
                return  # whoever read it is gone


def lines_of(news: News) -> Iterator[str]:
    """Yield news in lines, under the names that anvil's users know."""
    console = [part for line in news.console for part in line.split("\n")]
    yield from console
    if isinstance(news, MinedNews):
        yield from _mined(news)
        yield ""
    elif news.failure:
        yield f"{news.method} failed: {news.failure}"
        yield ""


def _mined(news: MinedNews) -> Iterator[str]:
    yield f"Transaction: 0x{news.transaction_hash.hex()}"
    if news.created:
        yield f"Contract created: {checksum(news.created)}"
    yield f"Gas used: {news.gas_used}"
    if news.failure:
        yield f"Error: {news.failure}"
    when = datetime.fromtimestamp(news.timestamp, UTC)
    yield f"Block: {news.block_number} 0x{news.block_hash.hex()}, {when:%Y-%m-%d %H:%M:%S} UTC"
