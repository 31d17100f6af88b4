"""Matching: the resting orders that an incoming order meets, in price-time order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple

from precompiles.engine.amounts import has_quote
from precompiles.engine.book import OrderT, Side
from precompiles.types import SelfTradePrevention


class Fill(NamedTuple, Generic[OrderT]):
    """A trade of `amount` at the maker's price."""

    maker: OrderT
    amount: int


class SelfMatch(NamedTuple, Generic[OrderT]):
    """The incoming order met one of the same owner, and no trade happens.

    Both shrink by `amount` (DECREMENT only, else 0); an order expires when it has nothing left,
    or by the policy.
    """

    maker: OrderT
    amount: int
    maker_expires: bool
    taker_expires: bool


class Worthless(NamedTuple, Generic[OrderT]):
    """A resting order whose rest would cost nothing: it ends without a trade."""

    maker: OrderT


Meeting = Fill[OrderT] | SelfMatch[OrderT] | Worthless[OrderT]


def match(
    side: Side[OrderT],
    *,
    price: int,
    amount: int,
    owner: bytes,
    prevention: SelfTradePrevention,
    base_unit: int = 1,
) -> Iterator[Meeting[OrderT]]:
    """Yield what an order meets on `side`, best and oldest first, until `amount` is used up.

    `amount` and `price` are those of the incoming order. No fill is worth less than one quote
    unit: where the rest of the incoming order would be, it ends. The book must not change while
    the iteration runs; the caller applies the results afterwards.
    """
    limit = side.sign * price
    prevents = prevention is not SelfTradePrevention.NONE
    for level in side:
        if level.key > limit:
            return
        node = level.head
        while node is not None:
            maker = node.order
            shared = min(amount, maker.remaining)
            if prevents and maker.owner == owner:
                met = _prevent(maker, amount, shared, prevention)
                amount -= met.amount
                yield met
                if met.taker_expires:
                    return
            elif has_quote(shared, maker.price, base_unit):
                amount -= shared
                yield Fill(maker, shared)
            elif shared == maker.remaining:
                yield Worthless(maker)
            else:
                return
            if amount == 0:
                return
            node = node.next


def _prevent(
    maker: OrderT, amount: int, shared: int, prevention: SelfTradePrevention
) -> SelfMatch[OrderT]:
    """Return the outcome for two orders of one owner."""
    if prevention is SelfTradePrevention.DECREMENT:
        return SelfMatch(
            maker,
            shared,
            maker_expires=shared == maker.remaining,
            taker_expires=shared == amount,
        )
    return SelfMatch(
        maker,
        0,
        maker_expires=prevention is not SelfTradePrevention.EXPIRE_TAKER,
        taker_expires=prevention is not SelfTradePrevention.EXPIRE_MAKER,
    )
