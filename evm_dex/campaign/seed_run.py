"""One seed of a scenario, on a chain of its own."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evm_dex.campaign.scenario import (
    Function,
    Report,
    Scenario,
    ScenarioError,
    as_scenario,
)

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex

_ONE_AT_A_TIME = Lock()
"""Threads of a worker share the machine that runs code, and would not be faster together."""


class SeedResult(Struct, frozen=True, kw_only=True):
    """The outcome of one seed: the same wherever it ran."""

    seed: int
    passed: bool
    error: str = ""
    """Type and text of what was raised; empty where it passed."""
    height: int
    """Of the chain's last block."""
    block_hash: str
    """Of the same, in hex: two runs with equal ones have done the same to the chain."""
    values: dict[str, Any]
    """Values that the scenario has reported."""
    traceback: str = ""
    """The traceback of the error, for people."""

    def row(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "traceback"}


def run_seed(scenario: Scenario, seed: int, archive: Path | None = None) -> SeedResult:
    """Run one seed and return what came of it; `archive` is a file to leave its chain in.

    After the scenario the invariants of the exchanges are checked. Whatever the scenario raises
    is its seed's failure. Raises ScenarioError where the scenario can't run at all, and for values
    that can't be stored; and what export_archive raises.
    """
    with _ONE_AT_A_TIME:
        if archive is None:
            with scenario.open() as dex:
                return _run(scenario, seed, dex)
        with TemporaryDirectory(prefix="evm-dex-", dir=archive.parent) as directory:
            path = Path(directory) / "chain"
            with scenario.open(path) as dex:
                result = _run(scenario, seed, dex)
            _export(path, archive)
        return result


def check_seed(function: Function, seed: int) -> Mapping[str, Any]:
    """Run one seed and return what was reported.

    Raises what the scenario raises, and AssertionError where invariants are broken after it.
    """
    scenario, report = as_scenario(function), Report()
    with _ONE_AT_A_TIME, scenario.open() as dex:
        _play(scenario, seed, dex, report)
    return report.values


def _run(scenario: Scenario, seed: int, dex: Dex) -> SeedResult:
    report, error, trace = Report(), "", ""
    try:
        _play(scenario, seed, dex, report)
    except ScenarioError as told:
        raise ScenarioError(f"{scenario.target}, seed {seed}: {told}") from None
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as raised:  # pytest's failures are no Exception
        error = _printable(f"{type(raised).__name__}: {_said(raised)}".rstrip(": "))
        trace = _printable(traceback.format_exc())
    head = dex.chain.head
    return SeedResult(
        seed=seed,
        passed=not error,
        error=error,
        height=head.block_number,
        block_hash=f"0x{head.hash.hex()}",
        values=dict(report.values),
        traceback=trace,
    )


def _said(raised: BaseException) -> str:
    try:
        return str(raised)
    except Exception as error:  # an exception's own, of whoever wrote it
        return f"its text can't be told ({type(error).__name__})"


def _printable(text: str) -> str:
    """Return a text with half characters, which no file or terminal takes, spelled out."""
    return text.encode(errors="backslashreplace").decode()


def _play(scenario: Scenario, seed: int, dex: Dex, report: Report) -> None:
    returned = scenario(seed, dex, report)
    if returned is not None and not isinstance(returned, Mapping):
        raise ScenarioError(
            f"a scenario must return names with values, or None, got {type(returned).__name__}"
        )
    report.record(**{str(name): value for name, value in (returned or {}).items()})
    problems = dex.self_check()
    assert not problems, f"invariants broken: {'; '.join(problems)}"


def _export(path: Path, archive: Path) -> None:
    from checkpoint.archive import export_archive  # noqa: PLC0415 - loads the database
    from evm_dex.chain.block_proof import inspect_block  # noqa: PLC0415 - as above

    export_archive(path, archive, inspect=inspect_block)
