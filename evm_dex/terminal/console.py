"""The terminal: consoles for results and for errors, and progress bars.

Whoever prints first loads rich; a command that prints nothing, or JSON, starts without it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


@cache
def console() -> Console:
    """Return the console for results: stdout."""
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console()


@cache
def errors() -> Console:
    """Return the console for progress, warnings and errors: stderr."""
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(stderr=True)


def escape(text: str) -> str:
    """Escape text that would be read as markup."""
    from rich.markup import escape as escaped  # noqa: PLC0415 - see above

    return escaped(text)


def progress_bars() -> Progress:
    """Return progress bars that disappear at the end, and are hidden without a terminal."""
    from rich.progress import Progress  # noqa: PLC0415 - see above

    return Progress(console=errors(), transient=True, disable=not errors().is_terminal)
