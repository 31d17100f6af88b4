"""`portfolio` and order history: what accounts were worth, against what they were worth then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import evm_dex
from evm_dex.hyperliquid.info.info_type import User
from evm_dex.hyperliquid.info.portfolio import Portfolio, portfolio
from evm_dex.hyperliquid.tape import Tape
from tests.hyperliquid.trader import Trader, limit

ETH, HYPE = 1, 10_107
Traders = tuple[Trader, Trader]
PERIODS = ["day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime"]


def micro(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(6, "0")[:6])


def history(trader: Trader, period: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(trader.ask("portfolio"))[period]
    return found


def wait(trader: Trader, seconds: int) -> None:
    """Let so much time pass for the next block."""
    trader.now += seconds * 1_000


def test_an_account_that_did_nothing_is_worth_what_it_is(traders: Traders) -> None:
    told = traders[1].ask("portfolio")
    assert [name for name, _ in told] == PERIODS
    state = traders[1].ask("clearinghouseState")
    perp = dict(told)["perpDay"]
    ((_, value),) = perp["accountValueHistory"]
    assert value == state["marginSummary"]["accountValue"]
    assert perp["pnlHistory"][0][1] == perp["vlm"] == "0.0"
    whole = micro(dict(told)["day"]["accountValueHistory"][0][1])
    assert whole > micro(value), "its tokens are worth something too"


def test_gains_fees_and_transfers_are_told_apart(traders: Traders) -> None:
    alice, bob = traders
    before = micro(alice.ask("clearinghouseState")["marginSummary"]["accountValue"])
    alice.order(limit(ETH, "buy", "3000", "1"))
    bob.order(limit(ETH, "sell", "3000", "1", "Ioc"))
    fees = sum(micro(fill["fee"]) for fill in alice.ask("userFills"))
    wait(alice, 120)
    bob.now = alice.now
    alice.typed(
        "UsdSend",
        [("string", "destination"), ("string", "amount"), ("uint64", "time")],
        {"type": "usdSend", "destination": bob.address, "amount": "1000"},
    )
    wait(alice, 120)
    alice.order(limit(ETH, "sell", "3010", "1"))
    bob.now = alice.now
    bob.order(limit(ETH, "buy", "3010", "1", "Ioc"))
    told = history(alice, "perpAllTime")
    values = [micro(value) for _, value in told["accountValueHistory"]]
    gains = [micro(value.lstrip("-")) for _, value in told["pnlHistory"]]
    paid = sum(micro(fill["fee"]) for fill in alice.ask("userFills"))
    assert values[0] == before
    assert values[-1] == before + 10_000_000 - 1_000_000_000 - paid
    assert gains[-1] == 10_000_000 - paid
    assert gains[1] == fees
    assert told["vlm"] == "6010.0"
    assert history(alice, "allTime")["pnlHistory"][-1][1] == told["pnlHistory"][-1][1]
    day = history(alice, "perpDay")
    assert day == told, "all of it was within a day"


def test_tokens_count_at_the_prices_of_then(traders: Traders) -> None:
    alice, bob = traders
    for price in ("40", "50"):
        alice.order(limit(HYPE, "buy", price, "2"))
        bob.now = alice.now
        bob.order(limit(HYPE, "sell", price, "2", "Ioc"))
        wait(alice, 60)
    alice.do({"type": "noop"})
    told = history(alice, "allTime")
    (held,) = [it for it in alice.ask("spotClearinghouseState")["balances"] if it["coin"] == "HYPE"]
    gain = micro(told["pnlHistory"][-1][1])
    first, last = (micro(told["accountValueHistory"][place][1]) for place in (1, -1))
    assert last - first == pytest.approx(10 * (micro(held["total"]) - 2_000_000), rel=1e-3)
    assert gain == pytest.approx(last - first, rel=1e-6)
    assert told["vlm"] == "180.0"
    assert history(alice, "perpAllTime")["vlm"] == "0.0"


def test_what_it_was_worth_is_what_it_was_worth_then() -> None:
    """In a market that falls, liquidations and funding among it, and from a tape read afresh."""
    with evm_dex.open(profile="hyperevm") as dex:
        trader = Trader(dex, 3)
        info = trader.api.info
        market = dex.core.market("cascade")
        then: dict[int, dict[bytes, int]] = {}
        for _ in range(7):
            market.run(60 - dex.chain.head.timestamp % 60 + 59)
            users = list(info.tape.fills)
            then[info.now] = {user: Portfolio(info, user).at(info.now).perp for user in users}
        fresh = Tape(dex.chain, info.listings)
        fresh.read_all()
        assert len(users) > 10
        for tape in (info.tape, fresh):
            seen = info._replace(tape=tape)
            for user in users:
                account = Portfolio(seen, user)
                for time, worths in then.items():
                    if user in worths:
                        off = account.at(time).perp - worths[user]
                        assert abs(off) <= 10
            answered = portfolio(seen, User(f"0x{users[0].hex()}"))
            assert msgspec.json.encode(answered)


def test_every_change_of_an_order_is_told_on_the_channel(traders: Traders) -> None:
    alice, bob = traders
    heard: list[Any] = []
    subscription = {"type": "userHistoricalOrders", "user": alice.address}
    alice.api.subscribe(subscription, lambda message: heard.append(msgspec.json.decode(message)))
    alice.order(limit(ETH, "buy", "3000", "1"), limit(ETH, "buy", "2990", "1"))
    bob.order(limit(ETH, "sell", "3000", "1", "Ioc"))
    alice.do({"type": "cancel", "cancels": [{"a": ETH, "o": 2}]})
    told = [it["data"] for it in heard if it["channel"] == "userHistoricalOrders"]
    assert told[0] == {"isSnapshot": True, "user": alice.address, "orderHistory": []}
    rows = [row for data in told[1:] for row in data["orderHistory"]]
    assert [(row["order"]["oid"], row["status"]) for row in rows] == [
        (1, "open"), (2, "open"), (1, "filled"), (2, "canceled"),
    ]  # fmt: skip
    assert all("isSnapshot" not in data for data in told[1:])
    assert set(rows[0]["order"]) == set(alice.ask("historicalOrders")[0]["order"])
