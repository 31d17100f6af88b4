"""Coverage reports in the format of lcov, which editors, genhtml and services read.

Format: geninfo(1). Of a branch all ways are in block 0, and "-" stands where it was never come to.
"""

from __future__ import annotations

from collections.abc import Iterator

from evm_dex.coverage.coverage_report import CoverageReport, CoveredFile


def lcov(report: CoverageReport) -> str:
    """Return a report as the text of an lcov file."""
    return "".join(
        f"{line}\n" for name in sorted(report.files) for line in _record(name, report.files[name])
    )


def _record(name: str, file: CoveredFile) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{name}"
    functions = sorted(file.functions.items(), key=lambda item: item[1][0])
    yield from (f"FN:{line},{name}" for name, (line, _) in functions)
    yield from (f"FNDA:{count},{name}" for name, (_, count) in functions)
    yield from _found("FN", [count for _, (_, count) in functions])
    places = sorted(file.branches, key=lambda place: int(place.partition(":")[0]))
    for number, place in enumerate(places):
        branch = file.branches[place]
        for path, count in enumerate(branch.paths):
            shown = count if branch.came_by or any(branch.paths) else "-"
            yield f"BRDA:{branch.lines[path]},{number},{path},{shown}"
    yield from _found("BR", [count for place in places for count in file.branches[place].paths])
    yield from (f"DA:{line},{count}" for line, count in sorted(file.lines.items()))
    yield from _found("L", list(file.lines.values()))
    yield "end_of_record"


def _found(letter: str, counts: list[int]) -> Iterator[str]:
    yield f"{letter}F:{len(counts)}"
    yield f"{letter}H:{sum(map(bool, counts))}"
