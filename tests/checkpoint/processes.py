"""Running pieces of code in processes of their own, to be killed or starved there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
Python = subprocess.Popen[str]


def start(code: str, *arguments: object) -> Python:
    """Python running `code`, with its input and output as text pipes."""
    return subprocess.Popen(
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
