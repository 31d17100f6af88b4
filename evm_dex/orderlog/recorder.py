"""Derives updates from logs and the rows before them, and checks them against the rows after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from evm_dex.blocks.receipt import Log, Receipt
from evm_dex.orderlog.order_rows import (
    ORDER_TABLES,
    BaseUnit,
    Rows,
    StoredRow,
    as_row,
    average_price,
    is_row_of,
    order_ids,
    order_in,
)
from evm_dex.orderlog.order_update import ZERO, Exchange, Kind, OrderUpdate
from evm_dex.orderlog.statistics import stats_delta
from precompiles.orders.events import OrderClosed, OrderReduced, Trade
from precompiles.perp import events as perp
from precompiles.spot import events as spot
from precompiles.types import (
    PERP_ADDRESS,
    SPOT_ADDRESS,
    Address,
    CloseReason,
    OrderKind,
    OrderStatus,
    TimeInForce,
)

OrderEvent = (
    spot.OrderPlaced
    | perp.OrderPlaced
    | perp.TriggerPlaced
    | perp.TriggerFired
    | Trade
    | OrderClosed
    | OrderReduced
)
"""Events that change an order. Every other event of the exchanges leaves all orders as they are."""

_SHARED = (Trade, OrderClosed, OrderReduced)
_PERP = (perp.OrderPlaced, perp.TriggerPlaced, perp.TriggerFired)
_EXCHANGES: dict[Address, tuple[Exchange, dict[bytes, type[OrderEvent]]]] = {
    SPOT_ADDRESS: (Exchange.SPOT, {event.topic: event for event in (*_SHARED, spot.OrderPlaced)}),
    PERP_ADDRESS: (Exchange.PERP, {event.topic: event for event in (*_SHARED, *_PERP)}),
}
_NO_FILL: dict[str, Any] = {
    "last_price": 0,
    "last_quantity": 0,
    "last_quote": 0,
    "trade_id": 0,
    "is_maker": False,
    "fee": 0,
}


def order_event(log: Log) -> tuple[Exchange, OrderEvent] | None:
    """Return the exchange and event of a log; None for any other log."""
    home = _EXCHANGES.get(log.address)
    if home is None or not log.topics:
        return None
    exchange, events = home
    event = events.get(log.topics[0])
    return None if event is None else (exchange, event.decode(log.topics, log.data))


def is_of_orders(log: Log) -> bool:
    """Tell whether a log may be of an order: an exchange emitted it."""
    return log.address in _EXCHANGES


class RecordingFailed(Exception):  # noqa: N818 - says what happened
    """A block's logs do not lead from the rows before it to those after it: our bug."""


class BlockPlace(Struct, frozen=True):
    """Height and time of a block."""

    number: int
    timestamp: int


