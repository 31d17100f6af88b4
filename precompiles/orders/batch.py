"""Orders placed and cancelled several at a time: one answer each, none in the way of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from precompiles.errors import ContractError
from precompiles.ledger.ledger import Ledger
from precompiles.orders.savepoint import Telling, go_back, point
from precompiles.types import OrderStatus

_NO_ERROR = bytes(4)

Result = tuple[int, int, int, bytes]
"""Order id, status, filled, selector of the error or zeros."""


class Placed(Protocol):
    """An order of either exchange after it was placed."""

    @property
    def id(self) -> int: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def filled(self) -> int: ...


def try_place(ledger: Ledger, execution: Telling, place: Callable[[], Placed]) -> Result:
    """One order of a batch; a refused one leaves no trace."""
    before = point(ledger, execution)
    try:
        order = place()
    except ContractError as error:
        go_back(ledger, execution, before)
        return 0, OrderStatus.REJECTED, 0, error.signature.selector
    return order.id, order.status, order.filled, _NO_ERROR


def try_cancel(cancel: Callable[[], object]) -> bytes:
    """Zeros, or the selector of the error; a refused cancel has changed nothing."""
    try:
        cancel()
    except ContractError as error:
        return error.signature.selector
    return _NO_ERROR
