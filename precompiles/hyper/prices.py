"""Spot pairs' markets and prices."""

from __future__ import annotations

from precompiles.engine.mark import book_median
from precompiles.hyper.system_addresses import pair_address, token_address
from precompiles.ledger.hyper.records import CorePair, CoreSettings
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address


def pair_market(ledger: Ledger, settings: CoreSettings, pair: CorePair) -> Address:
    """Return the address by which the exchange knows a pair.

    It is the base token's, or one of its own where the base had a market already.
    """
    own = pair_address(pair.index)
    return own if own in ledger.spot.bases.rows else token_address(settings, pair.base)


def pair_of_market(ledger: Ledger, market: Address) -> CorePair:
    """Return the pair that is traded in a market of HyperCore's."""
    settings = ledger.core.settings
    assert settings is not None, "HyperCore has begun"
    return next(it for it in ledger.core.pairs if pair_market(ledger, settings, it) == market)


def pair_price(ledger: Ledger, settings: CoreSettings, pair: CorePair) -> int:
    """Return quote for one whole base; 0 where nothing was ever traded and a side is empty.

    It is the median of best bid, best ask and last trade, or the last trade's price.
    """
    bid, ask = ledger.spot.book(pair_market(ledger, settings, pair)).best_prices()
    last = ledger.core.last_price(pair.index)
    return book_median(bid, ask, last) if bid and ask else last
