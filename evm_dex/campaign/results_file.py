"""Files of results: a row for each seed, in order of seeds, as JSON Lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from evm_dex.campaign.scenario import ScenarioError
from evm_dex.campaign.seed_run import SeedResult

_INT64 = range(-(2**63), 2**63)


class ResultsFile:
    """A file of results while it is written. Its name is that of the finished one and `.part`."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines

    def add(self, result: SeedResult) -> None:
        """Append the row of a seed."""
        self._lines.write(json.dumps(result.row()) + "\n")
        self._lines.flush()


@contextmanager
def results_file(path: Path) -> Iterator[ResultsFile]:
    """Write a file of results, .jsonl or .parquet; it gets its name in the end, whatever ends it.

    One that is there is replaced. Raises ScenarioError for another ending, or a missing library.
    """
    if path.suffix not in (".jsonl", ".parquet"):
        raise ScenarioError(f"results must be a .jsonl or .parquet file, got {path}")
    if path.suffix == ".parquet":
        _pyarrow()
    part = path.with_name(path.name + ".part")
    with part.open("w") as lines:
        try:
            yield ResultsFile(lines)
        except ScenarioError:
            part.unlink()  # nothing that it says can be relied on
            raise
        except BaseException:
            lines.close()
            _finish(part, path)
            raise
    _finish(part, path)


def _finish(part: Path, path: Path) -> None:
    if path.suffix == ".parquet":
        _write_parquet(part, path)
        part.unlink()
    else:
        part.replace(path)


def _write_parquet(lines: Path, path: Path) -> None:
    """Write rows as columns, a value of a scenario as `values.NAME`.

    Integers are 64 bits wide; a column with any other value has them all as JSON texts.
    """
    pyarrow, parquet = _pyarrow()
    with lines.open() as file:
        rows = [json.loads(line) for line in file]
    names = sorted({name for row in rows for name in row["values"]})
    types = {
        "seed": pyarrow.int64(),
        "passed": pyarrow.bool_(),
        "error": pyarrow.string(),
        "height": pyarrow.int64(),
        "block_hash": pyarrow.string(),
    }
    columns = {
        name: pyarrow.array([row[name] for row in rows], kind) for name, kind in types.items()
    }
    for name in names:
        values = [row["values"].get(name) for row in rows]
        columns[f"values.{name}"] = pyarrow.array(_of_one_type(values))
    temporary = path.with_name(path.name + ".new")
    parquet.write_table(pyarrow.table(columns), temporary)
    temporary.replace(path)


def _of_one_type(values: list[Any]) -> list[Any]:
    there = [value for value in values if value is not None]
    if all(type(value) is int and value in _INT64 for value in there):
        return values
    for kind in (bool, float, str):
        if all(type(value) is kind for value in there):
            return values
    return [None if value is None else json.dumps(value) for value in values]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415 - of an extra
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError:
        raise ScenarioError(
            "Parquet needs pyarrow: pip install 'evm-dex[campaign]', or choose a .jsonl file"
        ) from None
    return pyarrow, parquet
