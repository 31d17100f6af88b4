"""Scenarios of the perpetuals exchange as text: what traders do, and what comes of it.

    oracle 1000                = 1000                     the mark price that follows
    A leverage 5 isolated      = ok                       also deposit, withdraw, insure 100
    A buy 20 @ 999 gtc         = #1 new                   an order: its id and its status
    B sell 10 @ 999 ioc reduce = #2 filled | 10 @ 999 of #1     its fills, with their makers
    B open long 10 x5          = p3 | 10 @ 999 of #1 | 5 @ 1000 of vault
    B close p3                 = -10 | 10 @ 999 of #1     the gain, then the fills
    A stop sell 5 @ 950        = #4 untriggered           also profit; `limit 940`, `reduce`
    keep 10                    = 2 | #4 fired, 5 @ 950 of #1, p1 book
    K liquidate p1             = 950 | 10 @ 950 of #1, p1 book 20    price, stage, equity left
    K liquidate p1             = 950 | p3 gives 5 | 10 for 9000 from p2 | p1 deleveraging 0
    p1                         = A long 10 for 9990 cross x10, with " | " what changed it
    p1 worth                   = 10000 +10 liquidated at 905
    p1 margin                  = 999 of 50 asked          equity and maintenance margin
    A account                  = 100 cash, 110 equity, 50 / 25 margin, 60 free
    order #1                   = cancelled 10/20 insufficient_margin
    funding                    = rate 12500000, index 1, sum 5 of 1
    insurance                  = 100 - 0                  fund and deficit
    setVault gold V 50000      = ok                       any rule, as the owner sets it
    wait 60                                               ends the block

A market other than gold is named after the size: `A buy 20 silver @ 50 gtc`. A refusal is the
name of its error and the error's fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from precompiles.perp.book_liquidation import Stage
from precompiles.types import Address, CloseReason, OrderStatus, PositionKind, PositionStatus
from tests.precompiles.client import Reply
from tests.precompiles.perp.world import (
    ALICE,
    BACKSTOP,
    BOB,
    CAROL,
    DAVE,
    DOLLAR,
    FEEDER,
    GOLD,
    KEEPER,
    OWNER,
    RECIPIENT,
    SILVER,
    TRADERS,
    VAULT,
    PerpWorld,
)
from tests.precompiles.spot.scenarios import FORCES, hold

USERS: dict[str, Address] = {
    "A": ALICE,
    "B": BOB,
    "C": CAROL,
    "D": DAVE,
    "K": KEEPER,
    "R": RECIPIENT,
    "V": VAULT,
    "Z": BACKSTOP,
}
NAMES = {address: name for name, address in USERS.items()}
MARKETS = {"gold": GOLD, "silver": SILVER, None: GOLD}
FUNDS = 100_000


def exchange(*, base_unit: int = 1, funds: int = FUNDS) -> PerpWorld:
    """Gold and silver at tick 1, lot 1 and up to 50x; four traders with `funds` each."""
    world = PerpWorld()
    world.do(OWNER, "setCollateral", DOLLAR)
    for asset in (GOLD, SILVER):
        world.do(OWNER, "listMarket", asset, base_unit, 1, 1, 50, FEEDER)
    for user in TRADERS:
        world.do(user, "deposit", funds)
    return world


def play(world: PerpWorld, scenario: str, *, reopens: bool = False) -> None:
    """Do what each line says, and hold what comes of it against the line.

    With `reopens` every line begins with a start from storage.
    """
    hold(scenario, partial(outcome, world, reopens))


def outcome(world: PerpWorld, reopens: bool, action: str) -> str:
    """What a line's action comes to, in the words of a scenario."""
    if reopens:
        world.end_block(seconds=0, reopens=True)
    if found := re.fullmatch(r"wait (\d+)", action):
        world.end_block(seconds=int(found[1]))
        return ""
    for pattern, verb in VERBS.items():
        if found := re.fullmatch(pattern, action):
            return verb(world, *found.groups())
    raise AssertionError(f"no such line: {action}")


# Prices and what they do


