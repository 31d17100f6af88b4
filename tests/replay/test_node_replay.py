"""Recordings of Hyperliquid's node, replayed and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex.client.dex import Dex
from evm_dex.hyperliquid.listings import Listings
from evm_dex.hyperliquid.order_view import OrderView, find_order, status_of
from evm_dex.hyperliquid.tape import Tape
from evm_dex.market.scenarios import MakerSettings, MarketSpec
from evm_dex.replay.node_files import NodeFileError, read_diffs, read_snapshot, read_statuses
from evm_dex.replay.node_replay import NodeReplay, replay_node

ALICE, BOB, CAROL = ("0x" + pair * 20 for pair in ("aa", "bb", "cc"))


def order(oid: int, side: str, px: str, sz: str, **more: Any) -> dict[str, Any]:
    return {"coin": "ETH", "side": side, "limitPx": px, "sz": sz, "oid": oid, "origSz": sz,
            "timestamp": 0, "triggerPx": "0.0", "tif": "Gtc", "cloid": None, **more}  # fmt: skip


def status(user: str, what: str, wire: dict[str, Any]) -> dict[str, Any]:
    return {"time": "2025-01-01T00:00:00", "user": user, "status": what, "order": wire}


def write_lines(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def recorded(dex: Dex) -> tuple[list[Any], list[Any]]:
    """What a node would have written of a chain: statuses and the last diffs."""
    listings = Listings(dex.chain.ledger)
    tape, view = Tape(dex.chain, listings), OrderView(dex.chain, listings)
    events: list[tuple[int, dict[str, Any]]] = []
    diffs = []
    for height in dex.chain.blocks.heights(1, dex.chain.head.block_number):
        for event in tape.add_block(dex.chain.header(height)):
            if type(event).__name__ != "OrderChange" or event.listing.is_spot:
                continue
            row = find_order(dex.chain.ledger, event.order_id)
            assert row is not None
            full = view.full(row)
            what = "open" if event.status == "open" else status_of(row)
            if event.status != "open":
                left = row.remaining if what != "filled" else 0
                full["sz"] = event.listing.size(left)
            elif what == "open":
                full["sz"] = full["origSz"]
            events.append((height, status(f"0x{row.owner.hex()}", what, full)))
    for book in dex.chain.ledger.perp.live.books.values():
        for node in book.nodes.values():
            listing = listings.by_address[node.order.asset]
            diffs.append(
                {
                    "user": f"0x{node.order.owner.hex()}",
                    "oid": node.order.id,
                    "coin": listing.coin,
                    "px": listing.price(node.order.price),
                    "raw_book_diff": {"new": {"sz": listing.size(node.order.remaining)}},
                }
            )
    return [event for _, event in events], diffs


def test_a_recording_comes_out_as_it_was(tmp_path: Path) -> None:
    spec = MarketSpec(makers=MakerSettings(every=5, levels=2), seed="4")
    with evm_dex.open(profile="hyperevm") as dex:
        dex.market(spec).run(60)
        statuses, diffs = recorded(dex)
    assert len(statuses) > 100
    files = (
        write_lines(tmp_path / "statuses", statuses),
        write_lines(tmp_path / "diffs", [{"block_number": 1, "events": diffs}]),
    )
    with evm_dex.open(profile="hyperevm") as dex:
        found = replay_node(NodeReplay(dex), read_statuses(files[0]), read_diffs(files[1]))
        assert dex.self_check() == []
    assert found.submitted > 50
    assert found.fills == found.fills_alike > 40
    assert found.book == found.book_alike >= 4


def test_a_book_begins_with_a_snapshot(tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.json"
    asks = [[CAROL, order(8, "A", "3010", "2.0")], [ALICE, order(5, "A", "3010", "1.0")]]
    snapshot.write_text(json.dumps([777, [["ETH", [[], asks]], ["DOGE", [[], []]]]]))
    assert [event.order.oid for event in read_snapshot(snapshot)] == [5, 8]
    taking = order(9, "B", "3011", "1.5", tif="Ioc")
    post_only = order(10, "B", "3010", "1", tif="Alo")
    events = write_lines(
        tmp_path / "statuses",
        [
            status(BOB, "filled", {**taking, "sz": "0.0"}),
            status(ALICE, "filled", {**order(5, "A", "3010", "1.0"), "sz": "0.0"}),
            status(BOB, "badAloPxRejected", post_only),
            status(CAROL, "canceled", {**order(8, "A", "3010", "2.0"), "sz": "1.5"}),
            status(BOB, "open", order(11, "A", "3009", "1", coin="DOGE")),
        ],
    )
    with evm_dex.open(profile="hyperevm") as dex:
        replay = NodeReplay(dex)
        found = replay_node(replay, [*read_snapshot(snapshot), *read_statuses(events)], [])
    assert (found.submitted, found.left_out) == (4, 1)
    assert (found.fills, found.fills_alike) == (3, 3)
    assert (found.refused, found.refused_alike) == (1, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "line 1: not JSON"),
        ('{"user": 1}', "line 1: Expected `str`, got `int`"),
        ('{"user":"0x1","status":"open","order":{"coin":"ETH"}}', "missing required field"),
        ('{"events":[{"user":"0x1","status":"open","order":7}]}', "Expected `object`, got `int`"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "statuses"
    path.write_text(content)
    with pytest.raises(NodeFileError, match=expected):
        list(read_statuses(path))
    with pytest.raises(NodeFileError):
        list(read_snapshot(path))
    with pytest.raises(NodeFileError):
        list(read_statuses(tmp_path / "none"))
    with evm_dex.open() as dex, pytest.raises(ValueError, match="profile hyperevm"):
        NodeReplay(dex)
