"""JSON Lines are imported again: to the same state, or refused by the line."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

import evm_dex
from checkpoint.archive import export_archive, export_json_lines, import_archive
from checkpoint.archive.json_lines import readable
from checkpoint.archive.json_reader import read_json_lines, row_from_json
from checkpoint.errors import ArchiveDamaged, StoreError
from evm_dex.chain.block_proof import inspect_block
from precompiles.ledger.record import Record
from tests.chain.test_ended_orders import trade
from tests.precompiles.ledger.core_samples import CORE_SAMPLES
from tests.precompiles.ledger.test_perp_recovery import SAMPLES as PERP_SAMPLES
from tests.precompiles.ledger.test_recovery import SAMPLES as SPOT_SAMPLES


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an archive, and the same state as lines."""
    place = tmp_path_factory.mktemp("exported")
    with evm_dex.open() as dex:
        trade(dex)
        export_archive(dex.store, place / "archive", inspect=inspect_block)
        export_json_lines(dex.store, place / "lines", inspect=inspect_block)
    return place


def test_lines_lead_to_the_very_archive(exported: Path, tmp_path: Path) -> None:
    from_lines = import_archive(exported / "lines", tmp_path / "chain", inspect=inspect_block)
    assert from_lines == import_archive(
        exported / "archive", tmp_path / "other", inspect=inspect_block
    )
    export_archive(tmp_path / "chain", tmp_path / "again", inspect=inspect_block)
    assert (tmp_path / "again").read_bytes() == (exported / "archive").read_bytes()
    with evm_dex.open(tmp_path / "chain") as dex:
        assert dex.repairs == ()
        assert dex.self_check() == []
        trade(dex)


def test_hypercore_too(tmp_path: Path) -> None:
    with evm_dex.open(profile="hyperevm") as dex:
        dex.mine(3)
        export_archive(dex.store, tmp_path / "archive", inspect=inspect_block)
        export_json_lines(dex.store, tmp_path / "lines", inspect=inspect_block)
    import_archive(tmp_path / "lines", tmp_path / "chain", inspect=inspect_block)
    export_archive(tmp_path / "chain", tmp_path / "again", inspect=inspect_block)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "archive").read_bytes()


@pytest.mark.parametrize(
    "record",
    [record for record, _ in (*SPOT_SAMPLES, *PERP_SAMPLES, *CORE_SAMPLES)],
    ids=lambda record: type(record).__name__,
)
def test_every_row_comes_back(record: Record) -> None:
    shown = json.loads(json.dumps(readable(msgspec.structs.asdict(record))))
    assert row_from_json(type(record), shown) == record


def altered(name: str, value: Any, kind: str = "row") -> Callable[[list[dict[str, Any]]], None]:
    def alter(lines: list[dict[str, Any]]) -> None:
        next(line for line in lines if line["kind"] == kind)[name] = value

    return alter


def without_last(lines: list[dict[str, Any]]) -> None:
    lines.pop()


def out_of_order(lines: list[dict[str, Any]]) -> None:
    lines.insert(2, lines.pop())


def pricier(lines: list[dict[str, Any]]) -> None:
    order = next(line for line in lines if line.get("table") == "orders")
    order["fields"]["price"] = order["fields"]["price"] + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_last, "rows, not"),
        (out_of_order, "line 4: it comes out of order"),
        (pricier, "at least one was altered"),
        (altered("kind", "rows"), "its first field must be a known kind"),
        (altered("more", 1), "unknown field `more`"),
        (altered("fields", {}), "must have the fields owner"),
        (altered("key", "0x0"), "non-hexadecimal|odd|hex"),
        (altered("key", "00"), "must be hex after 0x"),
        (altered("key", "0x 00"), "hex must be without spaces"),
        (altered("table", "nothing"), "nothing"),
        (altered("height", -1, "header"), "line 2"),
        (altered("body", "0x00", "header"), "block 0"),
        (altered("balance", "many", "account"), "must be a whole number"),
        (altered("nonce", 2**70, "account"), "at most 8 bytes"),
        (altered("value", "0x" + "11" * 40, "storage"), "at most 32 bytes"),
    ],
)
def test_what_is_wrong_is_named(
    exported: Path, tmp_path: Path, change: Callable[[list[dict[str, Any]]], None], message: str
) -> None:
    lines = [json.loads(line) for line in (exported / "lines").read_text().splitlines()]
    change(lines)
    (tmp_path / "lines").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(ArchiveDamaged, match=message):
        import_archive(tmp_path / "lines", tmp_path / "chain", inspect=inspect_block)
    assert not (tmp_path / "chain").exists()


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"chain","rows":{' + b'"1":1,' * 200_000,
        b'{"kind":"row","table":"orders","key":1,"fields":{"id":' + b"[" * 5_000,
        b'{"kind":"account","nonce":' + b"9" * 100_000,
        b"{" * 50_000_000,
        b'{"kind":"account","address_hash":"0x","nonce":"' + b"9" * 5_000 + b'"}',
    ],
    ids=["chain", "deep", "number", "endless", "digits"],
)
def test_a_line_is_bounded_before_it_is_decoded(line: bytes) -> None:
    with pytest.raises(StoreError, match="line 1: it is no line of a state"):
        list(read_json_lines(BytesIO(line)))
