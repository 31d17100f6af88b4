"""Prices of spot pairs."""

from __future__ import annotations

from precompiles.engine.mark import book_median
from precompiles.hyper.system_addresses import token_address
from precompiles.ledger.hyper.records import CorePair, CoreSettings
from precompiles.ledger.ledger import Ledger


def pair_price(ledger: Ledger, settings: CoreSettings, pair: CorePair) -> int:
    """Return quote for one whole base; 0 where nothing was ever traded and a side is empty.

    It is the median of best bid, best ask and last trade, or the last trade's price.
    """
    bid, ask = ledger.spot.book(token_address(settings, pair.base)).best_prices()
    last = ledger.core.last_price(pair.index)
    return book_median(bid, ask, last) if bid and ask else last
