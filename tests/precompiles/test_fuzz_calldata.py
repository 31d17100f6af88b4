"""Hostile calldata: outputs or a known error with its fields, and no change where it fails."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from eth_abi.abi import decode
from hypothesis import given, settings
from hypothesis import strategies as st

from precompiles.engine.book import OrderBook
from precompiles.ledger.checks import check
from precompiles.ledger.ledger import Ledger
from precompiles.precompile import Precompile
from precompiles.standalone import StandaloneContext, call
from precompiles.types import Address
from tests.precompiles import world
from tests.precompiles.abi.test_codec import values_of
from tests.precompiles.client import (
    GAS,
    PERP,
    SPOT,
    Entry,
    Interface,
    calldata,
    decode_error,
    decode_log,
    send,
    topic,
    types,
)
from tests.precompiles.perp import world as perp_world
from tests.precompiles.perp.scenarios import exchange, play
from tests.precompiles.spot.test_errors import Token

PERP_STORY = """
    setVault gold V 1000000      = ok
    setFees gold 15 45 100 R     = ok
    setRisk gold 60 5000 5000 30 = ok
    setFunding gold 1000         = ok
    V deposit 100000             = ok
    oracle 1000                  = 1000
    oracle silver 100            = 100
    B sell 20 @ 1000 gtc         = #1 new
    A buy 10 @ 1000 gtc          = #2 filled | 10 @ 1000 of #1
    A open long 4 x10            = p3 | 4 @ 1000 of #1
    A leverage 10 isolated silver    = ok
    D leverage 50 isolated       = ok
    D buy 6 @ 1000 gtc           = #4 filled | 6 @ 1000 of #1
    D sell 9 silver @ 101 gtc    = #5 new
    A buy 9 silver @ 101 gtc     = #6 filled | 9 @ 101 of #5
    B sell 5 @ 1010 gtc          = #7 new
    A buy 5 @ 985 gtc            = #8 new
    A stop sell 5 @ 990 reduce   = #9 untriggered
    B profit buy 5 @ 950 limit 960   = #10 untriggered
    B cancel #7                  = ok
    oracle 988                   = 988
    B sell 5 @ 1010 gtc          = #11 new
