"""The life of an order, the same on both exchanges: fill, reduce, cancel, expire.

Each exchange has one `OrderLifecycle`, which names its tables and what depends on an order:
a lock on the owner's balance on spot, a market to bring up to date on the perpetuals exchange.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from precompiles.engine.matching import SelfMatch
from precompiles.errors import (
    ClientOrderIdInUse,
    ClientOrderIdNotFound,
    ContractError,
    NotOrderOwner,
    OrderNotActive,
    OrderNotFound,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.live_orders import LiveOrders
from precompiles.ledger.perp.records import PerpOrder
from precompiles.ledger.spot import Order
from precompiles.ledger.table import Table
from precompiles.orders.events import OrderClosed, OrderReduced
from precompiles.types import ZERO_ADDRESS, Address, CloseReason, OrderStatus

PLACE_GAS = 50_000
CANCEL_GAS = 20_000
SCAN_GAS = 100
"""For each open order scanned to find those of one market."""

_NO_ERROR = bytes(4)

OrderT = TypeVar("OrderT", Order, PerpOrder)
RequestT = TypeVar("RequestT")


class BatchResult(NamedTuple):
    """Result of one order of a batch."""

    order_id: int
    status: int
    filled: int
    error_selector: bytes
    """Zeros where the order was placed."""


class OrderTables(Protocol[OrderT]):
    """An exchange's orders in the ledger."""

    orders: Table[int, OrderT]
    live: LiveOrders[OrderT]


class OpenRow(Protocol):
    """A resting order or a waiting trigger."""

    @property
    def asset(self) -> Address: ...


class OrderLifecycle(ABC, Generic[OrderT]):
    """The orders of one exchange. Stateless: everything is in the execution's ledger."""

    @abstractmethod
    def tables(self, ledger: Ledger) -> OrderTables[OrderT]:
        """Return the exchange's tables."""

    @abstractmethod
    def find(self, ledger: Ledger, order_id: int) -> OrderT | None:
        """Find an order, live or ended."""

    def release(self, execution: Execution, order: OrderT, remaining: int) -> None:
        """Free what a live order locks beyond what it needs for `remaining`."""

    def before_cancel(self, execution: Execution, order: OrderT) -> None:
        """Prepare an order's market for a change of its book."""

    def open_row(self, ledger: Ledger, order_id: int) -> OpenRow:
        """Return the row of an id that is open."""
        return self.tables(ledger).orders.rows[order_id]

    # Reading

    def id_by_client_id(self, ledger: Ledger, user: Address, client_order_id: int) -> int | None:
        """Return the id of a user's live order with that client id."""
        return self.tables(ledger).live.by_client_id.ids.get((user, client_order_id))

    def check_client_order_id(self, execution: Execution, client_order_id: int) -> None:
        """Check that no live order of the caller has a client id. Raises ClientOrderIdInUse."""
        in_use = self.id_by_client_id(execution.ledger, execution.caller, client_order_id)
        if in_use is not None:
            raise ClientOrderIdInUse(client_order_id, in_use)

    def require_live(self, execution: Execution, order_id: int) -> OrderT:
        """Return the caller's own live order of that id.

        Raises OrderNotFound, NotOrderOwner or OrderNotActive.
        """
        order = self.find(execution.ledger, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if order.owner != execution.caller:
            raise NotOrderOwner(order_id, execution.caller, order.owner)
        if not order.is_active:
            raise OrderNotActive(order_id, order.status)
        return order

    # Changing

    def end(
        self, execution: Execution, order: OrderT, status: OrderStatus, reason: CloseReason
    ) -> OrderT:
        """Take a live order out of the book with a final status, and release its lock."""
        self.release(execution, order, 0)
        ended = replace(order, status=status, reason=reason)
        self.tables(execution.ledger).orders.put(order.id, ended)
        execution.emit(OrderClosed.of(ended))
        return ended

    def reduce(self, execution: Execution, order: OrderT, amount: int) -> OrderT:
        """Shrink a live order to a total of `amount` in its place."""
        reduced = replace(order, amount=amount)
        self.release(execution, order, reduced.remaining)
        self.tables(execution.ledger).orders.put(order.id, reduced)
        execution.emit(OrderReduced.of(reduced))
        return reduced

    def prevent_self_trade(
        self, execution: Execution, taker: OrderT, met: SelfMatch[OrderT]
    ) -> OrderT:
        """Carry out a prevented self-trade, and return the taker after it."""
        maker = met.maker
        if met.maker_expires:
            self.end(execution, maker, OrderStatus.EXPIRED, CloseReason.SELF_TRADE)
        elif met.amount:
            self.reduce(execution, maker, maker.amount - met.amount)
        if met.taker_expires:
            return replace(taker, status=OrderStatus.EXPIRED, reason=CloseReason.SELF_TRADE)
        if met.amount:
            taker = replace(taker, amount=taker.amount - met.amount)
            execution.emit(OrderReduced.of(taker))
        return taker

    def cancel(self, execution: Execution, order_id: int) -> None:
        """Cancel the caller's live order.

        Raises OrderNotFound, NotOrderOwner or OrderNotActive.
        """
        order = self.require_live(execution, order_id)
        self.before_cancel(execution, order)
        self.end(execution, order, OrderStatus.CANCELLED, CloseReason.USER_CANCELLED)

    def cancel_by_client_id(self, execution: Execution, client_order_id: int) -> int:
        """Cancel the caller's order of that client id, and return its id.

        Raises ClientOrderIdNotFound.
        """
        order_id = self.id_by_client_id(execution.ledger, execution.caller, client_order_id)
        if order_id is None:
            raise ClientOrderIdNotFound(client_order_id)
        self.cancel(execution, order_id)
        return order_id

    def cancel_all(self, execution: Execution, asset: Address) -> int:
        """Cancel the caller's open orders of a market, oldest first, and return their number.

        The zero address means every market.
        """
        ledger = execution.ledger
        order_ids = list(self.tables(ledger).live.by_owner.of(execution.caller))
        if asset != ZERO_ADDRESS:
            execution.charge(SCAN_GAS * len(order_ids))
            order_ids = [i for i in order_ids if self.open_row(ledger, i).asset == asset]
        for order_id in order_ids:
            execution.charge(CANCEL_GAS)
            self.cancel(execution, order_id)
        return len(order_ids)

    def try_cancel(self, execution: Execution, order_id: int) -> bytes:
        """Cancel one order of a batch: zeros, or the selector of the error.

        A refused cancel has changed nothing.
        """
        execution.charge(CANCEL_GAS)
        try:
            self.cancel(execution, order_id)
        except ContractError as error:
            return error.signature.selector
        return _NO_ERROR


def try_place(
    execution: Execution,
    place: Callable[[Execution, RequestT], Order | PerpOrder],
    request: RequestT,
) -> BatchResult:
    """Place one order of a batch; a refused one leaves no trace."""
    execution.charge(PLACE_GAS)
    before = execution.savepoint()
    try:
        order = place(execution, request)
    except ContractError as error:
        execution.rollback(before)
        return BatchResult(0, OrderStatus.REJECTED, 0, error.signature.selector)
    return BatchResult(order.id, order.status, order.filled, _NO_ERROR)


def after_fill(order: OrderT, amount: int, quote: int) -> OrderT:
    """Return an order after `amount` more was filled for `quote`."""
    total = order.filled + amount
    status = OrderStatus.FILLED if total == order.amount else OrderStatus.PARTIALLY_FILLED
    return replace(order, filled=total, filled_quote=order.filled_quote + quote, status=status)
