"""Tables of what contracts ran: their coverage, and the gas that they used.

Importing this module loads nothing; the first table loads rich.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evm_dex.coverage.coverage_report import CoverageReport, CoveredFile, Share, shares
from evm_dex.terminal.tables import plain_table

if TYPE_CHECKING:
    from rich.table import Table

_KINDS = ("lines", "statements", "branches", "functions")
_FIGURES = ("calls", "min", "median", "mean", "max")
_MOST_BYTES = 24_576
"""Of a contract's code (EIP-170)."""


def coverage_table(report: CoverageReport) -> Table:
    """Return a table of how much of each source ran, and of all together."""
    table = plain_table("", ("file", *_KINDS, "lines that never ran"), right=_KINDS)
    for name, file in sorted(report.files.items()):
        table.add_row(name, *map(_share, shares((file,)).values()), _missing(file))
    table.add_section()
    total = shares(report.files.values())
    table.add_row("total", *map(_share, total.values()), "", style="bold")
    return table


def _share(share: Share) -> str:
    return f"{share.percent} ({share.covered}/{share.all})" if share.all else "-"


def _missing(file: CoveredFile) -> str:
    """Return the lines that never ran, those in a row as a range."""
    ranges: list[list[int]] = []
    is_before_missing = False
    for line, count in sorted(file.lines.items()):
        if not count and is_before_missing:
            ranges[-1][1] = line
        elif not count:
            ranges.append([line, line])
        is_before_missing = not count
    return ", ".join(str(one) if one == two else f"{one}-{two}" for one, two in ranges)


def gas_table(snapshot: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Table:
    """Return a table of gas by contract and function; `before` is what it is compared with."""
    columns = ("contract", "function", *_FIGURES)
    change = () if before is None else ("change of median",)
    table = plain_table("", (*columns, *change), right=(*_FIGURES, *change))
    for name in sorted(snapshot.keys() | (before or {}).keys()):
        now, then = _rows(snapshot.get(name, {})), _rows((before or {}).get(name, {}))
        for place, row in enumerate(dict.fromkeys((*now, *then))):
            found = now.get(row)
            shown = [f"{found[figure]:,}" for figure in _FIGURES] if found else ["-"] * 5
            changes = [] if before is None else [_change(found, then.get(row))]
            table.add_row("" if place else name, row, *shown, *changes)
        table.add_section()
    return table


def _rows(contract: Mapping[str, Any]) -> dict[str, Mapping[str, int]]:
    """Return the figures of a contract by what they are of: its deployment first."""
    deployment = contract.get("deployment")
    first = {"(deployment)": deployment} if deployment else {}
    return {**first, **contract.get("functions", {})}


def _change(now: Mapping[str, int] | None, then: Mapping[str, int] | None) -> str:
    if now is None:
        return "gone"
    if then is None:
        return "new"
    change = now["median"] - then["median"]
    return f"{change:+,} ({change * 100 / then['median']:+.2f}%)" if change else ""


def size_table(snapshot: Mapping[str, Any]) -> Table:
    """Return a table of the sizes of contracts, and of what is left below the limit."""
    table = plain_table("", ("contract", "bytes of code", "left"), right=("bytes of code", "left"))
    for name, contract in snapshot.items():
        if size := contract.get("size"):
            table.add_row(name, f"{size:,}", f"{_MOST_BYTES - size:,}")
    return table
