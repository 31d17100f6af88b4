"""The story in examples/liquidation.py comes out as it is told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

STORY = Path(__file__).parents[2] / "examples/liquidation.py"


@pytest.fixture(scope="module")
def told() -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", STORY], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(told: str, title: str) -> list[list[str]]:
    """A table's cells, without its head."""
    found = re.search(rf"^{title} *\n.*?─ *\n((?: [^\n]*\n)*)", told, re.MULTILINE | re.DOTALL)
    assert found is not None, told
    lines = (line.strip() for line in found[1].splitlines())
    return [re.split(r" {2,}", line) for line in lines if line]


def number(text: str) -> float:
    return float(text.replace(",", ""))


@pytest.mark.slow
def test_a_healthy_position_is_left_alone(told: str) -> None:
    assert "To be done: 0\nliquidate is refused: PositionHealthy(" in told


def test_the_book_comes_first_and_the_backstop_takes_the_rest(told: str) -> None:
    assert rows(told, "What keep sold in the book") == [
        ["Trade", "bidder", "4", "1,812", "buys"],
        ["Liquidated", "trader", "4", "1,812", "in the book", "90"],
    ]
    assert rows(told, "What the backstop took over") == [
        ["Liquidated", "trader", "6", "1,806", "by the backstop", "0"],
    ]


def test_each_gain_is_anothers_loss(told: str) -> None:
    """The margin, 2,000 at most, is what the trader could lose, and the fee of opening."""
    *everyone, total = rows(told, "In the end")
    changes = {name: number(change) for name, _, _, change in everyone}
    assert total[1] == total[2]
    assert sum(changes.values()) == pytest.approx(0, abs=1e-6)
    assert -2_000 <= changes["trader"] < 0
    assert changes["vault"] > changes["backstop"] > 0
