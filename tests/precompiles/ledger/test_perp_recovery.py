"""The perpetuals exchange is all in its rows: opened again it is the same, and so are its bytes."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import (
    Leverage,
    PerpAccount,
    PerpFund,
    PerpMarket,
    PerpOrder,
    PerpPrices,
    PerpSettings,
    Position,
    Trigger,
)
from precompiles.ledger.record import Record
from precompiles.types import (
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    PositionKind,
    PositionStatus,
    SelfTradePrevention,
    TimeInForce,
)
from tests.precompiles.ledger.core_samples import CORE_SAMPLES
from tests.precompiles.ledger.test_recovery import perp_traded
from tests.precompiles.perp.scenarios import play
from tests.precompiles.perp.world import ALICE, BOB, CAROL, DOLLAR, FEEDER, GOLD

MORE = """
    D buy 6 @ 1000 gtc           = #7 filled | 6 @ 1000 of #1
    oracle 899                   = 899
    B buy 5 @ 890 gtc            = #8 new
    keep 10 = 2 | #5 fired | 5 @ 890 of #8 | 4 for 3596 from p1 | p3 deleveraging 0
    C cancel #6                  = ok
    C leverage 6 isolated        = ok
    D sell 2 silver @ 100 gtc    = #9 new
    C buy 2 silver @ 100 gtc     = #10 filled | 2 @ 100 of #9
    D buy 2 silver @ 100 gtc     = #11 new
    C sell 2 silver @ 100 gtc    = #12 filled | 2 @ 100 of #11
"""
"""Changes rows of every kind: positions end and begin, two of them at once; triggers fire, end."""


def picture(ledger: Ledger) -> list[Any]:
    """Everything in memory that decides about anything."""
    perp = ledger.perp
    open_positions, triggers = perp.open_positions, perp.waiting_triggers
    return [
        {table.number: dict(table.rows) for table in ledger.tables.values()},
        {asset: book.depth(99) for asset, book in perp.live.books.items() if book.nodes},
        {asset: queue_of(book) for asset, book in perp.live.books.items() if book.nodes},
        {owner: list(ids) for owner, ids in perp.live.by_owner.owners.items()},
        dict(perp.live.by_client_id.ids),
        dict(open_positions.netting),
        [
            {key: list(ids) for key, ids in index.ids.items()}
            for index in (open_positions.cross, open_positions.by_owner, open_positions.by_market)
        ],
        [
            {asset: list(places) for asset, places in side.items()}
            for side in (triggers.rising, triggers.falling)
        ],
        ledger.commitment,
    ]


def queue_of(book: Any) -> list[PerpOrder]:
    return sorted((node.order for node in book.nodes.values()), key=lambda order: order.id)


def test_reopening_finds_everything() -> None:
    """Rows and indexes; what ended is read from storage."""
    world = perp_traded()
    play(world, MORE)
    world.end_block()
    before = picture(world.ledger)
    world.open()
    assert picture(world.ledger) == before
    assert check(world.ledger) == []
    play(
        world,
        """
        order #1 = filled 20/20
        order #6 = cancelled 0/5 user_cancelled
        order #5 = filled 5/5
        p3 = liquidated
        """,
    )


def test_looking_back_shows_the_earlier_state_and_leaves_no_trace() -> None:
    """Also of what is done meanwhile."""
    world = perp_traded()
    before = picture(world.ledger)
    play(world, MORE)
    changes = world.ledger.seal()
    world.storage.apply(changes)
    world.ledger.accept(changes)
    after = picture(world.ledger)
    with world.ledger.at([changes.rows]):
        assert picture(world.ledger)[:-1] == before[:-1]
        assert check(world.ledger) == []
        play(world, "p1 = B short 14 for 14000 cross x20\norder #6 = untriggered 0/5")
        play(world, MORE)
    assert picture(world.ledger) == after
    assert world.ledger.seal().rows == ()


RECORDS: list[type[Record]] = [
    PerpSettings,
    PerpFund,
    PerpMarket,
    PerpPrices,
    PerpAccount,
    Leverage,
    Position,
    PerpOrder,
    Trigger,
    *(type(record) for record, _ in CORE_SAMPLES),
]
_AMOUNTS = st.one_of(st.integers(0, 300), st.integers(0, 2**260))
_SIGNED = st.one_of(st.integers(-300, 300), st.integers(-(2**260), 2**260))


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field, by its annotation."""
    if get_origin(hint) is tuple:
        first, *others = get_args(hint)
        if others == [Ellipsis]:
            return st.lists(values_of(first), max_size=3).map(tuple)
        return st.tuples(values_of(first), *map(values_of, others))
    if marks := get_args(hint)[1:]:
        return _AMOUNTS if marks == ("unsigned",) else _SIGNED
    if hint is Address:
        return st.binary(min_size=20, max_size=20).map(Address)
    if hint is bool:
        return st.booleans()
    if hint in (str, bytes):
        return st.from_type(hint)
    if hint is int:
        return st.integers(0, 2**64 - 1)
    return st.sampled_from(list(hint))


