"""Requests about markets: listings, prices, trades and candles."""

from __future__ import annotations

import msgspec

from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.book_view import levels_of
from evm_dex.hyperliquid.candle_intervals import INTERVALS, candle_json
from evm_dex.hyperliquid.info.info_type import (
    Coin,
    Info,
    Nothing,
    Span,
    info_type,
)
from evm_dex.hyperliquid.info.universes import DexRequest, dex_of, meta
from evm_dex.hyperliquid.listings import Listing, number, token_json, unused_token_json
from evm_dex.hyperliquid.tape import between
from evm_dex.hyperliquid.tape_records import Json
from precompiles.engine.amounts import floor_divide
from precompiles.engine.funding import RATE_SCALE, premium
from precompiles.hyper.token_ids import token_id
from precompiles.ledger.hyper.tables import index_key
from precompiles.perp.accrual import impact_prices, prices_at

_DAY = 24 * 3_600
_MOST_CANDLES = 5_000
_RECENT = 10
_HOUR = 3_600
_RATE_PLACES = len(str(RATE_SCALE)) - 1


_NO_CONTEXT = {
    "prevDayPx": "0.0",
    "dayNtlVlm": "0.0",
    "markPx": "0.0",
    "midPx": None,
    "funding": "0.0",
    "openInterest": "0.0",
    "premium": None,
    "oraclePx": "0.0",
    "impactPxs": None,
    "dayBaseVlm": "0.0",
}


class Book(msgspec.Struct, rename="camel"):
    """A request for a book."""

    coin: str
    n_sig_figs: int | None = None
    mantissa: int | None = None


class CandleRequest(msgspec.Struct, rename="camel"):
    """A request for candles."""

    coin: str
    interval: str
    start_time: int
    end_time: int | None = None


class CoinSpan(Span):
    """A request about a coin and a time."""

    coin: str = ""


class TokenRequest(msgspec.Struct, rename="camel"):
    """A request about a token."""

    token_id: str


@info_type("metaAndAssetCtxs", DexRequest)
def meta_and_contexts(info: Info, request: DexRequest) -> list[object]:
    """Return the perpetuals of a dex and how they trade."""
    shown = meta(info, request)
    listings = {it.coin: it for it in info.listings.perps(dex_of(info, request.dex))}
    contexts = [
        perp_context(info, listings[it["name"]]) if it["name"] in listings else dict(_NO_CONTEXT)
        for it in shown["universe"]
    ]
    return [shown, contexts]


@info_type("spotMeta")
def spot_meta(info: Info, _: Nothing) -> Json:
    """Return the tokens and the spot pairs."""
    core = info.ledger.core
    return {
        "universe": [
            {
                "tokens": [pair.base, pair.quote],
                "name": pair.name,
                "index": pair.index,
                "isCanonical": not pair.name.startswith("@"),
            }
            for pair in core.pairs
        ],
        "tokens": _with_gaps(
            [token_json(token, full_name_of(info, token.index)) for token in core.tokens]
        ),
    }


@info_type("spotMetaAndAssetCtxs")
def spot_meta_and_contexts(info: Info, request: Nothing) -> list[object]:
    """Return the spot pairs and how they trade."""
    return [spot_meta(info, request), [spot_context(info, it) for it in info.listings.pairs]]


@info_type("allMids", DexRequest)
def all_mids(info: Info, request: DexRequest) -> Json:
    """Return the middle of each book, or the last or marked price where a side is empty."""
    dex = dex_of(info, request.dex)
    both = (*info.listings.perps(dex), *(() if dex else info.listings.pairs))
    return {listing.coin: listing.price(mid_or_mark(info, listing)) for listing in both}


@info_type("l2Book", Book)
def l2_book(info: Info, request: Book) -> Json:
    """Return a book by price level."""
    listing = info.listing(request.coin)
    levels = levels_of(info.listings, listing, request.n_sig_figs, request.mantissa)
    return {"coin": listing.coin, "time": info.now_ms, "levels": levels}


@info_type("recentTrades", Coin)
def recent_trades(info: Info, request: Coin) -> list[Json]:
    """Return the last trades of a coin, newest first."""
    listing = info.listing(request.coin)
    trades = list(info.tape.trades.get(listing.coin, ()))[-_RECENT:]
    return [trade.json() for trade in reversed(trades)]


@info_type("candleSnapshot", CandleRequest)
def candle_snapshot(info: Info, request: CandleRequest) -> list[Json]:
    """Return candles of a coin."""
    listing = info.listing(request.coin)
    if request.interval not in INTERVALS:
        raise BadRequest(f"unknown interval {request.interval!r}: take one of {list(INTERVALS)}")
    end = info.now_ms if request.end_time is None else request.end_time
    length = INTERVALS[request.interval]
    candles = info.tape.candles.of(
        listing.coin, length, request.start_time // 1_000, end // 1_000, _MOST_CANDLES
    )
    return [candle_json(candle, listing, request.interval) for candle in candles]


@info_type("fundingHistory", CoinSpan)
def funding_history(info: Info, request: CoinSpan) -> list[Json]:
    """Return the funding rates of a coin."""
    rates = info.tape.rates.get(info.listing(request.coin).coin, ())
    return [it.json() for it in between(rates, request.start_time, request.end_time)]


