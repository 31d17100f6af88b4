"""The projects in examples/ work as they are, run as their users would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("project", ["front_running", "vault"])
def test_the_tests_of_a_project_pass(project: str) -> None:
    """For the vault, Node and solc must be there: `make contracts-deps`."""
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--color=no", "."]
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=EXAMPLES / project, env=outer, capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout
