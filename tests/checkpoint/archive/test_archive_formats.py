"""Formats of the archive: the committed sample, and the steps from one format to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

import evm_dex
from checkpoint.archive import export_archive, import_archive, migrations
from checkpoint.archive.migrations import Batch, Step
from checkpoint.archive.record_types import FORMAT, Section
from checkpoint.errors import ArchiveDamaged, WrongFormat
from checkpoint.families import Family
from checkpoint.rocks import RocksStore
from evm_dex.chain.block_proof import inspect_block
from tests.checkpoint.archive.archives import (
    Sections,
    export,
    filled,
    load,
    moved,
    put_together,
    take_apart,
)
from tests.checkpoint.fake_chain import FakeChain, contents

SAMPLES = Path(__file__).parents[1] / "samples"


def test_the_sample_of_format_1_is_imported_to_the_state_it_was_made_of(tmp_path: Path) -> None:
    """A real chain, written when the archive began; v1.json says what it held."""
    expected = json.loads((SAMPLES / "v1.json").read_text())
    import_archive(SAMPLES / "v1.evmdex", tmp_path / "store", inspect=inspect_block)
    with closing(RocksStore(tmp_path / "store", chain_id=expected["chain_id"])) as store:
        head = store.head()
        assert head is not None
        assert head.height == expected["height"]
        assert head.block_hash.hex() == expected["block_hash"]
        assert head.state_root.hex() == expected["state_root"]
        assert {str(k): v for k, v in head.commitment.counts.items()} == expected["rows"]
        rows = b"".join(key + value for key, value in store.iterate(Family.ROWS))
        assert blake3(rows).hexdigest() == expected["rows_digest"]
    with evm_dex.open(tmp_path / "store") as dex:
        assert dex.repairs == ()
        assert dex.self_check() == []
        weth = dex.tokens["WETH"]
        assert list(dex.spot.call("getBestPrices", weth)) == expected["best_prices"]
        dex.spot.send("placeOrder", weth, 10**18, 2_000 * 10**6, True)
        assert dex.head.number == expected["height"] + 1


def test_the_sample_exports_to_its_own_records(tmp_path: Path) -> None:
    import_archive(SAMPLES / "v1.evmdex", tmp_path / "store", inspect=inspect_block)
    export_archive(tmp_path / "store", tmp_path / "again", inspect=inspect_block)
    assert take_apart(tmp_path / "again") == take_apart(SAMPLES / "v1.evmdex")


# Two formats that never were: in the first a chain's id stood last, and up to the second a row's
# table was the first byte of its key. For them today's format gets a number two higher.

TODAY = FORMAT + 2


def chain_id_comes_first(batches: Iterator[Batch]) -> Iterator[Batch]:
    for section, records in batches:
        if section == Section.CHAIN:
            yield section, [[record[-1], *record[:-1]] for record in records]
        else:
            yield section, records


def table_leaves_the_key(batches: Iterator[Batch]) -> Iterator[Batch]:
    for section, records in batches:
        if section == Section.ROWS:
            yield section, [[key[0], key[1:], value] for key, value in records]
        else:
            yield section, records


def rows_altered(batches: Iterator[Batch]) -> Iterator[Batch]:
    for section, records in table_leaves_the_key(batches):
        altered = [[*record[:2], b"\x01"] for record in records]
        yield section, altered if section == Section.ROWS else records


@pytest.fixture
def exported(tmp_path: Path) -> tuple[FakeChain, Sections]:
    """A chain, and the records of its archive."""
    chain, store = filled(21, 6)
    export(store, tmp_path / "exported")
    return chain, take_apart(tmp_path / "exported")


@pytest.fixture
def steps(exported: tuple[FakeChain, Sections], monkeypatch: pytest.MonkeyPatch) -> dict[int, Step]:
    """The steps to today's format; what was exported was taken apart before there were any."""
    assert exported
    registered: dict[int, Step] = {FORMAT: chain_id_comes_first, FORMAT + 1: table_leaves_the_key}
    monkeypatch.setattr(migrations, "FORMAT", TODAY)
    monkeypatch.setattr(migrations, "STEPS", registered)
    return registered


def older(sections: Sections, version: int) -> Sections:
    """The same records as an archive of that version would have them."""
    rows: list[Any] = [(bytes((t,)) + key, value) for t, key, value in sections[Section.ROWS]]
    chain: list[Any] = sections[Section.CHAIN]
    if version == FORMAT:
        chain = [(*record[1:], record[0]) for record in chain]
    return {**sections, Section.CHAIN: chain, Section.ROWS: rows}


@pytest.mark.parametrize("version", [FORMAT, FORMAT + 1])
@pytest.mark.usefixtures("steps")
def test_earlier_formats_go_through_each_step_to_the_same_state(
    tmp_path: Path, exported: tuple[FakeChain, Sections], version: int
) -> None:
    chain, sections = exported
    put_together(older(sections, version), tmp_path / "old", version)
    assert load(tmp_path / "old", tmp_path / "store").head == chain.head
    with closing(RocksStore(tmp_path / "store")) as imported:
        assert moved(contents(imported)) == moved(chain.state)


@pytest.mark.usefixtures("steps")
def test_records_of_one_format_do_not_pass_as_those_of_the_next(
    tmp_path: Path, exported: tuple[FakeChain, Sections]
) -> None:
    put_together(older(exported[1], FORMAT), tmp_path / "old", FORMAT + 1)
    with pytest.raises(ArchiveDamaged, match=r"section chain.* does not decode"):
        load(tmp_path / "old", tmp_path / "store")


def test_what_a_step_makes_is_held_against_the_block(
    tmp_path: Path, exported: tuple[FakeChain, Sections], steps: dict[int, Step]
) -> None:
    steps[FORMAT + 1] = rows_altered
    put_together(older(exported[1], FORMAT + 1), tmp_path / "old", FORMAT + 1)
    with pytest.raises(ArchiveDamaged, match="at least one was altered"):
        load(tmp_path / "old", tmp_path / "store")


@pytest.mark.parametrize("version", [0, TODAY + 1])
@pytest.mark.usefixtures("steps")
def test_a_format_no_step_leads_from_is_refused_naming_both(tmp_path: Path, version: int) -> None:
    put_together({}, tmp_path / "archive", version)
    message = f"format {version}, this program reads format {TODAY}"
    with pytest.raises(WrongFormat, match=message):
        load(tmp_path / "archive", tmp_path / "store")


def test_records_a_step_cannot_make_sense_of_are_damage(
    tmp_path: Path, exported: tuple[FakeChain, Sections], steps: dict[int, Step]
) -> None:
    """Its checksums are right, so somebody wrote it: an error with a name, not a traceback."""
    assert steps
    put_together(exported[1], tmp_path / "old", FORMAT + 1)
    message = f"after section state: a record is not one of format {FORMAT + 1}"
    with pytest.raises(ArchiveDamaged, match=message):
        load(tmp_path / "old", tmp_path / "store")
