"""Take-profits and stops that belong to an order or to a position.

Those of an order (`normalTpsl`) wait until it is filled completely, and are gone when it ends in
any other way. Those of a position (`positionTpsl`) are for all of it, and gone with it. Of two that
belong together one cancels the other. Source: Hyperliquid documentation, "Take profit and stop
loss orders".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import UNSET

from precompiles.hyper.actions import Result
from precompiles.hyper.asset_ids import AssetKind, parse_asset_id, perp_id
from precompiles.hyper.core import Core
from precompiles.hyper.dexs import builder_of, dex_account
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed.decimals import format_decimal, parse_decimal
from precompiles.hyper.signed.errors import NotBracket, TriggerNotSupported
from precompiles.hyper.signed.order_wires import OrderWire
from precompiles.hyper.signed.wire import OrderAction
from precompiles.hyper.system_addresses import perp_address
from precompiles.hyper.units import ORDER_DECIMALS
from precompiles.ledger.hyper.signed_records import Bracket, TriggerGroup
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.perp.orders import end_trigger
from precompiles.types import Address, CloseReason, OrderStatus

PlaceOne = Callable[..., Result]
"""Takes a Core, an OrderWire, and `builder`, whom the order's fills pay."""
Attempt = Callable[[Core, PlaceOne, OrderWire], Result]
_decode = msgspec.msgpack.Decoder(tuple[OrderWire, ...]).decode


def place_bracket(
    core: Core, action: OrderAction, attempt: Attempt, place_one: PlaceOne
) -> list[Result]:
    """Place an order and keep those that belong to it, or place those of a position."""
    if action.grouping == "positionTpsl":
        return _place_for_position(core, action.orders, attempt, place_one)
    parent, *children = action.orders
    if any(child.t.trigger is UNSET for child in children):
        raise NotBracket
    result = attempt(core, place_one, parent)
    if result.outcome is Outcome.DROPPED:
        return [result, *(Result(Outcome.DROPPED, 0, result.error) for _ in children)]
    if children:
        waiting = Bracket(core.user, msgspec.msgpack.encode(tuple(children)))
        core.tables.brackets.put(index_key(result.order_id), waiting)
    return [result, *(Result(Outcome.QUEUED) for _ in children)]


def settle_brackets(core: Core, attempt: Attempt, place_one: PlaceOne) -> None:
    """Place what belongs to orders that were filled; forget what belongs to those that ended."""
    tables = core.tables
    for key, waiting in sorted(tables.brackets.rows.items()):
        order_id = int.from_bytes(key, "big")
        parent = core.ledger.perp_order(order_id)
        if parent is not None and parent.is_active:
            continue
        place = partial(place_one, builder=builder_of(core.ledger, order_id))
        tables.brackets.put(key, None)
        tables.put_order_builder(order_id, None)
        if parent is not None and parent.status == OrderStatus.FILLED:
            acting = core.acting_for(waiting.user)
            children = _decode(waiting.children)
            placed = [attempt(acting, place, child) for child in children]
            _group(acting, [it.order_id for it in placed if it.outcome is Outcome.DONE], None)
    for key, group in sorted(tables.trigger_groups.rows.items()):
        if _is_over(core.ledger, group):
            tables.trigger_groups.put(key, None)
            _cancel_rest(core, group)


def _place_for_position(
    core: Core, orders: tuple[OrderWire, ...], attempt: Attempt, place_one: PlaceOne
) -> list[Result]:
    results = []
    assets: set[Address] = set()
    for wire in orders:
        asset = parse_asset_id(wire.a)
        if wire.t.trigger is UNSET or asset is None or asset.kind is not AssetKind.PERP:
            raise TriggerNotSupported(wire.a)
        address = perp_address(perp_id(asset))
        assets.add(address)
        results.append(attempt(core, place_one, _for_all(core, wire)))
    placed = [it.order_id for it in results if it.outcome is Outcome.DONE]
    if len(assets) == 1:
        _group(core, placed, assets.pop())
    return results


def _for_all(core: Core, wire: OrderWire) -> OrderWire:
    """Return the order for all of the position where it gives no size."""
    asset = parse_asset_id(wire.a)
    assert asset is not None, "looked at before"
    number = perp_id(asset)
    perp = core.tables.perp(number)
    account = dex_account(core.ledger, asset.dex, core.user)
    position = core.ledger.perp.netting_position(account, perp_address(number))
    if perp is None or position is None or parse_decimal(wire.s, ORDER_DECIMALS):
        return wire
    return msgspec.structs.replace(wire, s=format_decimal(abs(position.size), perp.size_decimals))


def _group(core: Core, triggers: list[int], position_of: Address | None) -> None:
    if triggers:
        owner = core.ledger.perp.triggers.rows[triggers[0]].owner
        group = TriggerGroup(tuple(triggers), owner, position_of or Address(b""))
        core.tables.trigger_groups.put(index_key(triggers[0]), group)


def _is_over(ledger: Ledger, group: TriggerGroup) -> bool:
    if any(it not in ledger.perp.triggers.rows for it in group.triggers):
        return True
    asset = group.position_of
    return bool(asset) and ledger.perp.netting_position(group.user, asset) is None


def _cancel_rest(core: Core, group: TriggerGroup) -> None:
    for trigger_id in group.triggers:
        trigger = core.ledger.perp.triggers.get(trigger_id)
        if trigger is not None:
            end_trigger(core.perp, trigger, OrderStatus.CANCELLED, CloseReason.REDUCE_ONLY)
