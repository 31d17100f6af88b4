"""Scenarios of the tests; workers import them by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from evm_dex.blocks.addresses import to_address
from evm_dex.campaign import Report, scenario
from evm_dex.client.dex import Dex

NO_SCENARIO = 5


def short(seed: int, dex: Dex, report: Report) -> dict[str, Any]:
    """Some orders by the seed; every seed that ends in 7 fails."""
    weth = dex.tokens["WETH"]
    for number in range(1 + seed % 3):
        price = (2_000 + seed % 500 + number) * 10**6
        dex.spot.send("placeOrder", weth, 10**18, price, False, sender=dex.accounts[1])
    report.record(orders=1 + seed % 3)
    assert seed % 10 != 7, f"seed {seed} ends in 7"
    return {"big": seed << 70}


def slow(seed: int, dex: Dex, report: Report) -> None:
    short(seed - seed % 10, dex, report)
    time.sleep(0.05)


def deadly(seed: int, dex: Dex, report: Report) -> None:
    """The first worker that runs seed 3 dies of it."""
    mark = Path(os.environ["DEADLY_MARK"])
    if seed == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    short(seed - seed % 10, dex, report)


def unstorable(seed: int, dex: Dex, report: Report) -> None:
    report.record(account=dex.accounts[seed % 10])


def raises_half_a_character(_seed: int, _dex: Dex, _report: Report) -> None:
    raise ValueError("half \ud800")


class Silent(Exception):  # noqa: N818 - as it is told
    """An exception without a text."""

    def __str__(self) -> str:
        raise TypeError


def raises_what_can_not_be_told(_seed: int, _dex: Dex, _report: Report) -> None:
    raise Silent


class _Callable:
    def __call__(self, seed: int, _dex: Dex, _report: Report) -> dict[str, Any]:
        return {"seed": seed}


CALLABLE = _Callable()


def returns_a_number(seed: int, _dex: Dex, _report: Report) -> int:
    return seed


@scenario(genesis="no/such/file.toml")
def has_no_chain(_seed: int, _dex: Dex, _report: Report) -> None:
    raise AssertionError("there is no chain to run on")


def breaks_invariants(_seed: int, dex: Dex, _report: Report) -> None:
    """Give tokens to an account that nobody paid for."""
    weth, lucky = dex.tokens["WETH"].raw_address, to_address(dex.accounts[9])
    dex.chain.write_rows(
        lambda _state, ledger: ledger.spot.change_balance(lucky, weth, total=10**18)
    )
