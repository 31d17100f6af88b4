"""A coverage report: what ran of each source, in a form that can be added up and kept as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evm_dex.coverage.code_hits import CodeCounts
from evm_dex.coverage.source_items import (
    BranchItem,
    FunctionItem,
    Item,
    SourceSpan,
    items_of,
    unique,
)
from evm_dex.evm.compiler.watched import CodeHits
from evm_dex.sources.compiled import CompiledCode
from evm_dex.sources.known_code import KnownCode
from evm_dex.sources.source_file import SourceFile

_OTHERS = ("node_modules", "site-packages")
_LIBRARIES = ("lib", "dependencies")
"""Directories of other people's sources, anywhere and at the top."""
_TESTS = (".t.sol", ".s.sol")


class CoveredBranch(msgspec.Struct):
    """A branch: for each of its ways the line, and how often it was gone."""

    lines: list[int]
    paths: list[int]
    came_by: int
    """Number of times it was reached, about; 0 if it never was."""


class CoveredFile(msgspec.Struct):
    """Coverage of one source; all numbers are counts of runs."""

    functions: dict[str, tuple[int, int]] = {}
    """Line and count by name."""
    lines: dict[int, int] = {}
    """By line: what begins there first."""
    statements: dict[str, int] = {}
    """By place in the source."""
    branches: dict[str, CoveredBranch] = {}
    """By place in the source."""

    def add(self, other: CoveredFile) -> None:
        """Add the counts of another report of the same source."""
        for name, (line, count) in other.functions.items():
            self.functions[name] = (line, count + self.functions.get(name, (line, 0))[1])
        for line, count in other.lines.items():
            self.lines[line] = self.lines.get(line, 0) + count
        for place, count in other.statements.items():
            self.statements[place] = self.statements.get(place, 0) + count
        for place, branch in other.branches.items():
            none = CoveredBranch(branch.lines, [0] * len(branch.paths), 0)
            known = self.branches.setdefault(place, none)
            known.paths = [one + two for one, two in zip(known.paths, branch.paths, strict=True)]
            known.came_by += branch.came_by


class Share(msgspec.Struct, frozen=True):
    """A number of things, and how many of them ran."""

    covered: int
    all: int

    @property
    def percent(self) -> str:
        """As a percentage with two digits, rounded down; "-" of nothing."""
        if not self.all:
            return "-"
        hundredths = self.covered * 10_000 // self.all
        return f"{hundredths // 100}.{hundredths % 100:02d}%"


class CoverageReport(msgspec.Struct):
    """Coverage by the source's path from the directory that the report is made for."""

    files: dict[str, CoveredFile] = {}

    def add(self, other: CoverageReport) -> None:
        """Add the counts of another report."""
        for name, file in other.files.items():
            self.files.setdefault(name, CoveredFile()).add(file)

    def to_builtins(self) -> Any:
        """Return it in types that can be sent to another process."""
        return msgspec.to_builtins(self, str_keys=True)

    @classmethod
    def from_builtins(cls, found: Any) -> CoverageReport:
        """Return what was sent."""
        return msgspec.convert(found, cls, strict=False)


def shares(files: Iterable[CoveredFile]) -> dict[str, Share]:
    """Return how much ran of the lines, statements, branches and functions of some sources."""
    counts: dict[str, list[int]] = {"lines": [], "statements": [], "branches": [], "functions": []}
    for file in files:
        counts["lines"] += file.lines.values()
        counts["statements"] += file.statements.values()
        counts["branches"] += (count for branch in file.branches.values() for count in branch.paths)
        counts["functions"] += (count for _, count in file.functions.values())
    return {name: Share(sum(map(bool, found)), len(found)) for name, found in counts.items()}


def coverage_report(hits: Mapping[bytes, CodeHits], known: KnownCode, root: Path) -> CoverageReport:
    """Return what ran of the sources below a directory, but for tests and other people's.

    Sources of contracts that never ran are in it, where they were compiled with some that did.
    """
    counts = _counts_by_code(hits, known)
    report = CoverageReport()
    for file, compiled in _by_file(known):
        name = _name(file, root)
        if name is not None:
            if file.tree is not None:
                covered = _covered(
                    file, [(it, counts[code]) for it, code in compiled if code in counts]
                )
            else:
                covered = _lines(
                    file, [(it, counts.get(code) or CodeCounts(code, {})) for it, code in compiled]
                )
            report.files.setdefault(name, CoveredFile()).add(covered)
    report.files = {name: file for name, file in report.files.items() if file.lines}
    return report


