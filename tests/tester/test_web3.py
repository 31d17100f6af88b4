"""web3.py's own integration tests for eth-tester, as they are, on our chain and on eth-tester's.

They are in web3.py's source distribution alone: `.ci/web3` brings them into `.web3/`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients.running import ROOT, skip_without

SOURCES = ROOT / ".web3"
FILE = "tests/integration/test_ethereum_tester.py"
CHOSEN_BY = "ETHEREUM_TESTER_CHAIN_BACKEND"
OURS, STOCK = "evm_dex.tester.Backend", "eth_tester.PyEVMBackend"


def outcomes(backend: str, report: Path) -> dict[str, str]:
    """Of each case of the file by its name: `passed`, or what pytest's report has instead."""
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", FILE],
        cwd=SOURCES,
        env={**inherited, CHOSEN_BY: backend},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for case in ET.parse(report).iter("testcase"):
        told = [child.get("type") or child.tag for child in case if child.tag != "properties"]
        found[f"{case.get('classname')}.{case.get('name')}"] = " ".join(told) or "passed"
    return found


@pytest.mark.slow
def test_every_case_ends_as_on_the_stock_backend(tmp_path: Path) -> None:
    skip_without(SOURCES / FILE, "web3.py's own test file", "web3")
    with ThreadPoolExecutor() as at_once:
        ours, stock = at_once.map(outcomes, (OURS, STOCK), (tmp_path / "ours", tmp_path / "stock"))
    assert ours == stock
    assert sum(outcome == "passed" for outcome in ours.values()) >= 200
