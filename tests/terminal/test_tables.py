"""Tables for the terminal: what stands in their cells."""

from __future__ import annotations

from datetime import UTC, datetime

from evm_dex.terminal.tables import age, table_name
from precompiles.ledger.table import TableNumber


def test_ages_are_in_their_largest_unit() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    for made_at, said in (
        ("2026-01-02T00:00:00+00:00", "0 s"),
        ("2026-01-01T23:59:01+00:00", "59 s"),
        ("2026-01-01T23:59:00+00:00", "1 min"),
        ("2026-01-01T22:00:01+00:00", "1 h"),
        ("2025-12-30T00:00:00+00:00", "3 d"),
        ("2026-01-03T00:00:00+00:00", "0 s"),
    ):
        assert age(made_at, now) == said


def test_every_table_has_a_name_and_a_newer_one_its_number() -> None:
    assert [table_name(number) for number in TableNumber] == [t.name.lower() for t in TableNumber]
    assert table_name(0xEE) == "table 238"