def oracle(world: PerpWorld, asset: str | None, price: str, external: str | None) -> str:
    asked = MARKETS[asset], int(price), int(external or 0)
    return words(world.call(FEEDER, "setOraclePrices", *asked), lambda values: f"{values[0]}")


def mark(world: PerpWorld, asset: str | None) -> str:
    return str(world.view("getMarkPrice", MARKETS[asset])[0])


def funding(world: PerpWorld, asset: str | None) -> str:
    rate, index, total, count, _ = world.view("getFunding", MARKETS[asset])
    return f"rate {rate}, index {index}, sum {total} of {count}"


def rule(world: PerpWorld, method: str, arguments: str) -> str:
    return words(world.call(OWNER, method, *map(argument, arguments.split())))


def argument(text: str) -> Any:
    """A market, a user, a margin table such as 0:40,1000:20, or a number."""
    if ":" in text:
        return [tuple(map(int, tier.split(":"))) for tier in text.split(",")]
    return (MARKETS | USERS).get(text) or int(text)


# Accounts


def money(world: PerpWorld, user: str, verb: str, amount: str) -> str:
    method = {"insure": "fundInsurance"}.get(verb, verb)
    return words(world.call(USERS[user], method, int(amount)))


def leverage(world: PerpWorld, user: str, number: str, mode: str, asset: str | None) -> str:
    asked = MARKETS[asset], int(number), mode == "cross"
    return words(world.call(USERS[user], "setLeverage", *asked))


def margin(world: PerpWorld, user: str, verb: str, amount: str, position: str) -> str:
    return words(world.call(USERS[user], f"{verb}Margin", int(position), int(amount)))


def account(world: PerpWorld, user: str) -> str:
    cash, equity, initial, maintenance, free, _ = world.view("getAccount", USERS[user])
    return f"{cash} cash, {equity} equity, {initial} / {maintenance} margin, {free} free"


def cash(world: PerpWorld, user: str) -> str:
    return str(world.view("getAccount", USERS[user])[0])


def insurance(world: PerpWorld) -> str:
    fund, deficit = world.view("getInsurance")
    return f"{fund} - {deficit}"


# Orders


def order(
    world: PerpWorld,
    user: str,
    side: str,
    size: str,
    asset: str | None,
    price: str,
    force: str,
    reduces: str | None,
) -> str:
    asked = MARKETS[asset], int(size), int(price), side == "buy", FORCES[force], bool(reduces), 0
    reply = world.call(USERS[user], "placeOrderWithOptions", *asked)
    return words(reply, lambda values: f"#{values[0]} {status_of(world, values[0])}")


def trigger(
    world: PerpWorld,
    user: str,
    kind: str,
    side: str,
    size: str,
    price: str,
    limit: str | None,
    reduces: str | None,
) -> str:
    prices = int(price), int(limit or 0)
    flags = side == "buy", kind == "profit", bool(reduces)
    reply = world.call(USERS[user], "placeTrigger", GOLD, int(size), *prices, *flags, 0)
    return words(reply, lambda values: f"#{values[0]} {status_of(world, values[0])}")


def cancel(world: PerpWorld, user: str, order_id: str) -> str:
    return words(world.call(USERS[user], "cancelOrder", int(order_id)))


def look_at_order(world: PerpWorld, order_id: str) -> str:
    size = world.view("getOrder", int(order_id))[3]
    _, remaining, reason = world.view("getOrderStatus", int(order_id))
    why = f" {CloseReason(reason).name.lower()}" if reason else ""
    return f"{status_of(world, int(order_id))} {size - remaining}/{size}{why}"


def depth(world: PerpWorld, side: str) -> str:
    columns = world.view("getDepth", GOLD, 100)
    prices, sizes = columns[:2] if side == "bids" else columns[2:]
    return ", ".join(f"{a} @ {p}" for p, a in zip(prices, sizes, strict=True))


def status_of(world: PerpWorld, order_id: int) -> str:
    return OrderStatus(world.view("getOrderStatus", order_id)[0]).name.lower()


# Positions


def open_position(
    world: PerpWorld, user: str, side: str, size: str, asset: str | None, number: str
) -> str:
    asked = MARKETS[asset], int(size), int(number), side == "long"
    return words(world.call(USERS[user], "openPosition", *asked), lambda values: f"p{values[0]}")


