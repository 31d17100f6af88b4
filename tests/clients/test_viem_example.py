"""The program in examples/viem prints what it promises."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.clients.running import PACKAGES, ROOT, javascript, package, run

PRINTED = """\
block 1: order 1, sell 2 at 3010
block 2: order 2, sell 1.5 at 3005
block 3: order 3, buy 1 at 2995
block 4: order 4, buy 3 at 2990

  side     price  amount
  ask       3010       2
  ask       3005     1.5
  bid       2995       1
  bid       2990       3

block 5: order 5, buy 2.5 at 3010

  side     price  amount
  ask       3010       1
  bid       2995       1
  bid       2990       3

  price    amount  maker
  3005     1.5     0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
  3010     1       0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266

"""
# A thousand and the 2.5 bought, less 50 hundred-thousandths; ten million less what they cost.
WETH = "1002.49875"
USDC = "9992482.5"


def test_it_prints_the_book_the_trades_and_the_balances(url: str, tmp_path: Path) -> None:
    package("viem")
    shutil.copytree(ROOT / "examples/viem", tmp_path / "examples/viem")
    (tmp_path / "contracts").symlink_to(ROOT / "contracts")
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    told = run([javascript(), tmp_path / "examples/viem/book.mjs", url])
    assert told == f"{PRINTED}The taker has {WETH} WETH and {USDC} USDC.\n"
