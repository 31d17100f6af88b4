"""Sends order flow to the exchange: one transaction, and one block, per instruction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evm_dex.replay.order_flow import (
    Cancel,
    Instruction,
    Place,
    Reduce,
    Reference,
    Remain,
    Take,
)
from precompiles.types import OrderStatus, TimeInForce

if TYPE_CHECKING:
    from evm_dex.blocks.addresses import Account
    from evm_dex.client.contract import Contract
    from evm_dex.client.dex import Dex
    from evm_dex.client.views import Receipt

_GAS = 10_000_000
PLENTY = 10**30
"""Smallest units of each token: more than any flow trades, far below the 2**128 of a balance."""


class ReplayError(Exception):
    """An instruction failed that should have succeeded."""


def deposit(dex: Dex, account: Account, amount: int = PLENTY) -> Iterator[Receipt]:
    """Mint every token for an account and put it on the exchange, a transaction at each step."""
    for token in dex.tokens.values():
        yield token.send("mint", account, amount, sender=account)
        yield token.send("approve", dex.spot, amount, sender=account)
        yield dex.spot.send("deposit", token, amount, sender=account)


class Replay:
    """Places and cancels from one account, takes from another, so that none trades with itself."""

    def __init__(self, dex: Dex, asset: Contract, *, maker: Account, taker: Account) -> None:
        """Take two accounts with funds on the exchange: see `deposit`."""
        self._dex = dex
        self._asset = asset
        self._maker = maker
        self._taker = taker
        market = dex.spot.call("getMarket", asset)
        self._lot: int = market.lot
        self._tick: int = market.tick
        self._order_ids: dict[Reference, int] = {}

    def apply(self, instruction: Instruction) -> Receipt | None:
        """Send one instruction; return None if its order is gone already.

        Raises ReplayError when the exchange refuses it.
        """
        match instruction:
            case Place():
                return self._place(instruction)
            case Take(is_buy, lots, ticks):
                return self._send(
                    self._taker,
                    "placeOrderWithOptions",
                    self._asset,
                    lots * self._lot,
                    ticks * self._tick,
                    is_buy,
                    TimeInForce.IOC,
                    0,
                )
            case Cancel(reference):
                order_id = self._order_ids.pop(reference, None)
                return self._cancel(order_id)
            case Reduce(reference, lots):
                return self._reduce(self._order_ids.get(reference), lots * self._lot)
            case Remain(reference, lots):
                return self._leave(self._order_ids.get(reference), lots * self._lot)

    def recall(self, instruction: Instruction, order_id: int) -> None:
        """Take in an instruction that was sent before; `order_id` of what it placed, or 0."""
        if isinstance(instruction, Place):
            self._order_ids[instruction.reference] = order_id
        elif isinstance(instruction, Cancel):
            self._order_ids.pop(instruction.reference, None)

    def order_id(self, instruction: Instruction) -> int:
        """Return our id of the order that an instruction placed; 0 for another instruction."""
        if not isinstance(instruction, Place):
            return 0
        return self._order_ids[instruction.reference]

    def _place(self, instruction: Place) -> Receipt:
        reference, is_buy, lots, ticks = instruction
        amount, price = lots * self._lot, ticks * self._tick
        receipt = self._send(self._maker, "placeOrder", self._asset, amount, price, is_buy)
        placed = self._dex.spot.events(receipt)[0]
        self._order_ids[reference] = placed.args["orderId"]
        return receipt

    def _cancel(self, order_id: int | None) -> Receipt | None:
        if order_id is None or not self._is_live(order_id):
            return None
        return self._send(self._maker, "cancelOrder", order_id)

    def _reduce(self, order_id: int | None, amount: int) -> Receipt | None:
        if order_id is None or not self._is_live(order_id):
            return None
        order = self._dex.spot.call("getOrder", order_id)
        if order.amount - order.filled <= amount:
            return self._cancel(order_id)
        return self._send(self._maker, "replaceOrder", order_id, order.amount - amount, order.price)

    def _leave(self, order_id: int | None, amount: int) -> Receipt | None:
        """Reduce an order until so much is left of it."""
        if order_id is None or not self._is_live(order_id):
            return None
        order = self._dex.spot.call("getOrder", order_id)
        surplus = order.amount - order.filled - amount
        return self._reduce(order_id, surplus) if surplus > 0 else None

    def _is_live(self, order_id: int) -> bool:
        status = self._dex.spot.call("getOrderStatus", order_id).status
        return OrderStatus(status).is_active

    def _send(self, sender: Account, name: str, *args: object) -> Receipt:
        receipt = self._dex.spot.send(name, *args, sender=sender, gas=_GAS)
        if not receipt.succeeded:
            reason = self._dex.spot.error(receipt) or receipt.error
            raise ReplayError(f"{name} in block {receipt.block_number} failed: {reason}")
        return receipt