"""
"""Positions of every kind, one of them (5, Dave's) in danger, and a trigger that is due."""


class Target(NamedTuple):
    """A precompile to attack, and what means something to it."""

    precompile: Precompile
    interface: Interface
    addresses: list[Address]
    now: int

    @property
    def ledger(self) -> Ledger:
        return self.precompile.ledger

    @property
    def methods(self) -> list[Entry]:
        """All, but those that traders change something with more often than the rest."""
        every = list(self.interface.methods.values())
        changing = [entry for entry in every if entry["stateMutability"] != "view"]
        trading = [entry for entry in changing if not entry["name"].startswith("set")]
        return every + 3 * trading


def spot_target() -> Target:
    """With orders on both sides, some of them ended and stored."""
    made = world.new_world()
    for price in range(5, 45, 5):
        send(made.spot, world.ALICE, "placeOrder", world.GOLD, 20, price, True)
        options = (world.GOLD, 20, price + 40, False, 0, price)
        send(made.spot, world.BOB, "placeOrderWithOptions", *options)
    send(made.spot, world.BOB, "cancelOrder", 2)
    made.end_block()
    known = [world.ALICE, world.BOB, world.OWNER, world.GOLD, world.SILVER, world.COIN]
    return Target(made.spot, SPOT, known, 1)


def perp_target() -> Target:
    """In the middle of a story."""
    made = exchange()
    play(made, PERP_STORY)
    made.end_block()
    names = ("ALICE", "BOB", "DAVE", "VAULT", "OWNER", "FEEDER", "GOLD")
    known = [getattr(perp_world, name) for name in names]
    return Target(made.perp, PERP, known, made.now)


TARGETS = {"spot": spot_target(), "perp": perp_target()}
NUMBERS = st.one_of(
    st.integers(0, 130),
    st.integers(980, 1_020),
    st.sampled_from([10**4, 10**5, 2**64, 2**112, 2**127, 2**128 - 1, 2**128]),
)
MEANINGFUL = {
    "asset": st.sampled_from([world.GOLD, world.SILVER]),
    "market": st.sampled_from([perp_world.GOLD, perp_world.GOLD, perp_world.SILVER]),
    "orderId": st.integers(1, 12),
    "positionId": st.integers(1, 6),
    "leverage": st.integers(1, 50),
    "size": st.integers(1, 30),
    "price": st.integers(970, 1_030),
    "triggerPrice": st.integers(970, 1_030),
    "limit": st.integers(0, 100),
}
"""What a parameter is likely to be, by its name."""


def state(ledger: Ledger) -> list[Any]:
    """Every row and index."""
    perp = ledger.perp
    books: list[OrderBook[Any]] = [*ledger.spot.live.books.values(), *perp.live.books.values()]
    owners = [ledger.spot.live.by_owner.owners, perp.live.by_owner.owners]
    positions, triggers = perp.open_positions, perp.waiting_triggers
    by_key = (positions.cross.ids, positions.by_owner.ids, positions.by_market.ids)
    return [
        [dict(table.rows) for table in ledger.tables.values()],
        [book.depth(1_000) for book in books if book.nodes],
        [{owner: list(ids) for owner, ids in several.items()} for several in owners],
        [dict(ledger.spot.live.by_client_id.ids), dict(perp.live.by_client_id.ids)],
        [{key: list(ids) for key, ids in index.items()} for index in by_key],
        [dict(positions.netting), dict(triggers.rising), dict(triggers.falling)],
    ]


BEFORE = {name: state(target.ledger) for name, target in TARGETS.items()}


def argument(parameter: Entry, target: Target, *, sane: bool) -> st.SearchStrategy[Any]:
    """Values that mean something to the exchange; where not `sane`, among any others."""
    kind: str = parameter["type"]
    if kind.endswith("[]"):
        element = {**parameter, "type": kind.removesuffix("[]")}
        return st.lists(argument(element, target, sane=sane), max_size=3)
    if kind == "tuple":
        members = parameter["components"]
        return st.tuples(*(argument(member, target, sane=sane) for member in members))
    if parameter["name"] in MEANINGFUL and sane:
        return MEANINGFUL[parameter["name"]]
    known: dict[str, st.SearchStrategy[Any]] = {
        "address": st.sampled_from([*target.addresses, bytes(20)]),
        "uint256": NUMBERS,
        "uint8": st.integers(0, 5),
        "uint128": st.integers(0, 3),
    }
    if kind not in known:
        return values_of(kind)
    return known[kind] if sane else st.one_of(known[kind], values_of(kind))


WAYS = ("any", "damaged", "cut", "body", "random", "value", "static", "gas", "late")
"""In which one thing about a call is not as it should be."""


@st.composite
def calls(draw: st.DrawFn, target: Target) -> tuple[bytes, StandaloneContext]:
    """Likely calls, and calls that are hostile in one way; calldata and what is around it."""
    way = draw(st.sampled_from([*WAYS, *["likely"] * 9]))
    context = StandaloneContext(
        draw(st.sampled_from(target.addresses)),
        7 if way == "value" else 0,
        is_static=way == "static",
        gas=draw(st.sampled_from([0, 30_000, 70_000])) if way == "gas" else GAS,
        timestamp=target.now + (draw(st.sampled_from([30, 61, 4_000])) if way == "late" else 0),
        contracts=Token(),
    )
    if way == "random":
        return draw(st.binary(max_size=100)), context
    entry = draw(st.sampled_from(target.methods))
    if way == "body":
        return topic(entry)[:4] + draw(st.binary(max_size=400)), context
    values = [draw(argument(inputs, target, sane=way != "any")) for inputs in entry["inputs"]]
    data = bytearray(calldata(entry["name"], *values, interface=target.interface))
    if way == "damaged":
        place = draw(st.integers(0, len(data) - 1))
        data[place] = draw(st.sampled_from([0, 1, 0x20, 0x7F, 0xFF]))
    return bytes(data[: draw(st.integers(0, len(data)))] if way == "cut" else data), context


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=10 * settings().max_examples)
@given(draws=st.data())
def test_every_call_ends_in_outputs_or_a_known_error(name: str, draws: st.DataObject) -> None:
    """What fails leaves tables, indexes and journal as they were; what succeeds keeps all sums."""
    target = TARGETS[name]
    ledger, mark = target.ledger, target.ledger.journal.mark()
    data, context = draws.draw(calls(target))
    had_gas = context.gas
    outcome = call(target.precompile, context, data)
    if outcome.success:
        methods = {topic(entry)[:4]: entry for entry in target.interface.methods.values()}
        decode(types(methods[data[:4]]["outputs"]), outcome.output)
        for log in outcome.logs:
            decode_log(*log, target.interface)
        assert check(ledger) == []
        ledger.journal.revert(mark)
    elif outcome.output:
        decode_error(outcome.output, target.interface)
    else:
        assert had_gas < GAS, "only out of gas says nothing"
    assert ledger.journal.mark() == mark
    assert state(ledger) == BEFORE[name]
