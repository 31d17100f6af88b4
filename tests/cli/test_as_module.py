"""The command line by `python -m`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_package_runs_as_the_command() -> None:
    words = ["check", "--chain", "/nowhere"]
    by_module, by_name = (
        subprocess.run([*start, *words], capture_output=True, text=True, check=False)
        for start in (
            [sys.executable, "-m", "evm_dex"],
            [Path(sys.executable).with_name("evm-dex")],
        )
    )
    assert (by_module.returncode, by_module.stderr) == (by_name.returncode, by_name.stderr)
    assert "/nowhere" in by_module.stderr
