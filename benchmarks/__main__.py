"""`python -m benchmarks [--quick] [--only SUBJECT]`: a table, and a JSON file beside it."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from rich.console import Console

from benchmarks import (
    archive,
    blocks,
    book,
    calls,
    checkpoints,
    cold_code,
    durability,
    forks,
    history,
    history_cql,
    hypercore,
    hyperliquid,
    importing,
    kernels,
    node,
    perpetuals,
    tester,
    transactions,
)
from evm_dex.terminal.tables import plain_table

SUBJECTS = {
    "book": book.run,
    "calls": calls.run,
    "kernels": kernels.run,
    "cold-code": cold_code.run,
    "importing": importing.run,
    "transactions": transactions.run,
    "perpetuals": perpetuals.run,
    "tester": tester.run,
    "blocks": blocks.run,
    "durability": durability.run,
    "checkpoints": checkpoints.run,
    "archive": archive.run,
    "node": node.run,
    "forks": forks.run,
    "hypercore": hypercore.run,
    "hyperliquid": hyperliquid.run,
    "history": history.run,
    "history-cql": history_cql.run,
}
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument("--only", choices=SUBJECTS, action="append", help="one subject, or several")
    arguments = parser.parse_args()
    console = Console()
    results = []
    with console.status("Measuring …") as status:
        for name in arguments.only or SUBJECTS:
            for result in SUBJECTS[name](quick=arguments.quick):
                status.update(f"Measured {result.case}")
                results.append(result)
    columns = ("subject", "case", "median", "ratio", "target")
    table = plain_table("Benchmarks", columns, right=("median", "ratio"))
    for result in results:
        ratio = f"{result.ratio:.2f} x {result.floor}" if result.ratio is not None else ""
        value = f"{result.value:,.2f} {result.unit}"
        table.add_row(result.subject, result.case, value, ratio, result.target)
    console.print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    content = {"machine": machine, "results": [result.as_json() for result in results]}
    RESULTS.write_text(json.dumps(content, indent=2) + "\n")
    console.print(f"Written to {RESULTS.relative_to(RESULTS.parents[2])}", highlight=False)


if __name__ == "__main__":
    main()
