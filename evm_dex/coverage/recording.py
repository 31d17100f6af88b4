"""Recording what contracts run on the chains of a process, and reporting it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from evm_dex.chain.observer import observe, stop_observing
from evm_dex.coverage.coverage_report import CoverageReport, coverage_report
from evm_dex.coverage.gas_report import GasRecorder, GasReport
from evm_dex.evm.compiler.watched import HitCounts
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.tracer import frame_of
from evm_dex.sources.known_code import KNOWN_CODE


class Recorder:
    """Records transactions in their blocks, and calls; what is only tried out does not count.

    with evm_dex.Recorder() as recorder, evm_dex.open() as dex:
        vault = dex.deploy("out/Vault.sol/Vault.json")
        vault.send("deposit", 5)
    print(recorder.gas().snapshot())

    It is told of by chains that are opened while it records. Results, gas and state roots are those
    without it. Transactions that failed count, and so do calls that failed.
    """

    def __init__(self, *, coverage: bool = True, gas: bool = True) -> None:
        """Record what ran, what it cost, or both."""
        self._hits = HitCounts() if coverage else None
        self._gas = GasRecorder(KNOWN_CODE) if gas else None

    def __enter__(self) -> Recorder:
        observe(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stop_observing(self)

    def watching(self, config: ExecutionConfig) -> ExecutionConfig:
        """Return a configuration under which executions are recorded."""
        records_calls = config.records_calls or self._gas is not None
        return msgspec.structs.replace(config, watch=self._hits, records_calls=records_calls)

    def executed(self, computation: Any, gas_used: int) -> None:
        """Take in an execution that ended."""
        if self._gas is not None:
            self._gas.executed(frame_of(computation), gas_used)

    def coverage(self, root: Path | str = ".") -> CoverageReport:
        """Return what ran of the sources below a directory."""
        hits = {} if self._hits is None else self._hits.by_code
        return coverage_report(hits, KNOWN_CODE, Path(root).resolve())

    def gas(self) -> GasReport:
        """Return what functions and deployments cost."""
        return GasReport() if self._gas is None else self._gas.report

    @property
    def problems(self) -> tuple[str, ...]:
        """Compilations that could not be read, in words."""
        return tuple(KNOWN_CODE.problems)
