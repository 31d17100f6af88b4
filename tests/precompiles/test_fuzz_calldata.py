"""Hostile calldata: outputs or a known error with its fields, and no change where it fails."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode
from hypothesis import given, settings
from hypothesis import strategies as st

from precompiles.ledger.checks import check
from precompiles.standalone import StandaloneContext, call
from precompiles.types import Address
from tests.precompiles.client import (
    METHODS,
    calldata,
    decode_error,
    decode_log,
    send,
    topic,
    types,
)
from tests.precompiles.test_codec import values_of
from tests.precompiles.world import ALICE, BOB, COIN, GOLD, OWNER, SILVER, World, new_world

SELECTORS = {topic(entry)[:4]: entry for entry in METHODS.values()}
addresses = st.sampled_from([ALICE, BOB, OWNER, GOLD, SILVER, COIN, bytes(20)])
numbers = st.one_of(st.integers(0, 130), st.sampled_from([2**64, 2**127, 2**128 - 1, 2**128]))


def world() -> World:
    """With orders on both sides, some of them ended and stored."""
    made = new_world()
    for price in range(5, 45, 5):
        send(made.spot, ALICE, "placeOrder", GOLD, 20, price, True)
        send(made.spot, BOB, "placeOrderWithOptions", GOLD, 20, price + 40, False, 0, price)
    send(made.spot, BOB, "cancelOrder", 2)
    made.end_block()
    return made


WORLD = world()


def tables() -> list[Any]:
    ledger = WORLD.ledger
    rows: list[Any] = [dict(table.rows) for table in ledger.tables.values()]
    depth = [ledger.book(asset).depth(1_000) for asset in (GOLD, SILVER)]
    opened = {owner: list(ids) for owner, ids in ledger.open_orders.owners.items()}
    return [*rows, depth, opened, dict(ledger.client_order_ids.ids)]


BEFORE = tables()


def argument(name: str) -> st.SearchStrategy[Any]:
    """Values that mean something to the exchange, among any others."""
    known = {"address": addresses, "uint256": numbers, "uint8": st.integers(0, 5)}
    return st.one_of(known[name], values_of(name)) if name in known else values_of(name)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Valid calls, calls with damaged bodies, selectors before random bytes, random bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=100))
    entry = draw(st.sampled_from(list(METHODS.values())))
    if draw(st.integers(0, 4)) == 0:
        return topic(entry)[:4] + draw(st.binary(max_size=400))
    data = bytearray(
        calldata(entry["name"], *[draw(argument(name)) for name in types(entry["inputs"])])
    )
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(data) - 1))
        data[place] = draw(st.sampled_from([0, 1, 0x20, 0x7F, 0xFF]))
    return bytes(data[: draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))])


@settings(max_examples=10 * settings().max_examples)
@given(
    data=hostile(),
    caller=st.sampled_from([ALICE, BOB, OWNER]),
    value=st.sampled_from([0, 0, 0, 0, 7]),
    is_static=st.sampled_from([False, False, False, True]),
    gas=st.sampled_from([30_000_000, 30_000_000, 30_000_000, 70_000, 0]),
)
def test_every_call_ends_in_outputs_or_a_known_error(
    data: bytes, caller: Address, value: int, is_static: bool, gas: int
) -> None:
    """What fails leaves tables, indexes and journal as they were; what succeeds keeps all sums."""
    ledger, mark = WORLD.ledger, WORLD.ledger.journal.mark()
    context = StandaloneContext(caller, value, is_static=is_static, gas=gas)
    outcome = call(WORLD.spot, context, data)
    if outcome.success:
        decode(types(SELECTORS[data[:4]]["outputs"]), outcome.output)
        for log in outcome.logs:
            decode_log(*log)
        assert check(ledger) == []
        ledger.journal.revert(mark)
    elif outcome.output:
        decode_error(outcome.output)
    else:
        assert gas < 30_000_000, "only out of gas says nothing"
    assert ledger.journal.mark() == mark
    assert tables() == BEFORE