class Recording:
    """The updates of one block, or of several in a row."""

    def __init__(self, before: Rows, base_unit: BaseUnit, stored: StoredRow) -> None:
        """Take every order row that the blocks change, as it was before the first.

        `stored` gives the others: a log may be about an order that is as it was, such as one
        that was reduced to what it asked for.
        """
        self._before = before
        self._there_before = {key for (_, key), row in before.items() if row is not None}
        self._base_unit = base_unit
        self._stored = stored
        self._unchanged: dict[tuple[int, bytes], bytes] = {}
        self._orders: dict[int, OrderUpdate] = {}
        self.updates: list[OrderUpdate] = []
        """So far, in order, without event ids."""

    def add_block(self, place: BlockPlace, receipts: Iterable[tuple[bytes, Receipt]]) -> None:
        """Record a block's receipts, each with the hash of its transaction, in order.

        Raises IllegalTransition.
        """
        log_index = 0
        for transaction_hash, receipt in receipts:
            for log in receipt.logs:
                found = order_event(log)
                if found is not None:
                    where = {
                        "block_number": place.number,
                        "timestamp": place.timestamp,
                        "transaction_hash": transaction_hash,
                        "log_index": log_index,
                    }
                    self._take(*found, where)
                log_index += 1

    def check(self, after: Rows) -> None:
        """Check each changed order against its row. Raises RecordingFailed."""
        after = {**after, **self._unchanged} if self._unchanged else after
        silent = order_ids(after) - set(self._orders)
        if silent:
            raise RecordingFailed(f"orders {sorted(silent)} changed without a log")
        for order_id, order in self._orders.items():
            if not is_row_of(order, after):
                stored = order_in(after, order_id, self._base_unit)
                raise RecordingFailed(
                    f"order {order_id}: its logs lead to {as_row(order)}, its row is {stored}"
                )

    def compensations(
        self, target: BlockPlace, was_recorded: Callable[[int], bool]
    ) -> list[OrderUpdate]:
        """Return the updates of rolling these blocks back to `target`, by order id.

        Only what was recorded, by the number of its block, is taken away from totals and fills.
        """
        undone: dict[int, list[OrderUpdate]] = {order_id: [] for order_id in sorted(self._orders)}
        for update in self.updates:
            if was_recorded(update.block_number):
                undone[update.order_id].append(update)
        return [self._compensation(*item, target) for item in undone.items()]

    def _compensation(
        self, order_id: int, undone: list[OrderUpdate], target: BlockPlace
    ) -> OrderUpdate:
        before = order_in(self._before, order_id, self._base_unit)
        return replace(
            before or replace(as_row(self._orders[order_id]), status=OrderStatus.GONE),
            kind=Kind.ROLLED_BACK,
            trade_id=min((u.trade_id for u in undone if u.kind == Kind.TRADE), default=0),
            block_number=target.number,
            timestamp=target.timestamp,
            undone=sum(map(stats_delta, undone), ZERO),
        )

    def _take(self, exchange: Exchange, event: OrderEvent, where: dict[str, Any]) -> None:
        match event:
            case Trade():
                if event.maker_order_id:  # 0 where the liquidity vault is the maker
                    self._trade(event, where, is_maker=True)
                self._trade(event, where, is_maker=False)
            case spot.OrderPlaced() | perp.OrderPlaced():
                self._place(exchange, event, where)
            case perp.TriggerPlaced():
                self._place_trigger(event, where)
            case OrderReduced():
                order = self._need(event.order_id)
                self._change(order, Kind.REDUCED, where, quantity=event.amount, **_NO_FILL)
            case OrderClosed():
                self._close(event, where)
            case perp.TriggerFired():
                self._change(self._need(event.order_id), Kind.TRIGGER_FIRED, where, **_NO_FILL)

    def _place(
        self,
        exchange: Exchange,
        event: spot.OrderPlaced | perp.OrderPlaced,
        where: dict[str, Any],
    ) -> None:
        waiting = self._known(event.order_id)
        check_transition(waiting.status if waiting else None, OrderStatus.NEW, event.order_id)
        self._put(
            OrderUpdate(
                event_id=0,
                kind=Kind.PLACED,
                exchange=exchange,
                order_id=event.order_id,
                client_order_id=event.client_order_id,
                user=event.user,
                market=event.market,
                is_buy=event.is_buy,
                order_type=OrderKind(event.kind),
                time_in_force=TimeInForce(event.time_in_force),
                reduce_only=event.reduce_only,
                status=OrderStatus.NEW,
                price=event.price,
                quantity=event.amount,
                **where,
            )
        )

    def _place_trigger(self, event: perp.TriggerPlaced, where: dict[str, Any]) -> None:
        check_transition(None, OrderStatus.UNTRIGGERED, event.order_id)
        self._put(
            OrderUpdate(
                event_id=0,
                kind=Kind.TRIGGER_PLACED,
                exchange=Exchange.PERP,
                order_id=event.order_id,
                client_order_id=event.client_order_id,
                user=event.user,
                market=event.market,
                is_buy=event.is_buy,
                order_type=OrderKind.TRIGGER,
                time_in_force=TimeInForce.GTC if event.limit_price else TimeInForce.IOC,
                reduce_only=event.reduce_only,
                status=OrderStatus.UNTRIGGERED,
                price=event.limit_price,
                trigger_price=event.trigger_price,
                quantity=event.amount,
                **where,
            )
        )

    def _trade(self, event: Trade, where: dict[str, Any], *, is_maker: bool) -> None:
        order = self._need(event.maker_order_id if is_maker else event.taker_order_id)
        amount, quote = event.amount, event.quote_amount
        filled, filled_quote = order.filled_quantity + amount, order.filled_quote + quote
        status = OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED
        base_unit = self._base_unit(order.exchange, order.market)
        check_transition(order.status, status, order.order_id)
        self._change(
            order,
            Kind.TRADE,
            where,
            status=status,
            filled_quantity=filled,
            filled_quote=filled_quote,
            average_price=average_price(filled_quote, filled, base_unit),
            last_price=event.price,
            last_quantity=amount,
            last_quote=quote,
            trade_id=event.trade_id,
            is_maker=is_maker,
            fee=event.maker_fee if is_maker else event.taker_fee,
        )

    def _close(self, event: OrderClosed, where: dict[str, Any]) -> None:
        status, reason = OrderStatus(event.status), CloseReason(event.reason)
        order = self._need(event.order_id)
        check_transition(order.status, status, order.order_id)
        self._change(
            order,
            Kind.CLOSED,
            where,
            status=status,
            reason=reason,
            trigger_price=0,
            **_NO_FILL,
        )

    def _change(self, order: OrderUpdate, kind: Kind, where: dict[str, Any], **fields: Any) -> None:
        self._put(replace(order, kind=kind, **where, **fields))

    def _put(self, update: OrderUpdate) -> None:
        self._orders[update.order_id] = update
        self.updates.append(update)

    def _known(self, order_id: int) -> OrderUpdate | None:
        """Return an order as of the last log about it, or as before the first block."""
        known = self._orders.get(order_id)
        if known is None and order_id.to_bytes(8, "big") in self._there_before:
            known = order_in(self._before, order_id, self._base_unit)
        return known

    def _need(self, order_id: int) -> OrderUpdate:
        order = self._known(order_id) or self._known_unchanged(order_id)
        if order is None:
            raise RecordingFailed(f"a log is about order {order_id}, which was never placed")
        return order

    def _known_unchanged(self, order_id: int) -> OrderUpdate | None:
        """Return an order whose row the blocks do not change, and count it among theirs."""
        key = order_id.to_bytes(8, "big")
        found = {(table, key): self._stored(table, key) for table in ORDER_TABLES}
        self._unchanged |= {place: row for place, row in found.items() if row is not None}
        self._before = {**self._before, **self._unchanged}
        self._there_before.update(key for _, key in self._unchanged)
        return self._known(order_id)


_FROM_BOOK = frozenset(
    {
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
    }
)
_LEADS_TO: dict[OrderStatus | None, frozenset[OrderStatus]] = {
    None: frozenset({OrderStatus.NEW, OrderStatus.UNTRIGGERED}),
    OrderStatus.UNTRIGGERED: frozenset(
        {OrderStatus.NEW, OrderStatus.CANCELLED, OrderStatus.REJECTED}
    ),
    OrderStatus.NEW: _FROM_BOOK,
    OrderStatus.PARTIALLY_FILLED: _FROM_BOOK,
}


class IllegalTransition(Exception):  # noqa: N818 - says what was attempted
    """An order's status would change in a way that the status machine forbids: our bug."""


def check_transition(before: OrderStatus | None, after: OrderStatus, order_id: int) -> None:
    """Raise IllegalTransition unless `before` leads to `after`; None: the order is new.

    Shrinking an order is no transition, and a rollback goes back to any status.
    """
    if after not in _LEADS_TO.get(before, frozenset()):
        was = "not placed" if before is None else before.name
        raise IllegalTransition(f"order {order_id}: {was} does not lead to {after.name}")
