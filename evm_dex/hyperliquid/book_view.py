"""Books by price level, as the API shows them: at most twenty levels a side, prices rounded."""

from __future__ import annotations

from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.listings import Listing, Listings
from evm_dex.hyperliquid.tape_records import Json
from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.engine.book import Side
from precompiles.ledger.perp.records import PerpOrder
from precompiles.ledger.spot import Order

MOST_LEVELS = 20
_MANTISSAS = (1, 2, 5)


def levels_of(
    listings: Listings, listing: Listing, figures: int | None = None, mantissa: int | None = None
) -> list[list[Json]]:
    """Return bids and asks, best first.

    With `figures` (2 to 5) prices are rounded to so many significant figures, away from the
    middle, and with five of them by `mantissa` (1, 2 or 5) of the last. Raises BadRequest.
    """
    if figures is not None and not 2 <= figures <= 5:
        raise BadRequest(f"nSigFigs must be 2 to 5, got {figures}")
    if mantissa is not None and (figures != 5 or mantissa not in _MANTISSAS):
        raise BadRequest("mantissa must be 1, 2 or 5, and nSigFigs 5")
    book = listings.book(listing)
    return [
        _side(listing, side, figures, mantissa or 1, is_buy=is_buy)
        for side, is_buy in ((book.bids, True), (book.asks, False))
    ]


def best_levels(listings: Listings, listing: Listing) -> list[Json | None]:
    """Return the best bid and ask; None where a side is empty."""
    book = listings.book(listing)
    return [
        None
        if side.best is None
        else _level(listing, side.best.price, side.best.size, side.best.count())
        for side in (book.bids, book.asks)
    ]


def _side(
    listing: Listing,
    side: Side[Order] | Side[PerpOrder],
    figures: int | None,
    mantissa: int,
    *,
    is_buy: bool,
) -> list[Json]:
    shown: list[tuple[int, int, int]] = []
    for level in side:
        price = level.price
        if figures is not None:
            step = 10 ** max(0, len(str(price)) - figures) * mantissa
            divide = floor_divide if is_buy else ceil_divide
            price = divide(price, step) * step
        if shown and shown[-1][0] == price:
            _, size, count = shown[-1]
            shown[-1] = price, size + level.size, count + level.count()
        elif len(shown) == MOST_LEVELS:
            break
        else:
            shown.append((price, level.size, level.count()))
    return [_level(listing, *level) for level in shown]


def _level(listing: Listing, price: int, size: int, count: int) -> Json:
    return {"px": listing.price(price), "sz": listing.size(size), "n": count}
