"""Fees that orders of HyperCore pay to whoever built them, beside the exchange's.

A rate is in tenths of a basis point of a fill's quote, and a fee is rounded down. A spot buyer, who
is charged in base, pays none. Source: Hyperliquid documentation, "Builder codes".
"""

from __future__ import annotations

from precompiles.abi.event import AddressField, Event, Indexed, Uint256
from precompiles.engine.amounts import floor_divide
from precompiles.execution import Execution
from precompiles.ledger.hyper.signed_records import OrderBuilder
from precompiles.ledger.ledger import Ledger
from precompiles.orders.events import OrderClosed, Trade
from precompiles.types import Address

RATE_DENOMINATOR = 100_000
"""Tenths of a basis point in a whole."""


class BuilderFeePaid(Event, frozen=True):
    """A builder's part of an order's fee in the trade whose log comes next.

    It is in no interface of contracts: HyperEVM shows them no logs of HyperCore.
    """

    builder: Indexed[AddressField]
    """The account that was paid, as the exchange knows it."""
    order_id: Indexed[Uint256]
    market: Indexed[AddressField]
    amount: Uint256
    """In the quote."""


def note_builder(execution: Execution, order_id: int, builder: OrderBuilder | None) -> None:
    """Remember whom an order pays until it ends; None for nobody."""
    if builder is not None:
        execution.ledger.core.put_order_builder(order_id, builder)


def builder_fee(ledger: Ledger, order_id: int, quote: int) -> tuple[Address, int]:
    """Return whom an order pays for a fill, and how much, rounded down; 0 for nobody."""
    found = ledger.core.order_builder(order_id)
    if found is None:
        return Address(b""), 0
    return found.account, floor_divide(quote * found.rate, RATE_DENOMINATOR)


def forget_builders(ledger: Ledger, events: list[Event]) -> None:
    """Forget builders of orders that ended, but of those whose triggers are still to be placed."""
    core = ledger.core
    if not core.order_builders.rows:
        return
    for event in events:
        ended: tuple[int, ...] = ()
        if isinstance(event, OrderClosed):
            ended = (event.order_id,)
        elif isinstance(event, Trade):
            sides = (
                (event.maker_order_id, event.maker_remaining),
                (event.taker_order_id, event.taker_remaining),
            )
            ended = tuple(order_id for order_id, remaining in sides if not remaining)
        for order_id in ended:
            if not core.has_bracket(order_id):
                core.put_order_builder(order_id, None)
