"""Reports at the end of a pytest session: `--evm-gas` and `--evm-coverage`.

Each worker of pytest-xdist records its own tests, and hands its reports to the process that prints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evm_dex.coverage.coverage_report import CoverageReport
from evm_dex.coverage.gas_report import GasReport
from evm_dex.coverage.lcov import lcov
from evm_dex.coverage.recording import Recorder
from evm_dex.terminal.report_tables import coverage_table, gas_table, size_table

if TYPE_CHECKING:
    from rich.table import Table

_OUTPUT = "evm_dex_reports"
_LEAST_WIDTH = 100
_NO_GAS = "no contract of an artifact was called or deployed"
_NO_COVERAGE = (
    "no source below the root directory was compiled into what ran: deploy contracts by artifacts "
    "that lead to their sources, as Hardhat's, Foundry's out/ and compilers' standard JSON "
    "(build.json:Name) do"
)


class Reports:
    """A plugin that records all chains of the session."""

    def __init__(self, config: pytest.Config) -> None:
        """Read the options. Raises pytest's usage error for what can't be read."""
        self._root = config.rootpath
        gas, before = config.getoption("evm_gas"), config.getoption("evm_gas_diff")
        coverage = config.getoption("evm_coverage")
        self._gas_file = _target(gas, "--evm-gas", ".json")
        self._lcov_file = _target(coverage, "--evm-coverage", ".info")
        self._before = None if before is None else _read_snapshot(Path(before))
        self._has_gas = gas is not None or before is not None
        self._has_coverage = coverage is not None
        self._recorder = Recorder(coverage=self._has_coverage, gas=self._has_gas)
        self._gas, self._coverage = GasReport(), CoverageReport()
        self._problems: list[str] = []

    def pytest_sessionstart(self) -> None:
        """Record what is opened from here on."""
        self._recorder.__enter__()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take what was recorded; a worker hands it on."""
        self._recorder.__exit__(None, None, None)
        coverage = self._recorder.coverage(self._root) if self._has_coverage else CoverageReport()
        found = {
            "gas": self._recorder.gas().to_builtins(),
            "coverage": coverage.to_builtins(),
            "problems": list(self._recorder.problems),
        }
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is None:
            self._take(found)
        else:
            output[_OUTPUT] = json.dumps(found)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist recorded; one that crashed has nothing."""
        found = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if found is not None:
            self._take(json.loads(found))

    def _take(self, found: Mapping[str, Any]) -> None:
        self._gas.add(GasReport.from_builtins(found["gas"]))
        self._coverage.add(CoverageReport.from_builtins(found["coverage"]))
        self._problems += [it for it in found["problems"] if it not in self._problems]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the reports, and write the files."""
        if self._has_gas:
            self._show_gas(terminalreporter)
        if self._has_coverage:
            terminalreporter.section("coverage of contracts")
            if self._coverage.files:
                _print(terminalreporter, coverage_table(self._coverage))
            else:
                terminalreporter.write_line(_NO_COVERAGE)
            _write(terminalreporter, self._lcov_file, lcov(self._coverage))
        for problem in self._problems:
            terminalreporter.write_line(problem, yellow=True)

    def _show_gas(self, reporter: pytest.TerminalReporter) -> None:
        snapshot = self._gas.snapshot()
        reporter.section("gas of contracts")
        for table in (gas_table(snapshot, self._before), size_table(snapshot)):
            if table.row_count:
                _print(reporter, table)
        if not snapshot:
            reporter.write_line(_NO_GAS)
        _write(reporter, self._gas_file, json.dumps(snapshot, indent=2) + "\n")


def _target(given: str | None, option: str, suffix: str) -> Path | None:
    """Return the file to be written, from where pytest was called."""
    if not given:
        return None
    if not given.endswith(suffix):
        raise pytest.UsageError(
            f"{option} must be followed by a file that ends with {suffix}, got {given!r}: put "
            f"paths of tests before {option}, or write {option}=report{suffix}"
        )
    return Path(given).absolute()


def _read_snapshot(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--evm-gas-diff: {file} can't be read: {error}") from error
    if isinstance(found, dict) and all(
        isinstance(contract, dict) and "functions" in contract for contract in found.values()
    ):
        return found
    raise pytest.UsageError(f"--evm-gas-diff must be a file of --evm-gas=FILE.json, got {file}")


def _print(reporter: pytest.TerminalReporter, table: Table) -> None:
    from rich.console import Console  # noqa: PLC0415 - the first table loads it

    text = StringIO()
    width = max(reporter._tw.fullwidth, _LEAST_WIDTH)
    console = Console(file=text, width=width, force_terminal=reporter.hasmarkup, highlight=False)
    console.print(table)
    reporter.write(text.getvalue())


def _write(reporter: pytest.TerminalReporter, file: Path | None, text: str) -> None:
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        except OSError as error:  # what comes after it in the summary is told all the same
            reporter.write_line(f"{file} can't be written: {error}", red=True)
        else:
            reporter.write_line(f"written to {file}")
