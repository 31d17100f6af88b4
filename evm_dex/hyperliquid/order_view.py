"""Orders as the API shows them, from their rows."""

from __future__ import annotations

from collections.abc import Iterator

from evm_dex.chain.chain_reader import ChainReader
from evm_dex.hyperliquid.listings import Listing, Listings
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.dexs import FIRST_DEX, dex_account
from precompiles.hyper.system_addresses import perp_address
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import PerpOrder, Trigger
from precompiles.ledger.spot import Order
from precompiles.types import Address, CloseReason, OrderKind, OrderStatus, TimeInForce

AnyOrder = Order | PerpOrder | Trigger
_TIMES_IN_FORCE = {
    TimeInForce.GTC: "Gtc",
    TimeInForce.IOC: "Ioc",
    TimeInForce.FOK: "Ioc",
    TimeInForce.ALO: "Alo",
}
_REASONS = {
    CloseReason.SELF_TRADE: "selfTradeCanceled",
    CloseReason.INSUFFICIENT_MARGIN: "marginCanceled",
    CloseReason.REDUCE_ONLY: "reduceOnlyCanceled",
    CloseReason.LIQUIDATED: "liquidatedCanceled",
    CloseReason.IOC_REMAINDER: "iocCancelRejected",
}


def find_order(ledger: Ledger, order_id: int) -> AnyOrder | None:
    """Return an order or waiting trigger of either exchange, live or ended."""
    if order_id >> 63:
        return None
    trigger = ledger.perp.triggers.get(order_id)
    return trigger or ledger.perp_order(order_id) or ledger.spot_order(order_id)


def open_orders_of(ledger: Ledger, user: Address, dex: int = 0) -> Iterator[AnyOrder]:
    """Yield an account's live orders and triggers of a dex, newest first.

    Those on spot pairs are with the first dex.
    """
    ids = list(ledger.perp.live.by_owner.of(dex_account(ledger, dex, user)))
    if dex == FIRST_DEX:
        ids += ledger.spot.live.by_owner.of(user)
    perps = {perp_address(it.perp_id): it.dex for it in ledger.core.perps}
    for order_id in sorted(ids, reverse=True):
        order = find_order(ledger, order_id)
        assert order is not None, "an open id has a row"
        if perps.get(order.asset, FIRST_DEX) == dex:  # a unified account has those of several
            yield order


def id_of_client_id(ledger: Ledger, user: Address, client_id: int) -> int | None:
    """Return the id of an account's live order of a client id."""
    dexs = (FIRST_DEX, *(dex.index for dex in ledger.core.dexs))
    keys = [(dex_account(ledger, dex, user), client_id) for dex in dexs]
    found = [ledger.perp.live.by_client_id.ids.get(key) for key in keys]
    found.append(ledger.spot.live.by_client_id.ids.get((user, client_id)))
    return next((order_id for order_id in found if order_id is not None), None)


class OrderView:
    """Orders of one chain in the forms of the API."""

    def __init__(self, chain: ChainReader, listings: Listings) -> None:
        self._chain = chain
        self._listings = listings

    def brief(self, order: AnyOrder) -> Json:
        """Return an order as `openOrders` gives it."""
        listing = self._listing(order)
        shown: Json = {
            "coin": listing.coin,
            "side": _side(order),
            "limitPx": listing.price(order.price),
            "sz": listing.size(_open_size(order)),
            "oid": order.id,
            "timestamp": self.placed_at(order),
            "origSz": listing.size(order.amount),
        }
        if order.client_order_id:
            shown["cloid"] = _client_id(order)
        if getattr(order, "reduce_only", False):
            shown["reduceOnly"] = True
        return shown

    def full(self, order: AnyOrder, *, is_position: bool = False) -> Json:
        """Return an order as `frontendOpenOrders` gives it."""
        listing = self._listing(order)
        is_trigger = isinstance(order, Trigger)
        at = order.trigger_price if isinstance(order, Trigger) else 0
        return {
            "coin": listing.coin,
            "side": _side(order),
            "limitPx": listing.price(order.price or at),
            "sz": listing.size(_open_size(order)),
            "oid": order.id,
            "timestamp": self.placed_at(order),
            "triggerCondition": _condition(order, listing),
            "isTrigger": is_trigger,
            "triggerPx": listing.price(at),
            "children": [],
            "isPositionTpsl": is_position,
            "reduceOnly": bool(getattr(order, "reduce_only", False)),
            "orderType": _order_type(order),
            "origSz": listing.size(order.amount),
            "tif": None if isinstance(order, Trigger) else _TIMES_IN_FORCE[order.time_in_force],
            "cloid": _client_id(order) if order.client_order_id else None,
        }

    def with_status(self, order: AnyOrder, time: int | None = None) -> Json:
        """Return an order as `orderStatus` and `historicalOrders` give it."""
        return {
            "order": self.full(order),
            "status": status_of(order),
            "statusTimestamp": self.placed_at(order) if time is None else time,
        }

    def placed_at(self, order: AnyOrder) -> int:
        """Return when an order was placed, in milliseconds of block time."""
        head = self._chain.head
        if order.block_number >= head.block_number:
            return head.timestamp * 1_000
        return self._chain.header(order.block_number).timestamp * 1_000

    def _listing(self, order: AnyOrder) -> Listing:
        return self._listings.by_address[order.asset]


def status_of(order: AnyOrder) -> str:
    """Return an order's status in the API's words."""
    match order.status:
        case OrderStatus.NEW | OrderStatus.PARTIALLY_FILLED | OrderStatus.UNTRIGGERED:
            return "open"
        case OrderStatus.FILLED:
            return "filled"
        case OrderStatus.REJECTED:
            return "rejected"
        case _:
            if order.reason == CloseReason.IOC_REMAINDER and order.filled:
                return "filled"
            return _REASONS.get(order.reason, "canceled")


def _open_size(order: AnyOrder) -> int:
    """Return what of an order is open; nothing of one that ended."""
    is_open = isinstance(order, Trigger) or order.is_active
    return order.remaining if is_open or order.status != OrderStatus.FILLED else 0


def _side(order: AnyOrder) -> str:
    return "B" if order.is_buy else "A"


def _client_id(order: AnyOrder) -> str:
    return f"0x{order.client_order_id:032x}"


def _order_type(order: AnyOrder) -> str:
    if isinstance(order, Trigger):
        kind = "Take Profit" if order.is_take_profit else "Stop"
        return f"{kind} {'Limit' if order.limit_price else 'Market'}"
    is_market = getattr(order, "kind", OrderKind.LIMIT) in (
        OrderKind.POSITION,
        OrderKind.LIQUIDATION,
    )
    return "Market" if is_market else "Limit"


def _condition(order: AnyOrder, listing: Listing) -> str:
    if not isinstance(order, Trigger):
        return "N/A"
    side = "above" if order.fires_above else "below"
    return f"Price {side} {listing.price(order.trigger_price).removesuffix('.0')}"
