"""The halt of a chain that must not go on, and the error that says so ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from checkpoint.errors import StoreSuspended
from evm_dex.errors import ChainStopped


class HaltSwitch:
    """The switch that halts a chain for good."""

    def __init__(self, height: Callable[[], int]) -> None:
        """`height` returns the height of the last durable block."""
        self._height = height
        self._reason = ""

    def raise_if_halted(self) -> None:
        """Raise ChainStopped once the chain was halted."""
        if self._reason:
            raise ChainStopped(self._message())

    def close(self) -> None:
        """Halt because the chain is closed."""
        self._reason = "it was closed"

    def halt(self, error: BaseException) -> NoReturn:
        """Halt because of an error. Raise ChainStopped."""
        self._reason = f"{type(error).__name__}: {error}"
        raise ChainStopped(self._message()) from error

    @contextmanager
    def halting(self) -> Iterator[None]:
        """Halt on any error inside: between disk and memory there is nothing to go on from.

        But for StoreSuspended, where the disk is at the last block: memory has to go back there.
        """
        try:
            yield
        except StoreSuspended:
            raise  # nothing of it is on the disk, and the disk may have room again
        except BaseException as error:
            self.halt(error)

    def _message(self) -> str:
        return (
            f"stopped after block {self._height()}: {self._reason}; reopen to go on from what is "
            "durable"
        )
