"""Records of the tape; times are in milliseconds, numbers as the exchange has them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from evm_dex.hyperliquid.listings import Listing, number
from precompiles.engine.funding import RATE_SCALE
from precompiles.hyper.units import COLLATERAL_DECIMALS
from precompiles.types import Address

_RATE_PLACES = len(str(RATE_SCALE)) - 1
Json = dict[str, Any]


class TapeTrade(Struct, frozen=True):
    """A fill between two orders."""

    listing: Listing
    taker_is_buy: bool
    price: int
    amount: int
    quote: int
    time: int
    transaction_hash: bytes
    trade_id: int
    buyer: Address
    seller: Address
    height: int

    def json(self) -> Json:
        """Return it as `recentTrades` and the channel `trades` give it."""
        return {
            "coin": self.listing.coin,
            "side": "B" if self.taker_is_buy else "A",
            "px": self.listing.price(self.price),
            "sz": self.listing.size(self.amount),
            "time": self.time,
            "hash": f"0x{self.transaction_hash.hex()}",
            "tid": self.trade_id,
            "users": [f"0x{self.buyer.hex()}", f"0x{self.seller.hex()}"],
        }


class TapeFill(Struct, frozen=True):
    """One side of a trade."""

    trade: TapeTrade
    user: Address
    order_id: int
    client_id: int
    is_buy: bool
    is_taker: bool
    start: int
    """The position before it."""
    closed_pnl: int
    fee: int
    builder_fee: int
    """Part of `fee`; in the quote."""

    @property
    def time(self) -> int:
        """When it happened."""
        return self.trade.time

    def json(self) -> Json:
        """Return it as `userFills` gives it."""
        listing = self.trade.listing
        in_base = listing.is_spot and self.is_buy
        fee = listing.size(self.fee) if in_base else listing.quote(self.fee)
        shown: Json = {
            "coin": listing.coin,
            "px": listing.price(self.trade.price),
            "sz": listing.size(self.trade.amount),
            "side": "B" if self.is_buy else "A",
            "time": self.time,
            "startPosition": listing.size(self.start),
            "dir": self._direction(),
            "closedPnl": listing.quote(self.closed_pnl),
            "hash": f"0x{self.trade.transaction_hash.hex()}",
            "oid": self.order_id,
            "crossed": self.is_taker,
            "fee": fee,
            "tid": self.trade.trade_id,
            "feeToken": listing.base if in_base else listing.fee_token,
            "twapId": None,
        }
        if self.client_id:
            shown["cloid"] = f"0x{self.client_id:032x}"
        if self.builder_fee:
            shown["builderFee"] = listing.quote(self.builder_fee)
        return shown

    def _direction(self) -> str:
        if self.trade.listing.is_spot:
            return "Buy" if self.is_buy else "Sell"
        delta = self.trade.amount if self.is_buy else -self.trade.amount
        after = self.start + delta
        if self.start * after < 0:
            return "Short > Long" if self.is_buy else "Long > Short"
        is_opening = self.start * delta >= 0
        side = "Long" if self.is_buy == is_opening else "Short"
        return f"{'Open' if is_opening else 'Close'} {side}"


class OrderChange(Struct, frozen=True):
    """An order began or ended; its row says the rest."""

    order_id: int
    user: Address
    listing: Listing
    status: str
    """`open`, `filled` or `closed`."""
    time: int


class FundingRate(Struct, frozen=True):
    """The rate of an hour."""

    listing: Listing
    rate: int
    time: int

    def json(self) -> Json:
        """Return it as `fundingHistory` gives it."""
        return {
            "coin": self.listing.coin,
            "fundingRate": number(self.rate, _RATE_PLACES),
            "premium": "0.0",
            "time": self.time,
        }


class FundingPayment(Struct, frozen=True):
    """Funding that a position received, or paid where it is negative."""

    listing: Listing
    user: Address
    amount: int
    size: int
    rate: int
    time: int
    transaction_hash: bytes

    def json(self) -> Json:
        """Return it as `userFunding` gives it."""
        return {
            "time": self.time,
            "hash": f"0x{self.transaction_hash.hex()}",
            "delta": {
                "type": "funding",
                "coin": self.listing.coin,
                "usdc": number(self.amount, COLLATERAL_DECIMALS),
                "szi": self.listing.size(self.size),
                "fundingRate": number(self.rate, _RATE_PLACES),
                "nSamples": None,
            },
        }
