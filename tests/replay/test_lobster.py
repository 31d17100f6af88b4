"""Real order flow through the exchange, against the book that the data provider reconstructed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import evm_dex
from evm_dex.client.dex import Dex
from evm_dex.replay.lobster import (
    BookRow,
    LobsterError,
    instructions,
    opening,
    read_book,
    read_messages,
    recorded_market,
)
from evm_dex.replay.order_flow import Cancel, Place, Take
from evm_dex.replay.runner import Replay, deposit

SHARED = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("EVM_DEX_DATA", SHARED)) / "lobster-aapl"
WINDOW = 10
Levels = list[tuple[int, int]]


class RecordedBook:
    """The exchange's book beside the recorded one, of which only ten levels a side are known."""

    def __init__(self, dex: Dex, replay: Replay) -> None:
        self.dex = dex
        self.replay = replay
        self.exact = 0
        self.revealed: list[int] = []
        self.reappeared: list[int] = []

    def compare(self, number: int, row: BookRow) -> None:
        """Count a row as exact, and take over what changed where nobody could see it."""
        was_exact = True
        for is_buy, recorded in ((True, row.bids), (False, row.asks)):
            if self.side(is_buy) == recorded:
                continue
            ours = self.side(is_buy, 100)
            known = dict(ours)
            if recorded[-1][0] not in known and ours[: WINDOW - 1] == recorded[:-1]:
                self.revealed.append(number)
            else:
                self.reappeared.append(number)
                was_exact = False
            self.adopt(number, is_buy, recorded, known)
            assert self.side(is_buy) == recorded
        self.exact += was_exact

    def side(self, is_buy: bool, levels: int = WINDOW) -> Levels:
        depth = self.dex.spot.call("getDepth", self.dex.tokens["ASSET"], levels)
        if is_buy:
            return list(zip(depth.bidPrices, depth.bidAmounts, strict=True))
        return list(zip(depth.askPrices, depth.askAmounts, strict=True))

    def adopt(self, number: int, is_buy: bool, recorded: Levels, known: dict[int, int]) -> None:
        wanted = dict(recorded)
        worst = recorded[-1][0]
        for price, size in known.items():
            if (price >= worst if is_buy else price <= worst) and wanted.get(price, 0) != size:
                self.clear(price)
                known = known | {price: 0}
        for price, size in recorded:
            if known.get(price, 0) != size:
                self.replay.apply(Place(f"{number} {price}", is_buy, size, price))

    def clear(self, price: int) -> None:
        maker, after = self.dex.accounts[0], 0
        while page := self.dex.spot.call("getOpenOrders", maker, after, 100):
            for order_id in page:
                if self.dex.spot.call("getOrder", order_id).price == price:
                    self.dex.spot.send("cancelOrder", order_id, sender=maker)
            after = page[-1]


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open(genesis=recorded_market()) as chain:
        for account in chain.accounts[:2]:
            for _ in deposit(chain, account):
                pass
        yield chain


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded order flow at {DATA}")
def test_the_book_agrees_with_the_recorded_one(dex: Dex) -> None:
    messages = read_messages(next(DATA.glob("*message*.csv")))
    rows = read_book(next(DATA.glob("*orderbook*.csv")))
    replay = Replay(dex, dex.tokens["ASSET"], maker=dex.accounts[0], taker=dex.accounts[1])
    for order in opening(rows[0], messages[0]):
        replay.apply(order)
    book = RecordedBook(dex, replay)
    for number, (instruction, row) in enumerate(zip(instructions(messages), rows, strict=True)):
        if instruction is not None:
            replay.apply(instruction)
        book.compare(number, row)
    assert len(messages) == 999
    # The first row is where the book was taken from. Fourteen times later a level had to be taken
    # over that changed outside the ten recorded ones: ten were new in tenth place, which says
    # nothing against the row; four were known, and when their place came back into view two had
    # another size and two were gone.
    assert (book.exact - 1, len(rows) - 1) == (994, 998)
    assert (len(book.revealed), len(book.reappeared)) == (10, 4)
    assert dex.self_check() == []


def test_messages_become_instructions(tmp_path: Path) -> None:
    path = tmp_path / "messages.csv"
    path.write_text(
        "1.0,1,7,100,5000,1\n"
        "1.1,2,7,40,5000,1\n"
        "1.2,4,7,10,5000,1\n"
        "1.3,5,0,10,5000,1\n"
        "1.4,3,7,50,5000,1\n"
    )
    assert list(instructions(read_messages(path))) == [
        Place(7, True, 100, 5000),
        (7, 40),
        Take(False, 10, 5000),
        None,
        Cancel(7),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1.0,1,7,100,5000", "line 2: 5 fields, expected 6"),
        ("1.0,9,7,100,5000,1", "line 2: type 9, expected 1 to 7"),
        ("noon,1,7,100,5000,1", "line 2: time is 'noon', expected seconds after midnight"),
        ("1.0,1,7,1_0,5000,1", "line 2: size is '1_0', expected a number"),
        ("1.0,1,7,ten,5000,1", "line 2: size is 'ten', expected a number"),
        ("1.0,1,7,100,0,1", "line 2: size 100, price 0, expected above 0"),
        ("1.0,1,7,100,5000,2", "line 2: direction 2, expected 1 or -1"),
    ],
)
def test_a_bad_message_is_named_by_line_and_field(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "messages.csv"
    path.write_text("1.0,1,7,100,5000,1\n" + row + "\n")
    with pytest.raises(LobsterError, match=said):
        read_messages(path)


def test_a_bad_book_row_is_named_by_line_field_and_level(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text("5100,200,5000,100,5200,1,4900,many\n")
    with pytest.raises(LobsterError, match="line 1: bid size of level 2 is 'many'"):
        read_book(path)
    path.write_text("5100,200,5000\n")
    with pytest.raises(LobsterError, match="line 1: 3 fields, expected four for each level"):
        read_book(path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    for read in (read_messages, read_book):
        with pytest.raises(LobsterError, match=r"empty.csv: the file is empty"):
            read(path)