def close_position(world: PerpWorld, user: str, position: str) -> str:
    reply = world.call(USERS[user], "closePosition", int(position))
    return words(reply, lambda values: f"{values[0]:+}")


def position_row(world: PerpWorld, position: str) -> str:
    size, entry, *_, kind, status = world.view("getPositionState", int(position))
    if status != PositionStatus.OPEN:
        return PositionStatus(status).name.lower()
    _, trader, _, amount, _, number, is_long, _ = world.view("getPosition", int(position))
    assert size == (amount if is_long else -amount)
    side = "long" if is_long else "short"
    mode = PositionKind(kind).name.lower()
    return f"{NAMES[trader]} {side} {amount} for {entry} {mode} x{number}"


def worth(world: PerpWorld, position: str) -> str:
    value, gain, price = world.view("calculatePnL", int(position))
    return f"{value} {gain:+} liquidated at {price}"


def health(world: PerpWorld, position: str) -> str:
    in_danger, equity, maintenance = world.view("isLiquidatable", int(position))
    return f"{equity} of {maintenance} asked" + (", in danger" if in_danger else "")


def liquidate(world: PerpWorld, user: str, position: str) -> str:
    return words(world.call(USERS[user], "liquidate", int(position)), lambda values: str(values[0]))


def keep(world: PerpWorld, limit: str) -> str:
    return words(world.call(KEEPER, "keep", int(limit)), lambda values: str(values[0]))


def words(reply: Reply, outputs: Callable[[Any], str] = lambda _: "ok") -> str:
    """What a call returned and then what happened on the way, or the error."""
    if reply.error:
        return " ".join([reply.error, *map(word, reply.values)])
    happened = filter(None, map(event_words, reply.events))
    return " | ".join([outputs(reply.values), *happened])


def word(value: Any) -> str:
    """A field of an error; markets and users by name."""
    known = NAMES | {GOLD: "gold", SILVER: "silver"}
    return known.get(value) or str(value)


def event_words(event: tuple[Any, ...]) -> str:
    """Trades and what befalls positions and triggers; the rest is seen in other lines."""
    name, *fields = event
    if name == "Trade":
        maker = f"#{fields[4]}" if fields[4] else "vault"
        return f"{fields[7]} @ {fields[6]} of {maker}"
    if name == "TriggerFired":
        return f"#{fields[0]} fired"
    if name == "Liquidated":
        return f"p{fields[0]} {Stage(fields[5]).name.lower()} {fields[6]}"
    if name == "Deleveraged":
        size, notional = fields[2:]
        return (
            f"{size} for {notional} from p{fields[0]}" if size else f"p{fields[0]} gives {notional}"
        )
    return ""


_ASSET = r"(?: (gold|silver))?"
VERBS: dict[str, Callable[..., str]] = {
    r"(set\w+) (.+)": rule,
    rf"oracle{_ASSET} (\d+)(?: external (\d+))?": oracle,
    rf"mark{_ASSET}": mark,
    rf"funding{_ASSET}": funding,
    r"(\w) (deposit|withdraw|insure) (\d+)": money,
    rf"(\w) leverage (\d+) (cross|isolated){_ASSET}": leverage,
    r"(\w) (add|remove) (\d+) (?:to|from) p(\d+)": margin,
    r"(\w) account": account,
    r"(\w) cash": cash,
    r"insurance": insurance,
    rf"(\w) (buy|sell) (\d+){_ASSET} @ (\d+) (\w+)( reduce)?": order,
    r"(\w) (stop|profit) (buy|sell) (\d+) @ (\d+)(?: limit (\d+))?( reduce)?": trigger,
    r"(\w) cancel #(\d+)": cancel,
    r"order #(\d+)": look_at_order,
    r"(bids|asks)": depth,
    rf"(\w) open (long|short) (\d+){_ASSET} x(\d+)": open_position,
    r"(\w) close p(\d+)": close_position,
    r"p(\d+)": position_row,
    r"p(\d+) worth": worth,
    r"p(\d+) margin": health,
    r"(\w) liquidate p(\d+)": liquidate,
    r"keep (\d+)": keep,
}