def _by_file(known: KnownCode) -> Iterator[tuple[SourceFile, list[tuple[int, CompiledCode]]]]:
    """Return each source, and the codes of its compilation with its number there."""
    files: dict[int, tuple[SourceFile, list[tuple[int, CompiledCode]]]] = {}
    for contract in known.contracts():
        for number, file in contract.files.items():
            _, codes = files.setdefault(id(file), (file, []))
            codes.extend((number, code) for code in contract.codes)
    return iter(files.values())


def _name(file: SourceFile, root: Path) -> str | None:
    """Return a source's path below a directory; None for one that is not to be covered."""
    path = file.path or root / file.name
    if not (path.is_file() and path.is_relative_to(root)) or file.name.endswith(_TESTS):
        return None
    name = path.relative_to(root)
    is_hidden = any(part in _OTHERS or part.startswith(".") for part in name.parts)
    return None if is_hidden or name.parts[0] in _LIBRARIES else name.as_posix()


def _counts_by_code(
    hits: Mapping[bytes, CodeHits], known: KnownCode
) -> dict[CompiledCode, CodeCounts]:
    """Add up the counts of opcodes by what was compiled, wherever it is deployed."""
    counts: dict[CompiledCode, dict[int, int]] = {}
    for code, found in hits.items():
        match = known.find(code)
        if match is not None:
            mine = counts.setdefault(match.code, {})
            for position, count in found.by_position(code).items():
                mine[position] = mine.get(position, 0) + count
    return {code: CodeCounts(code, found) for code, found in counts.items()}


def _covered(file: SourceFile, codes: Sequence[tuple[int, CodeCounts]]) -> CoveredFile:
    items = items_of(file)
    found = CoveredFile()
    functions = [item for item in items if isinstance(item, FunctionItem)]
    names = dict(zip(functions, unique(item.name for item in functions), strict=True))
    first: dict[int, int] = {}

    def count_line(start: int, count: int) -> None:
        """Count for a line what begins first on it."""
        line = file.line(start)
        if start < first.get(line, start + 1):
            first[line] = start
            found.lines[line] = count

    for item in items:
        ways = _ways(item)
        counts = [0] * ways
        for number, code in codes:
            hits = code.hits(number, item)
            counts = [one + two for one, two in zip(counts, hits or [0] * ways, strict=True)]
        if isinstance(item, BranchItem):
            place = f"{item.span.start}:{item.span.end}"
            came_by = sum(code.reached(number, item.span) for number, code in codes)
            lines = [file.line(place) for place in item.places]
            found.branches[place] = CoveredBranch(lines, counts, came_by)
            if item.places[0] < item.span.start:  # an `if`, of which the condition may be no item
                count_line(item.places[0], came_by)
            continue
        if isinstance(item, FunctionItem):
            found.functions[names[item]] = (file.line(item.span.start), counts[0])
        else:
            found.statements[f"{item.span.start}:{item.span.end}"] = counts[0]
        count_line(item.span.start, counts[0])
    return found


def _ways(item: Item) -> int:
    return len(item.places) if isinstance(item, BranchItem) else 1


def _lines(file: SourceFile, codes: Sequence[tuple[int, CodeCounts]]) -> CoveredFile:
    """Return what source maps tell of a source without a syntax tree."""
    found = CoveredFile()
    scopes = file.outline.scopes
    for scope, name in zip(scopes, unique(scope.name for scope in scopes), strict=True):
        item = FunctionItem(SourceSpan(scope.start, scope.end), name, not scope.is_plain)
        if file.is_vyper:  # which writes no function twice
            count = sum(code.first(number, item.span) for number, code in codes)
        else:
            count = sum(sum(code.hits(number, item) or ()) for number, code in codes)
        line = file.line(scope.start)
        found.functions[name] = (line, count)
        found.lines[line] = found.lines.get(line, 0) + count
    for number, code in codes:
        most: dict[int, int] = {}
        for place, count in code.lines(number):
            inside = file.outline.at(place)
            if inside is not None and place > inside.start:
                line = file.line(place)
                most[line] = max(count, most.get(line, 0))
        for line, count in most.items():
            found.lines[line] = found.lines.get(line, 0) + count
    return found
