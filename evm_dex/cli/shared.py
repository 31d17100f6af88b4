"""Options and helpers of several commands: opening a chain, reporting errors, progress."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from pathlib import Path
from socket import gaierror
from typing import TYPE_CHECKING, Annotated

import typer

import evm_dex
from checkpoint.errors import StoreError, StoreLocked
from evm_dex.errors import ChainError
from evm_dex.terminal.console import errors, escape, progress_bars
from precompiles.ledger.storage import UntrustedStorage

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex

ChainDirectory = Annotated[
    Path,
    typer.Option("--chain", metavar="DIR", help="Directory of the chain.", show_default=False),
]
Height = Annotated[str, typer.Argument(help="Height of a checkpoint, or latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")]

_CANNOT_LISTEN = (EACCES, EADDRINUSE, EADDRNOTAVAIL)
_MEANWHILE = (
    ". These commands work while a chain is running: check, book, positions, history verify, "
    "checkpoint list, verify, diff, export, pin, unpin and restore --to"
)


def height_of(text: str, others: str = "latest") -> int | None:
    """Parse a height; None means the latest checkpoint. Raises BadParameter.

    `others` names the words that the command accepts instead of a height.
    """
    if text != "latest" and not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"must be a height or {others}, got {text!r}")
    return None if text == "latest" else int(text)


def print_json(content: object) -> None:
    """Print a result as one line of JSON."""
    typer.echo(json.dumps(content))


@contextmanager
def row_progress(description: str = "Verifying") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; call what is yielded with the rows done and their total."""
    with progress_bars() as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def require(path: Path) -> Path:
    """Return the path if there is a chain, so that a typo does not create an empty one.

    A chain that lost its database may still have checkpoints to list and restore.
    """
    if not (path / "db").is_dir() and not (path / "checkpoints").is_dir():
        raise ChainError(f"there is no chain at {path}: `evm-dex node --chain {path}` creates one")
    return path


@contextmanager
def open_exclusive(path: Path) -> Iterator[Dex]:
    """Open a chain to change it. Raises StoreLocked while another process holds it."""
    require(path)
    with ExitStack() as stack:
        with errors().status("Opening the chain …"):
            dex = stack.enter_context(evm_dex.open(path))
        yield dex


@contextmanager
def open_readonly(path: Path) -> Iterator[Dex]:
    """Open a chain to read it, also while another process holds it; changes no file."""
    warn_if_locked(require(path))
    with ExitStack() as stack:
        with errors().status("Reading the chain …"):
            dex = stack.enter_context(evm_dex.open_beside(path))
        yield dex


def warn_if_locked(path: Path) -> None:
    """Warn if another process holds the chain, for commands that never open it themselves."""
    from checkpoint.lock import holder_of  # noqa: PLC0415 - loads the database

    held = holder_of(path / "lock")
    if held is not None:
        warn_locked(held)


def warn_locked(held: StoreLocked) -> None:
    """Say on stderr that the chain is read while another process holds it."""
    said = f"held by {escape(held.holder)}; reading it meanwhile"
    errors().print(said, style="yellow", highlight=False, soft_wrap=True)


@contextmanager
def listening(host: str, port: int, option: str) -> Iterator[None]:
    """Turn a failure to listen into a ChainError that says what to change."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_LISTEN and not isinstance(error, gaierror):
            raise
        why = error.strerror or str(error)
        if error.errno in _CANNOT_LISTEN:  # whose texts from asyncio vary between Pythons
            why = os.strerror(error.errno)
        said = f"can't listen at {host}:{port}: {why.lower()}; choose another {option} or --host"
        raise ChainError(said) from None


@contextmanager
def ended_alike() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does: by a KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def report_errors(*expected: type[Exception]) -> Iterator[None]:
    """Print errors of the store, the chain and the disk as one line, and exit with 1."""
    kinds: tuple[type[Exception], ...] = (StoreError, ChainError, UntrustedStorage, OSError)
    try:
        yield
    except (*kinds, *expected) as error:
        message = f"{error}{_MEANWHILE}" if isinstance(error, StoreLocked) else str(error)
        errors().print(f"[red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
