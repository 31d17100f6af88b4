"""What the commands share: where they print, how they open a chain, how they explain."""

from __future__ import annotations

import json
import os
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

ChainPath = Annotated[
    Path, typer.Argument(help="Directory of a chain on disk.", show_default=False)
]
Height = Annotated[str, typer.Argument(help="A height, or latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for other programs.")]

_NO_LISTENING = (EACCES, EADDRINUSE, EADDRNOTAVAIL)
_MEANWHILE = (
    ". Meanwhile these work beside it: check, book, positions, history verify, checkpoint list, "
    "verify, diff, export, pin, unpin and restore --to"
)


def height_of(text: str, others: str = "latest") -> int | None:
    """The height somebody typed; None for the latest checkpoint. Raises BadParameter.

    `others` are the words that the command takes instead.
    """
    if text != "latest" and not (text.isascii() and text.isdecimal()):
        raise typer.BadParameter(f"{text!r} is neither a height nor {others}")
    return None if text == "latest" else int(text)


def print_json(content: object) -> None:
    """For other programs."""
    typer.echo(json.dumps(content))


@contextmanager
def row_progress(description: str = "Verifying") -> Iterator[Callable[[int, int], None]]:
    """A bar for work that tells how many rows of how many it has done."""
    with progress_bars() as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def require(path: Path) -> Path:
    """A path that has a chain, so that a mistyped one is not made into an empty chain.

    One whose database is gone has checkpoints still, to be listed and restored.
    """
    if not (path / "db").is_dir() and not (path / "checkpoints").is_dir():
        raise ChainError(f"there is no chain at {path}; `evm-dex node --db {path}` makes one")
    return path


@contextmanager
def existing(path: Path) -> Iterator[Dex]:
    """A chain to change. Raises StoreLocked while another process holds it."""
    require(path)
    with ExitStack() as stack:
        with errors().status("Opening the chain …"):
            dex = stack.enter_context(evm_dex.open(path))
        yield dex


@contextmanager
def looking_at(path: Path) -> Iterator[Dex]:
    """A chain to look at, also while another process holds it."""
    with ExitStack() as stack:
        try:
            dex = stack.enter_context(existing(path))
        except StoreLocked as held:
            tell_holder(held)
            with errors().status("Reading beside it …"):
                dex = stack.enter_context(evm_dex.open_beside(path))
        yield dex


def tell_if_held(path: Path) -> None:
    """The same for what is read beside in any case."""
    from checkpoint.lock import holder_of  # noqa: PLC0415 - loads the database

    held = holder_of(path / "lock")
    if held is not None:
        tell_holder(held)


def tell_holder(held: StoreLocked) -> None:
    """Say, beside the output, that what follows is read beside another process."""
    said = f"held by {escape(held.holder)}; reading beside it"
    errors().print(said, style="yellow", highlight=False, soft_wrap=True)


@contextmanager
def listening(host: str, port: int, option: str) -> Iterator[None]:
    """Why nothing can listen there, and what to do. Raises ChainError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_LISTENING and not isinstance(error, gaierror):
            raise
        why = error.strerror or str(error)
        if error.errno in _NO_LISTENING:  # whose texts from asyncio vary between Pythons
            why = os.strerror(error.errno)
        said = f"can't listen at {host}:{port}: {why.lower()}; choose another {option} or --host"
        raise ChainError(said) from None


@contextmanager
def explained(*expected: type[Exception]) -> Iterator[None]:
    """What can go wrong becomes one line, not a traceback."""
    kinds: tuple[type[Exception], ...] = (StoreError, ChainError, UntrustedStorage, OSError)
    try:
        yield
    except (*kinds, *expected) as error:
        message = f"{error}{_MEANWHILE}" if isinstance(error, StoreLocked) else str(error)
        errors().print(f"[red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