@st.composite
def records(draw: st.DrawFn) -> Record:
    record = draw(st.sampled_from(RECORDS))
    hints = get_type_hints(record, include_extras=True)
    return record(*(draw(values_of(hints[name])) for name in record.__struct_fields__))


@given(records())
def test_what_is_stored_is_what_was_meant(record: Record) -> None:
    """Of any values that the fields' types allow, and to the byte both ways."""
    stored = record.encode()
    assert type(record).decode(stored) == record
    assert type(record).decode(stored).encode() == stored


SAMPLES: list[tuple[Record, str]] = [
    *CORE_SAMPLES,
    (
        PerpSettings(DOLLAR, BOB),
        (
            "0192c414d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0c4140b0b0b0b0b0b0b0b0b0b0b0b0b0b"
            "0b0b0b0b0b0b"
        ),
    ),
    (PerpFund(2**100, 300, 0), "0193c40d10000000000000000000000000c402012cc400"),
    (
        PerpMarket(
            GOLD,
            3,
            10**18,
            5,
            2,
            15,
            45,
            100,
            BOB,
            SelfTradePrevention.DECREMENT,
            FEEDER,
            60,
            5_000,
            10**11,
            30,
            0,
            10**7,
            80_000,
            2 * 10**10,
            CAROL,
            10**12,
            ((b"", 40), (b"\x01\x00", 20)),
        ),
        (
            "01dc0016c414e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e103c4080de0b6b3a7640000c40105"
            "c401020f2d64c4140b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b03c414020202020202020202"
            "02020202020202020202023ccd1388c405174876e8001ec400c403989680ce00013880c40504a817"
            "c800c4140c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0cc405e8d4a510009292c4002892c40201"
            "0014"
        ),
    ),
    (
        PerpPrices(
            10**9,
            50_000,
            10**9 - 5,
            0,
            50_001,
            49_999,
            -(2**70),
            2**64,
            2**80,
            2**65,
            -7,
            720,
            -(10**18),
            12_500_000,
            2**90,
            -1,
        ),
        (
            "01dc0010ce3b9aca00c402c350ce3b9ac9fbc400c402c351c402c34fc409c00000000000000000c4"
            "09010000000000000000c40b0100000000000000000000c409020000000000000000c401f9cd02d0"
            "c408f21f494c589c0000c40400bebc20c40c040000000000000000000000c401ff"
        ),
    ),
    (PerpAccount(-129), "0191c402ff7f"),
    (Leverage(25, is_cross=False), "019219c2"),
    (
        Position(
            7,
            ALICE,
            GOLD,
            PositionKind.STANDALONE,
            PositionStatus.LIQUIDATED,
            -(2**100),
            300,
            50,
            -1,
            -(10**18),
            10**9,
            128,
            9,
        ),
        (
            "019d07c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac414e1e1e1e1e1e1e1e1e1e1e1e1e1"
            "e1e1e1e1e1e1e10203c40df0000000000000000000000000c402012c32c401ffc408f21f494c589c"
            "0000ce3b9aca00c402008009"
        ),
    ),
    (
        PerpOrder(
            8,
            ALICE,
            GOLD,
            True,
            50,
            2**100,
            6,
            300,
            OrderStatus.CANCELLED,
            CloseReason.INSUFFICIENT_MARGIN,
            TimeInForce.IOC,
            OrderKind.LIQUIDATION,
            False,
            2**127,
            9,
        ),
        (
            "019f08c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac414e1e1e1e1e1e1e1e1e1e1e1e1e1"
            "e1e1e1e1e1e1e1c3c40132c40d10000000000000000000000000c40106c402012c04050103c2c410"
            "8000000000000000000000000000000009"
        ),
    ),
    (
        Trigger(9, ALICE, GOLD, False, 50, 45, 0, True, False, 2**64, 10),
        (
            "019b09c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac414e1e1e1e1e1e1e1e1e1e1e1e1e1"
            "e1e1e1e1e1e1e1c2c40132c4012dc400c3c2c4090100000000000000000a"
        ),
    ),
]


@pytest.mark.parametrize(("record", "sample"), SAMPLES, ids=lambda v: type(v).__name__)
def test_rows_of_version_1_are_read_and_written_the_same(record: Record, sample: str) -> None:
    """A change of format must come with a new version byte."""
    assert type(record).decode(bytes.fromhex(sample)) == record
    assert record.encode().hex() == sample


def test_every_record_has_a_sample() -> None:
    assert {type(record) for record, _ in SAMPLES} == set(RECORDS)
    homes = ("precompiles.ledger.perp.", "precompiles.ledger.hyper.")
    kept = {record for record in leaves(Record) if record.__module__.startswith(homes)}
    assert kept == set(RECORDS)


def leaves(record: type[Record]) -> list[type[Record]]:
    children = record.__subclasses__()
    return [leaf for child in children for leaf in leaves(child)] or [record]
