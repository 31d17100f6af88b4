"""The node as users start it, and other people's clients as programs against it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = HERE / "node_modules"
OWNER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def skip_without(thing: Path | str | None, name: str, brought_by: str = "clients-deps") -> Path:
    """The path of what a test needs; where it is missing the test is skipped, under CI it fails."""
    if thing is not None and Path(thing).exists():
        return Path(thing)
    missing = f"{name} is missing: run `make {brought_by}`"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def package(name: str) -> Path:
    """The directory of an installed npm package."""
    return skip_without(PACKAGES / name, f"the npm package {name}")


def javascript() -> Path:
    """The node that `make clients-deps` brings; tests/conftest.py puts it before the system's."""
    return skip_without(shutil.which("node"), "node")


def foundry(tool: str) -> Path:
    """The binary in the package of this platform; the package's own script may not be allowed."""
    found = sorted((PACKAGES / "@foundry-rs").glob(f"{tool}-*/bin/{tool}"))
    return skip_without(found[0] if found else None, f"foundry's {tool}")


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path = HERE,
    env: Mapping[str, str] | None = None,
    succeeds: bool = True,
    timeout: float = 240,
) -> str:
    """What a program prints, on both streams; fails with that if its exit code is another."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            told, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            told = process.communicate()[0] + f"\nended after {timeout} seconds"
    assert (process.returncode == 0) == succeeds, told
    return told


def run_javascript_tests(
    file: str, url: str, *, at_least: int, env: Mapping[str, str] | None = None
) -> None:
    """Run a file of node's own tests; all pass, and they are not fewer than `at_least`."""
    told = run(
        [javascript(), "--test", "--test-reporter=tap", file],
        env={"EVM_DEX_URL": url, **(env or {})},
    )
    passed = re.search(r"^# pass (\d+)$", told, re.MULTILINE)
    assert passed is not None, told
    assert int(passed[1]) >= at_least, told


@contextmanager
def started_node(*options: str) -> Iterator[str]:
    """The URL of a node in a process of its own, on a free port; it must end cleanly."""
    command = Path(sys.executable).with_name("evm-dex")
    node = subprocess.Popen(
        [command, "node", "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    assert node.stdout is not None
    try:
        listening = (re.search(r"Listening on (\S+)", line) for line in node.stdout)
        url = next((found[1] for found in listening if found), None)
        assert url is not None, f"the node ended with {node.wait(120)}"
        yield url
        node.send_signal(signal.SIGINT)
        node.stdout.read()
        assert node.wait(120) == 0
    finally:
        node.kill()
        node.wait()
        node.stdout.close()
