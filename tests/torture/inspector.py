"""What a killed process left: looked at by one that was not."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

from checkpoint.archive.importer import import_archive
from checkpoint.errors import StoreError
from checkpoint.manifest import list_checkpoints
from checkpoint.restore import verify_checkpoint
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.verify import verify_store
from evm_dex.chain.block_proof import inspect_block
from evm_dex.client.dex import Dex
from precompiles.ledger.recovery import open_ledger
from tests.torture.victims import archive_of, branch_of, opened


def look(store: Path, report: int, *, thorough: bool) -> None:
    """Open the store again and tell what it holds, as JSON; `thorough` proves checkpoints too."""
    wrong: list[str] = []
    with opened(store) as dex:
        wrong += dex.self_check()
        wrong += dex.repairs
        wrong += unlike_in_full(dex)
        height, root = dex.head.number, dex.head.state_root.hex()
        in_full = dex.chain.recovery.in_full
    roots: dict[str, str] = {}
    for info in list_checkpoints(store):
        if info.problem or info.manifest is None:
            wrong.append(f"checkpoint {info.path.name}: {info.problem}")
        else:
            roots[str(info.height)] = info.manifest.state_root
    wrong += [f"left behind: {path.name}" for path in leftovers(store)]
    checkpoints = len(roots)
    proven = proofs(store, wrong) if thorough else 0
    proven += second_store(store, roots, wrong)
    found = {
        "in_full": in_full,
        "height": height,
        "root": root,
        "checkpoints": checkpoints,
        "roots": roots,
        "wrong": wrong,
        "proven": proven,
    }
    os.write(report, json.dumps(found).encode())


def unlike_in_full(dex: Dex) -> list[str]:
    """What differs from the ledger that all rows make, where ended ones were not read."""
    if dex.chain.recovery.in_full:
        return []
    ours, (ledger, _) = dex.chain.ledger, open_ledger(dex.store, in_full=True)
    wrong = [
        f"table {number} is another when all rows are read"
        for number, table in ledger.tables.items()
        if table.rows != ours.tables[number].rows
    ]
    if ledger.ended != ours.ended:
        wrong.append("ended rows add up to something else when they are read")
    ledger.close()
    return wrong


def leftovers(store: Path) -> list[Path]:
    """Names only an interrupted step has; opening the store removes them."""
    names = [*(store / "checkpoints").glob(".*"), store / "db.restoring", store / "db.replaced"]
    return [path for path in names if path.exists()]


def proofs(store: Path, wrong: list[str]) -> int:
    """Prove the head and each checkpoint; how many hold."""
    with closing(ReadOnlyStore(store)) as head:
        difference = verify_store(head, deep=True).difference
    proven = int(difference is None)
    if difference is not None:
        wrong.append(difference)
    for info in list_checkpoints(store):
        try:
            verify_checkpoint(info, deep=True)
            proven += 1
        except StoreError as error:
            wrong.append(str(error))
    return proven


def second_store(store: Path, roots: dict[str, str], wrong: list[str]) -> int:
    """A store or archive beside this one is whole or not there; how many were proven.

    Adds the state root of each to `roots`, and removes it.
    """
    branch, archive, proven = branch_of(store), archive_of(store), 0
    places = [branch] if branch.exists() else []
    if archive.exists():
        imported = store.with_name(f"{store.name}-imported")
        import_archive(archive, imported, inspect=inspect_block)
        places.append(imported)
        archive.unlink()
    for place in places:
        with closing(ReadOnlyStore(place)) as second:
            report = verify_store(second, deep=True)
        if report.difference is not None or report.head is None:
            wrong.append(f"{place.name}: {report.difference}")
        else:
            roots[str(report.head.height)] = report.head.state_root.hex()
            proven += 1
        shutil.rmtree(place)
    return proven
