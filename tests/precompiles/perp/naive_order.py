"""One order of a perpetuals exchange, or the trigger it waits for."""

from __future__ import annotations

from dataclasses import dataclass

from tests.precompiles.perp.naive_market import NaiveMarket
from tests.precompiles.spot.naive_exchange import (
    EXPIRE_MAKER,
    GTC,
    NEW,
    PARTIALLY_FILLED,
    Refused,
)

MOST = 2**112 - 1
"""Of a size or a price."""
UNTRIGGERED = 7
NO_MARGIN, REDUCE_ONLY, OWNER_LIQUIDATED = 5, 6, 7
LIMIT, TRIGGER, POSITION, LIQUIDATION = range(4)


@dataclass(eq=False)
class NaiveOrder:
    """One order, or the trigger it waits for, and its whole history."""

    id: int
    user: bytes
    market: NaiveMarket
    amount: int
    price: int
    is_buy: bool
    force: int = GTC
    reduce_only: bool = False
    client_id: int = 0
    kind: int = LIMIT
    trigger: int = 0
    take_profit: bool = False
    filled: int = 0
    status: int = NEW
    reason: int = 0
    notional: int = 0
    """Of all its fills."""
    profit: int = 0
    opens: bool = False
    """Whether it is for a new standalone position."""
    grew: bool = False
    """Whether a fill opened something or made it larger."""

    @property
    def remaining(self) -> int:
        return self.amount - self.filled

    @property
    def prevention(self) -> int:
        """An order that has to fill does not stop at its owner's others."""
        mode = self.market.prevention
        return mode if self.kind in (LIMIT, TRIGGER) else EXPIRE_MAKER

    @property
    def sign(self) -> int:
        return 1 if self.is_buy else -1

    @property
    def resting(self) -> bool:
        return self.status in (NEW, PARTIALLY_FILLED)

    @property
    def live(self) -> bool:
        return self.resting or self.status == UNTRIGGERED

    @property
    def due(self) -> bool:
        """Whether a trigger's price is reached, by mark and oracle."""
        prices = self.market.mark, self.market.oracle
        if self.is_buy != self.take_profit:
            return min(prices) >= self.trigger
        return max(prices) <= self.trigger

    def crosses(self, maker: NaiveOrder) -> bool:
        return self.price >= maker.price if self.is_buy else self.price <= maker.price


def check_size(market: NaiveMarket, amount: int) -> None:
    """On the market's grid."""
    if amount == 0:
        raise Refused("AmountZero")
    if amount > MOST:
        raise Refused("AmountTooLarge", amount, MOST)
    if amount % market.lot:
        raise Refused("AmountNotMultipleOfLot", amount, market.lot)


def check_price(market: NaiveMarket, price: int) -> None:
    """On the market's grid."""
    if price == 0:
        raise Refused("PriceZero")
    if price > MOST:
        raise Refused("AmountTooLarge", price, MOST)
    if price % market.tick:
        raise Refused("PriceNotMultipleOfTick", price, market.tick)
