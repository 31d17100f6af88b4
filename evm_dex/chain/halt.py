"""When the chain must not go on, and the error that says so ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from evm_dex.errors import ChainStopped


class Stop:
    """Whether the chain has stopped, and why."""

    def __init__(self, height: Callable[[], int]) -> None:
        """`height` tells the last durable block."""
        self._height = height
        self.reason: str | None = None

    def check(self) -> None:
        """Raises ChainStopped once it has."""
        if self.reason:
            raise ChainStopped(self._message())

    def now(self, error: BaseException) -> NoReturn:
        """Stop for good. Raises ChainStopped."""
        self.reason = f"{type(error).__name__}: {error}"
        raise ChainStopped(self._message()) from error

    @contextmanager
    def on_error(self) -> Iterator[None]:
        """What fails between the disk and memory leaves nothing to go on from."""
        try:
            yield
        except BaseException as error:
            self.now(error)

    def _message(self) -> str:
        return (
            f"stopped after block {self._height()}: {self.reason}; reopen to go on from what is "
            "durable"
        )
