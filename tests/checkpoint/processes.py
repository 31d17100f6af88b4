"""Running pieces of code in processes of their own, to be killed or starved there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]


class Python(subprocess.Popen[str]):
    """A process that does not outlive a test that fails beside it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, traceback)


def start(code: str, *arguments: object) -> Python:
    """Python running `code`, with its input and output as text pipes."""
    return Python(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def run(code: str, *arguments: object) -> tuple[int, str]:
    """Exit status (negative: the signal that killed it) and output."""
    with start(code, *arguments) as process:
        output, _ = process.communicate()
    return process.returncode, output