@info_type("predictedFundings")
def predicted_fundings(info: Info, _: Nothing) -> list[object]:
    """Return the last funding rates, and when the next are."""
    following = (info.now // _HOUR + 1) * _HOUR * 1_000
    return [
        [
            listing.coin,
            [["HlPerp", {"fundingRate": _funding(info, listing), "nextFundingTime": following}]],
        ]
        for listing in info.listings.perps()
    ]


@info_type("perpsAtOpenInterestCap", DexRequest)
def perps_at_cap(info: Info, request: DexRequest) -> list[str]:
    """Return the perpetuals that no position can grow in."""
    at_cap = []
    for listing in info.listings.perps(dex_of(info, request.dex)):
        market = info.ledger.perp.markets.rows[listing.address]
        prices = info.ledger.perp.prices.rows[listing.address]
        if 0 < market.max_open_interest <= prices.open_interest:
            at_cap.append(listing.coin)
    return at_cap


@info_type("exchangeStatus")
def exchange_status(info: Info, _: Nothing) -> Json:
    """Return the time of the head."""
    return {"time": info.now_ms, "specialStatuses": None}


@info_type("tokenDetails", TokenRequest)
def token_details(info: Info, request: TokenRequest) -> Json:
    """Return a token."""
    token = next((it for it in info.ledger.core.tokens if token_id(it) == request.token_id), None)
    if token is None:
        raise BadRequest(f"no token {request.token_id}: take a tokenId of spotMeta")
    listing = next((it for it in info.listings.pairs if it.base == token.name), None)
    price = listing.price(mid_or_mark(info, listing)) if listing else "1.0"
    supply = number(token.max_supply, token.wei_decimals)
    return {
        "name": token.name,
        "maxSupply": supply,
        "totalSupply": supply,
        "circulatingSupply": supply,
        "szDecimals": token.size_decimals,
        "weiDecimals": token.wei_decimals,
        "midPx": price,
        "markPx": price,
        "prevDayPx": price,
        "genesis": None,
        "deployer": f"0x{token.deployer.hex()}",
        "deployGas": None,
        "deployTime": None,
        "seededUsdc": "0.0",
        "nonCirculatingUserBalances": [],
        "futureEmissions": "0.0",
    }


def full_name_of(info: Info, token: int) -> str:
    """Return the full name of a token that a user listed; "" for others."""
    deployment = info.ledger.core.token_deployments.get(index_key(token))
    return deployment.full_name if deployment else ""


def _with_gaps(tokens: list[Json]) -> list[Json]:
    """Return tokens at the places of their indexes, as ccxt looks for them, unused ones between."""
    found = {token["index"]: token for token in tokens}
    return [found.get(index) or unused_token_json(index) for index in range(max(found) + 1)]


def mid_or_mark(info: Info, listing: Listing) -> int:
    """Return the middle of a book; what it is marked at where a side is empty."""
    bid, ask = info.listings.book(listing).best_prices()
    return floor_divide(bid + ask, 2) if bid and ask else mark_of(info, listing)


def mark_of(info: Info, listing: Listing) -> int:
    """Return a mark price; of a pair its last trade's."""
    if listing.is_spot:
        pair = next(it for it in info.ledger.core.pairs if it.name == listing.coin)
        return info.ledger.core.last_price(pair.index)
    market = info.ledger.perp.markets.rows[listing.address]
    return prices_at(info.ledger, market, info.now).mark


def perp_context(info: Info, listing: Listing) -> Json:
    """Return how a perpetual trades."""
    market = info.ledger.perp.markets.rows[listing.address]
    prices = prices_at(info.ledger, market, info.now)
    bid, ask = info.listings.book(listing).best_prices()
    impact = impact_prices(market, info.ledger.perp.book(listing.address))
    rate = premium(*impact, prices.oracle) if prices.oracle else 0
    amount, quote = info.tape.candles.volume_since(listing.coin, info.now - _DAY)
    before = info.tape.candles.before(listing.coin, info.now - _DAY)
    return {
        "prevDayPx": listing.price(before or prices.mark),
        "dayNtlVlm": listing.quote(quote),
        "markPx": listing.price(prices.mark),
        "midPx": listing.price(floor_divide(bid + ask, 2)) if bid and ask else None,
        "funding": _funding(info, listing),
        "openInterest": listing.size(prices.open_interest),
        "premium": number(rate, _RATE_PLACES) if all(impact) else None,
        "oraclePx": listing.price(prices.oracle),
        "impactPxs": [listing.price(price) for price in impact] if all(impact) else None,
        "dayBaseVlm": listing.size(amount),
    }


def spot_context(info: Info, listing: Listing) -> Json:
    """Return how a spot pair trades."""
    pair = next(it for it in info.ledger.core.pairs if it.name == listing.coin)
    base = info.ledger.core.token(pair.base)
    assert base is not None, "a pair's tokens are listed"
    bid, ask = info.listings.book(listing).best_prices()
    mark = mark_of(info, listing)
    amount, quote = info.tape.candles.volume_since(listing.coin, info.now - _DAY)
    before = info.tape.candles.before(listing.coin, info.now - _DAY)
    supply = number(base.max_supply, base.wei_decimals)
    return {
        "prevDayPx": listing.price(before or mark),
        "dayNtlVlm": listing.quote(quote),
        "markPx": listing.price(mark),
        "midPx": listing.price(floor_divide(bid + ask, 2)) if bid and ask else None,
        "circulatingSupply": supply,
        "coin": listing.coin,
        "totalSupply": supply,
        "dayBaseVlm": listing.size(amount),
    }


def _funding(info: Info, listing: Listing) -> str:
    return number(info.ledger.perp.prices.rows[listing.address].last_rate, _RATE_PLACES)
