"""Prices of the past, by market: candles of trades and marks, and funding rates."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from evm_dex.blocks.receipt import Log
from evm_dex.chain.chain import Chain
from evm_dex.node.chain_events import ChainEvents, ChainUpdate
from evm_dex.node.own_blocks import first_own_block
from evm_dex.orderlog.block_undo import BlockUndo
from evm_dex.orderlog.candles import Candles
from evm_dex.orderlog.order_update import Exchange
from evm_dex.orderlog.recorder import order_event
from precompiles.orders.events import Trade
from precompiles.perp.events import FundingSettled, OraclePriceSet
from precompiles.types import PERP_ADDRESS, Address

_EXCHANGES = {Exchange.SPOT: "spot", Exchange.PERP: "perp"}

_PRICES = frozenset((Trade.topic, OraclePriceSet.topic, FundingSettled.topic))
"""Topics of the logs that say a price; most logs of a busy block say what became of orders."""

MOST_BLOCKS = 20_000
"""Blocks that are read at once, so that nobody waits long for that."""


class FundingPoint(NamedTuple):
    """The funding rate of the hours that ended at a time."""

    time: int
    rate: int
    """In parts of 10**12, an hour."""


class PriceHistory:
    """Read from the logs of the chain when it is first asked for, and followed from there.

    It begins with the last `MOST_BLOCKS` blocks then. What a forked chain had before its fork is
    not in it.
    """

    def __init__(self, chain: Chain, events: ChainEvents) -> None:
        self._chain = chain
        self._events = events
        self._is_followed = False
        self._start_over()

    def _start_over(self) -> None:
        self._trades: Candles[tuple[str, Address]] = Candles()
        self._marks: Candles[Address] = Candles()
        self._funding: dict[Address, list[FundingPoint]] = defaultdict(list)
        self._undo = BlockUndo()

    def trades(self) -> Candles[tuple[str, Address]]:
        """Return the candles of trades, by exchange and market."""
        self._read()
        return self._trades

    def marks(self) -> Candles[Address]:
        """Return the candles of mark prices as oracle prices came in, by perpetual market."""
        self._read()
        return self._marks

    def funding(self, market: Address) -> list[FundingPoint]:
        """Return the funding rates of a perpetual market, oldest first."""
        self._read()
        return self._funding.get(market, [])

    def forget(self) -> None:
        """End following the chain."""
        if self._is_followed:
            self._events.on_update.remove(self._follow)

    def _read(self) -> None:
        if not self._is_followed:
            self._add_blocks(self._first_block(), self._chain.head.block_number)
            self._is_followed = True
            self._events.on_update.append(self._follow)

    def _follow(self, update: ChainUpdate) -> None:
        first = update.went_back_to + 1
        if not self._undo.go_back(update.went_back_to):
            self._start_over()
            first = self._first_block()
        self._add_blocks(first, self._chain.head.block_number)

    def _first_block(self) -> int:
        return max(first_own_block(self._chain), self._chain.head.block_number - MOST_BLOCKS)

    def _add_blocks(self, first: int, last: int) -> None:
        """Read receipts as they are: of a log neither its place nor its transaction is needed."""
        blocks = self._chain.blocks
        for height in blocks.heights(first, last):
            block_hash = blocks.hash_at(height)
            header = self._chain.header(block_hash)
            if not any(header.bloom):
                continue
            self._undo.begin(height)
            for receipt in blocks.receipts(block_hash):
                for log in receipt.logs:
                    if log.topics and log.topics[0] in _PRICES:
                        self._take(log, header.timestamp)

    def _take(self, log: Log, time: int) -> None:
        found = order_event(log)
        if found is not None and isinstance(found[1], Trade):
            event = found[1]
            market = (_EXCHANGES[found[0]], event.market)
            traded = (event.price, event.amount, event.quote_amount)
            self._undo.add(self._trades.add(market, time, *traded))
        elif found is None and log.address == PERP_ADDRESS and log.topics:
            self._take_price(log, time)

    def _take_price(self, log: Log, time: int) -> None:
        match log.topics[0]:
            case OraclePriceSet.topic:
                price = OraclePriceSet.decode(log.topics, log.data)
                self._undo.add(self._marks.add(price.market, time, price.mark_price))
            case FundingSettled.topic:
                settled = FundingSettled.decode(log.topics, log.data)
                points = self._funding[settled.market]
                points.append(FundingPoint(time, settled.rate))
                self._undo.add(points.pop)
