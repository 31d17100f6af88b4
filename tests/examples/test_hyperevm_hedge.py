"""The story in examples/hyperevm_hedge.py comes out as it is told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

STORY = Path(__file__).parents[2] / "examples/hyperevm_hedge.py"
LINE = re.compile(r"^([a-z ]+): holds ([\d.]+), sold ([\d.]+), worth ([\d,]+)$", re.MULTILINE)


def test_a_vault_is_hedged_by_its_keeper_and_told_why_it_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", STORY], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {
        it[0]: tuple(float(n.replace(",", "")) for n in it[1:]) for it in LINE.findall(done.stdout)
    }
    held, sold, worth = found["hedged"]
    assert held == sold > 249
    assert found["after a rise"] == (held, sold, worth)  # a tenth more for HYPE changes nothing
    assert found["short of margin"][:2] == (500, sold)
    assert "limitOrder dropped: FundsInOtherWallet (available -" in done.stdout
    assert found["with margin"][:2] == (500, 500)
