"""Orders and fills of accounts."""

from __future__ import annotations

from typing import Annotated

import msgspec

from evm_dex.hyperliquid.info.info_type import Info, User, UserSpan, info_type
from evm_dex.hyperliquid.info.universes import dex_of
from evm_dex.hyperliquid.listings import number
from evm_dex.hyperliquid.order_view import (
    OrderView,
    find_order,
    id_of_client_id,
    open_orders_of,
)
from evm_dex.hyperliquid.tape import between
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.units import ORDER_DECIMALS
from precompiles.types import Address

MOST_ANSWERED = 2_000


class UserDex(User):
    """A request about an account on a dex."""

    dex: str = ""


class StatusRequest(User):
    """A request for an order, by its id or client id."""

    oid: int | Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,32}$")]


class FillsRequest(UserSpan):
    """A request for fills of a time."""

    aggregate_by_time: bool = False
    reversed: bool = False


@info_type("openOrders", UserDex)
def open_orders(info: Info, request: UserDex) -> list[Json]:
    """Return an account's open orders, newest first."""
    view, dex = OrderView(info.chain, info.listings), dex_of(info, request.dex)
    return [view.brief(order) for order in open_orders_of(info.ledger, request.address, dex)]


@info_type("frontendOpenOrders", UserDex)
def frontend_open_orders(info: Info, request: UserDex) -> list[Json]:
    """Return an account's open orders with all their fields, newest first."""
    view = OrderView(info.chain, info.listings)
    of_positions = _of_positions(info, request.address)
    return [
        view.full(order, is_position=order.id in of_positions)
        for order in open_orders_of(info.ledger, request.address, dex_of(info, request.dex))
    ]


@info_type("orderStatus", StatusRequest)
def order_status(info: Info, request: StatusRequest) -> Json:
    """Return an order of an account."""
    order_id: int | None
    if isinstance(request.oid, str):
        client_id = int(request.oid, 16)
        order_id = id_of_client_id(info.ledger, request.address, client_id)
        if order_id is None:
            order_id = _ended_of_client_id(info, request.address, client_id)
    else:
        order_id = request.oid
    order = None if order_id is None else find_order(info.ledger, order_id)
    if order is None or info.ledger.core.owner_of(order.owner) != request.address:
        return {"status": "unknownOid"}
    changes = info.tape.orders.get(request.address, ())
    times = [it.time for it in changes if it.order_id == order.id]
    view = OrderView(info.chain, info.listings)
    return {"status": "order", "order": view.with_status(order, times[-1] if times else None)}


@info_type("historicalOrders", User)
def historical_orders(info: Info, request: User) -> list[Json]:
    """Return an account's orders with what became of them, newest first."""
    view = OrderView(info.chain, info.listings)
    shown = []
    seen: set[int] = set()
    for change in reversed(info.tape.orders.get(request.address, ())):
        order = find_order(info.ledger, change.order_id)
        if order is not None and change.order_id not in seen:
            seen.add(change.order_id)
            shown.append(view.with_status(order, change.time))
    return shown[:MOST_ANSWERED]


@info_type("userFills", FillsRequest)
def user_fills(info: Info, request: FillsRequest) -> list[Json]:
    """Return an account's last fills, newest first."""
    fills = list(info.tape.fills.get(request.address, ()))[-MOST_ANSWERED:]
    return [fill.json() for fill in reversed(fills)]


@info_type("userFillsByTime", FillsRequest)
def user_fills_by_time(info: Info, request: FillsRequest) -> list[Json]:
    """Return an account's fills of a time, the newest first."""
    found = between(info.tape.fills.get(request.address, ()), request.start_time, request.end_time)
    kept = found[-MOST_ANSWERED:] if request.reversed else found[:MOST_ANSWERED]
    return [fill.json() for fill in reversed(kept)]


@info_type("userTwapSliceFillsByTime", UserSpan)
@info_type("userTwapSliceFills", User)
def user_twap_slice_fills(_info: Info, _request: User) -> list[Json]:
    """Return fills of orders over time, which are among the others here."""
    return []


@info_type("twapHistory", User)
def twap_history(info: Info, request: User) -> list[Json]:
    """Return an account's orders over time that go on."""
    return [
        {
            "time": state["timestamp"] // 1_000,
            "state": state,
            "status": {"status": "activated"},
            "twapId": number,
        }
        for number, state in twap_states(info, request.address)
    ]


def twap_states(info: Info, user: Address) -> list[tuple[int, Json]]:
    """Return ids and states of an account's orders over time."""
    shown = []
    for key, twap in sorted(info.ledger.core.twaps.rows.items()):
        listing = info.listings.of_asset(twap.asset)
        if twap.user == user and listing is not None:
            state = {
                "coin": listing.coin,
                "executedNtl": listing.quote(twap.filled_quote),
                "executedSz": number(twap.filled, ORDER_DECIMALS),
                "minutes": twap.minutes,
                "randomize": False,
                "reduceOnly": twap.reduce_only,
                "side": "B" if twap.is_buy else "A",
                "sz": number(twap.size, ORDER_DECIMALS),
                "timestamp": twap.started * 1_000,
                "user": f"0x{user.hex()}",
            }
            shown.append((int.from_bytes(key, "big"), state))
    return shown


def _of_positions(info: Info, user: Address) -> set[int]:
    core = info.ledger.core
    return {
        trigger
        for group in core.trigger_groups.rows.values()
        if group.position_of and core.owner_of(group.user) == user
        for trigger in group.triggers
    }


def _ended_of_client_id(info: Info, user: Address, client_id: int) -> int | None:
    """Return the id of an account's last order of a client id, as far back as the tape goes."""
    for change in reversed(info.tape.orders.get(user, ())):
        order = find_order(info.ledger, change.order_id)
        if order is not None and order.client_order_id == client_id:
            return order.id
    return None
