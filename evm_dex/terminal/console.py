"""The terminal: where commands print.

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
    """For what was asked."""
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console()


@cache
def errors() -> Console:
    """For what is said beside it: progress, remarks, errors."""
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(stderr=True)


def escape(text: str) -> str:
    """Text as it is, where markup would be understood."""
    from rich.markup import escape as escaped  # noqa: PLC0415 - see above

    return escaped(text)


def progress_bars() -> Progress:
    """Bars that go away in the end; none where nobody looks."""
    from rich.progress import Progress  # noqa: PLC0415 - see above

    return Progress(console=errors(), transient=True, disable=not errors().is_terminal)
