"""ccxt's hyperliquid, unmodified but for its addresses, against a served chain."""

from __future__ import annotations

from typing import Any

import pytest

from evm_dex.hyperliquid.served import LocalHyperliquid

pytestmark = [pytest.mark.usefixtures("bots"), pytest.mark.slow]
ETH, HYPE = "ETH/USDC:USDC", "HYPE/USDC"


@pytest.fixture
def client(local: LocalHyperliquid) -> Any:
    import ccxt  # noqa: PLC0415 - fetched by .ci/bots

    client = ccxt.hyperliquid({"walletAddress": local.addresses[0], "privateKey": local.keys[0]})
    client.set_sandbox_mode(True)
    client.urls["api"] = {"public": local.url, "private": local.url}
    return client


def test_a_bot_of_ccxt_trades(client: Any) -> None:
    markets = client.load_markets()
    assert {ETH, HYPE} <= set(markets)
    assert client.fetch_balance({"type": "spot"})["HYPE"]["free"] == 10_000
    order = client.create_order(ETH, "limit", "buy", 0.1, 2900)
    assert client.fetch_order(order["id"], ETH)["status"] == "open"
    changed = client.edit_order(order["id"], ETH, "limit", "buy", 0.2, 2901)
    assert [it["id"] for it in client.fetch_open_orders(ETH)] == [changed["id"]]
    assert client.fetch_order_book(ETH)["bids"] == [[2901.0, 0.2]]
    client.cancel_order(changed["id"], ETH)
    assert client.fetch_order(changed["id"], ETH)["status"] == "canceled"
    client.create_order(HYPE, "limit", "sell", 1, 41)
    assert client.fetch_balance({"type": "spot"})["HYPE"]["used"] == 1
    client.set_leverage(5, ETH, {"marginMode": "isolated"})
    many = [
        {"symbol": ETH, "type": "limit", "side": "buy", "amount": 0.1, "price": price}
        for price in (2800, 2810)
    ]
    assert len(client.create_orders(many)) == 2
    assert len(client.fetch_open_orders()) == 3


def test_coins_whose_indexes_are_far_apart_are_themselves(client: Any) -> None:
    markets = client.load_markets()
    for symbol, price in (("SOL/USDC:USDC", 149), ("HYPE/USDC:USDC", 39)):
        order = client.create_order(symbol, "limit", "buy", 1, price)
        assert client.fetch_order(order["id"], symbol)["price"] == price
        (shown,) = client.fetch_open_orders(symbol)
        assert shown["symbol"] == symbol
    active = {it["base"] for it in markets.values() if it["swap"] and it["active"]}
    assert active == {"BTC", "ETH", "SOL", "HYPE"}


def test_what_a_bot_reads(client: Any) -> None:
    client.load_markets()
    assert client.fetch_tickers([ETH])[ETH]["info"]["markPx"] == "3000.0"
    assert client.fetch_positions() == []
    assert client.fetch_my_trades() == []
    assert client.fetch_ohlcv(ETH, "1m") == []
    assert client.fetch_trading_fee(ETH)["taker"] == 0.00045
    assert client.fetch_funding_rates([ETH])[ETH]["markPrice"] == 3000
    assert client.fetch_status()["status"] == "ok"


def test_errors_are_the_exceptions_of_ccxt(client: Any) -> None:
    import ccxt  # noqa: PLC0415 - as above

    client.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order(ETH, "limit", "buy", 100_000, 2900)
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order("777", ETH)
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order(ETH, "limit", "buy", 0.001, 2900)
