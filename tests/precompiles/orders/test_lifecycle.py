"""The life of an order is told in the same words by both exchanges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from precompiles.errors import OrderNotActive, OrderNotFound
from precompiles.types import Address, CloseReason, OrderStatus, TimeInForce
from tests.precompiles.client import Reply, send
from tests.precompiles.perp import scenarios, world
from tests.precompiles.world import ALICE, BOB, GOLD, new_world

AMOUNT, PRICE = 20, 1_000
UNKNOWN = 999
Call = Callable[..., Reply]


def spot() -> tuple[Call, Address]:
    exchange = new_world().spot
    return lambda user, name, *arguments: send(exchange, user, name, *arguments), GOLD


def perp() -> tuple[Call, Address]:
    exchange = scenarios.exchange()
    scenarios.play(exchange, f"oracle {PRICE} = {PRICE}")
    for user in (ALICE, BOB):
        exchange.do(user, "deposit", 10**6)
    return exchange.call, world.GOLD


def told(call: Call, asset: Address) -> Iterator[Any]:
    """What is told of four orders of ALICE's, whatever the exchange."""

    def place(user: Address, *, is_buy: bool, client_id: int = 0) -> int:
        order = (asset, AMOUNT, PRICE, is_buy, TimeInForce.GTC)
        reduce_only = (False,) * (asset == world.GOLD)
        reply = call(user, "placeOrderWithOptions", *order, *reduce_only, client_id)
        assert reply.error is None, reply
        return int(reply.values[0])

    first, second, third, fourth = (
        place(ALICE, is_buy=False, client_id=number) for number in (0, 7, 0, 0)
    )
    yield call(ALICE, "getOpenOrders", ALICE, 0, 10).values == ((first, second, third, fourth),)
    cancelled = call(ALICE, "cancelOrder", first)
    yield [event[0] for event in cancelled.events]
    yield call(BOB, "getOrderStatus", first).values
    yield call(ALICE, "cancelOrder", first)[:2] == (
        "OrderNotActive",
        (first, OrderStatus.CANCELLED),
    )
    yield call(BOB, "cancelOrder", second)[:2] == ("NotOrderOwner", (second, BOB, ALICE))
    yield call(ALICE, "cancelOrder", UNKNOWN)[:2]
    yield call(ALICE, "cancelOrderByClientId", 7).values == (second,)
    yield call(ALICE, "cancelOrderByClientId", 7)[:2]
    yield call(ALICE, "cancelOrders", [third, UNKNOWN, first]).values
    place(BOB, is_buy=True)
    yield call(BOB, "getOrderStatus", fourth).values
    yield call(ALICE, "cancelAllOrders", asset).values
    yield call(ALICE, "getOpenOrders", ALICE, 0, 10).values


@pytest.mark.parametrize("exchange", [spot, perp])
def test_an_order_is_cancelled_once_by_its_owner_alone(
    exchange: Callable[[], tuple[Call, Address]],
) -> None:
    not_active, not_found = OrderNotActive.signature.selector, OrderNotFound.signature.selector
    assert list(told(*exchange())) == [
        True,
        ["OrderClosed"],
        (OrderStatus.CANCELLED, AMOUNT, CloseReason.USER_CANCELLED),
        True,
        True,
        ("OrderNotFound", (UNKNOWN,)),
        True,
        ("ClientOrderIdNotFound", (7,)),
        ((bytes(4), not_found, not_active),),
        (OrderStatus.FILLED, 0, CloseReason.NONE),
        (0,),
        ((),),
    ]
