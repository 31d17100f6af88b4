"""Scenarios as text: what traders do, and what comes of it.

    A buy 20 @ 50 gtc       = #1 new                       an order: its id and its status
    B sell 10 @ 50 ioc      = #2 filled | 10 @ 50 of #1    its fills, in order, with their makers
    A cancel #1             = #1 cancelled
    A replace #1 20 @ 55    = #3 new                       id and status of what rests now
    order #1                = cancelled 10/20              status, filled/amount
    bids                    = 20 @ 50, 10 @ 45             depth, best first
    A COIN                  = 100 + 50                     available + on hold

A refusal is the name of its error and the error's fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from precompiles.types import Address, OrderStatus
from tests.precompiles.client import Reply, send
from tests.precompiles.world import ALICE, BOB, CAROL, COIN, GOLD, RECIPIENT, World

USERS: dict[str, Address] = {"A": ALICE, "B": BOB, "C": CAROL, "R": RECIPIENT}
TOKENS = {"GOLD": GOLD, "COIN": COIN}
FORCES = {"gtc": 0, "ioc": 1, "fok": 2, "alo": 3}


def play(world: World, scenario: str) -> None:
    """Do what each line says, and hold what comes of it against the line."""
    hold(scenario, partial(outcome, world))


def hold(scenario: str, outcome_of: Callable[[str], str]) -> None:
    """Every line is an action and, after an equals sign, what has to come of it."""
    lines = (" ".join(line.split()) for line in scenario.splitlines())
    for line in filter(None, lines):
        action, _, expected = (part.strip() for part in line.partition("="))
        happened = outcome_of(action)
        assert happened == expected, f"{action} = {happened}, not {expected}"


def outcome(world: World, action: str) -> str:
    """What a line's action comes to, in the words of a scenario."""
    if found := re.fullmatch(r"(\w) (buy|sell) (\d+) @ (\d+) (\w+)", action):
        user, side, amount, price, force = found.groups()
        request = (GOLD, int(amount), int(price), side == "buy", FORCES[force], 0)
        return order_line(world, send(world.spot, USERS[user], "placeOrderWithOptions", *request))
    if found := re.fullmatch(r"(\w) replace #(\d+) (\d+) @ (\d+)", action):
        user, *numbers = found.groups()
        return order_line(world, send(world.spot, USERS[user], "replaceOrder", *map(int, numbers)))
    if found := re.fullmatch(r"(\w) cancel #(\d+)", action):
        reply = send(world.spot, USERS[found[1]], "cancelOrder", int(found[2]))
        order_id = (int(found[2]),)
        return order_line(world, reply if reply.error else reply._replace(values=order_id))
    if found := re.fullmatch(r"order #(\d+)", action):
        amount = send(world.spot, CAROL, "getOrder", int(found[1])).values[3]
        status, remaining, _ = send(world.spot, CAROL, "getOrderStatus", int(found[1])).values
        return f"{OrderStatus(status).name.lower()} {amount - remaining}/{amount}"
    if action in ("bids", "asks"):
        depth = send(world.spot, CAROL, "getDepth", GOLD, 100).values
        prices, amounts = depth[:2] if action == "bids" else depth[2:]
        return ", ".join(f"{a} @ {p}" for p, a in zip(prices, amounts, strict=True))
    user, token = action.split()
    available, on_hold = send(world.spot, CAROL, "getBalance", USERS[user], TOKENS[token]).values
    return f"{available} + {on_hold}"


def order_line(world: World, reply: Reply) -> str:
    """An order after a call, and the fills of the call."""
    if reply.error:
        return " ".join([reply.error, *map(str, reply.values)])
    order_id = reply.values[0]
    status = send(world.spot, CAROL, "getOrderStatus", order_id).values[0]
    trades = [event[1:] for event in reply.events if event[0] == "Trade"]
    fills = [f"{trade[7]} @ {trade[6]} of #{trade[4]}" for trade in trades]
    return " | ".join([f"#{order_id} {OrderStatus(status).name.lower()}", *fills])
