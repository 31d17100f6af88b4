"""Methods about prices of the past: candles, mark prices and funding rates."""

from __future__ import annotations

from typing import Annotated

from evm_dex.node.methods.dex_exchanges import Exchange, Named, market_of
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Block, Quantity, counted, shaped

_MOST_POINTS = 5_000
_LONGEST = 366 * 24 * 3_600

Seconds = Annotated[int, counted("Seconds", _LONGEST)]
Points = Annotated[int, counted("Points", _MOST_POINTS)]
CandleList = Annotated[list[Json], shaped("Candles", "candles, oldest first", "array")]
Marks = Annotated[list[Json], shaped("Marks", "mark prices, oldest first", "array")]
FundingRates = Annotated[list[Json], shaped("FundingRates", "funding rates, oldest first", "array")]


@rpc("dex_candles")
def candles(
    node: Node,
    where: Exchange,
    market: Named,
    seconds: Seconds = 60,
    count: Points = 500,
    from_time: Quantity = 0,
    block: Block = "latest",
) -> CandleList:
    """Return the newest candles of a market as of a block, each of so many seconds.

    Times without trades have none. Of a long chain they begin 20,000 blocks before they were first
    asked for; those shorter than a minute are kept of the last 20,000 seconds with trades.
    """
    address, end = market_of(node, where, market), _time(node, block)
    found = node.prices.trades().of((where, address), seconds, from_time, end, count)
    return [
        {
            "time": candle.start,
            "open": str(candle.open),
            "high": str(candle.high),
            "low": str(candle.low),
            "close": str(candle.close),
            "volume": str(candle.volume),
            "quote": str(candle.quote),
            "trades": candle.trades,
        }
        for candle in found
    ]


@rpc("dex_marks")
def marks(
    node: Node,
    market: Named,
    seconds: Seconds = 60,
    count: Points = 500,
    from_time: Quantity = 0,
    block: Block = "latest",
) -> Marks:
    """Return the last mark price of each stretch of time in which an oracle price came in."""
    address, end = market_of(node, "perp", market), _time(node, block)
    found = node.prices.marks().of(address, seconds, from_time, end, count)
    return [{"time": candle.start, "mark": str(candle.close)} for candle in found]


@rpc("dex_funding")
def funding(
    node: Node,
    market: Named,
    count: Points = 500,
    from_time: Quantity = 0,
    block: Block = "latest",
) -> FundingRates:
    """Return the newest funding rates of a market, in parts of 10**12 an hour."""
    address, end = market_of(node, "perp", market), _time(node, block)
    found = [it for it in node.prices.funding(address) if from_time <= it.time <= end]
    return [{"time": it.time, "rate": it.rate} for it in found[-count:]]


def _time(node: Node, block: Block) -> int:
    return node.header("latest" if block == "pending" else block).timestamp
