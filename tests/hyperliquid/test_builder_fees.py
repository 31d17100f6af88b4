"""Builder fees: a part of what an order is charged, paid with each fill to whom the order names."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import evm_dex
from evm_dex.chain.genesis.genesis_file import profile_genesis
from precompiles.ledger.hyper.signed_records import OrderBuilder
from tests.hyperliquid import test_dexs
from tests.hyperliquid.trader import KEYS, Trader, limit, trigger

ETH, HYPE_SPOT = 1, 10_107
BUILDER = f"0x{KEYS[2].address.hex()}"
NEW = "0x" + "5b" * 20
FIELDS = [("string", "maxFeeRate"), ("address", "builder"), ("uint64", "nonce")]
Traders = tuple[Trader, Trader]
traders_of_gold = test_dexs.traders


def approve(trader: Trader, percent: str, builder: str = BUILDER) -> None:
    action = {"type": "approveBuilderFee", "maxFeeRate": percent, "builder": builder}
    assert trader.typed("ApproveBuilderFee", FIELDS, action) == {"type": "default"}


def order(
    trader: Trader, fee: int, *wires: Any, grouping: str = "na", builder: str = BUILDER
) -> Any:
    """The answer to orders that name a builder."""
    action = {"type": "order", "orders": list(wires), "grouping": grouping}
    return trader.do({**action, "builder": {"b": builder, "f": fee}})


def cash(trader: Trader, user: str) -> Decimal:
    state = trader.ask("clearinghouseState", user=user)
    return Decimal(state["marginSummary"]["accountValue"])


def usdc(trader: Trader, user: str) -> Decimal:
    balances = trader.ask("spotClearinghouseState", user=user)["balances"]
    return next((Decimal(it["total"]) for it in balances if it["coin"] == "USDC"), Decimal(0))


def earned(trader: Trader, user: str = BUILDER) -> Decimal:
    return Decimal(trader.ask("referral", user=user)["builderRewards"])


def is_clean(trader: Trader) -> bool:
    """Return True if the ledger is sound and keeps no builder of an order that ended."""
    core = trader.dex.chain.ledger.core
    return trader.dex.self_check() == [] and core.order_builders.rows == {}


def test_takers_and_makers_of_perpetuals_pay_with_each_fill(traders: Traders) -> None:
    alice, bob = traders
    approve(alice, "0.1%")
    approve(bob, "0.025%")
    before, users = cash(alice, BUILDER), [cash(alice, it.address) for it in traders]
    order(bob, 25, limit(ETH, "sell", "3000", "1"))
    order(alice, 100, limit(ETH, "buy", "3000", "0.4"))
    taken, made = alice.ask("userFills")[0], bob.ask("userFills")[0]
    # 1,200 USDC: 0.045 % and 0.1 % of the taker, 0.015 % and 0.025 % of the maker.
    assert (taken["fee"], taken["builderFee"]) == ("1.74", "1.2")
    assert (made["fee"], made["builderFee"]) == ("0.48", "0.3")
    alice.order(limit(ETH, "buy", "3000", "0.6"))
    assert "builderFee" not in alice.ask("userFills")[0]
    assert bob.ask("userFills")[0]["builderFee"] == "0.45"
    assert cash(alice, BUILDER) - before == earned(alice) == Decimal("1.95")
    paid = [Decimal(it["fee"]) for trader in traders for it in trader.ask("userFills")]
    mark = Decimal(alice.ask("metaAndAssetCtxs")[1][ETH]["markPx"])
    gains = (mark - 3000, 3000 - mark)
    after = [cash(alice, it.address) for it in traders]
    assert sum(after) == sum(users) + sum(gains) - sum(paid)
    assert is_clean(alice)


def test_a_fee_is_rounded_down_and_of_each_fill_alone(traders: Traders) -> None:
    """Against Fractions of random fills."""
    alice, bob = traders
    approve(alice, "0.1%")
    rng, total = random.Random(7), Decimal(0)
    for _ in range(40):
        price, size, fee = rng.randint(2_950, 3_050), rng.randint(40, 999), rng.randint(1, 100)
        shown = f"{Decimal(size) / 10_000}"
        bob.order(limit(ETH, "sell", str(price), shown))
        order(alice, fee, limit(ETH, "buy", str(price), shown, "Ioc"))
        fill = alice.ask("userFills")[0]
        units = price * size * 100 * fee // 100_000  # of a millionth of a dollar
        assert Decimal(fill.get("builderFee", "0")) == Decimal(units) / 10**6
        total += Decimal(units) / 10**6
    assert earned(alice) == total > 0
    assert is_clean(alice)


def test_sellers_of_spot_pay_and_buyers_do_not(traders: Traders) -> None:
    alice, bob = traders
    approve(alice, "1%")
    before = usdc(alice, BUILDER)
    bob.order(limit(HYPE_SPOT, "buy", "40", "2"))
    order(alice, 1_000, limit(HYPE_SPOT, "sell", "40", "1"))
    sold = alice.ask("userFills")[0]
    assert (sold["fee"], sold["builderFee"], sold["feeToken"]) == ("0.428", "0.4", "USDC")
    assert "builderFee" not in bob.ask("userFills")[0]
    order(alice, 1_000, limit(HYPE_SPOT, "sell", "41", "1", "Alo"))
    bob.order(limit(HYPE_SPOT, "buy", "41", "1"))
    assert alice.ask("userFills")[0]["builderFee"] == "0.41"
    bob.order(limit(HYPE_SPOT, "sell", "40.5", "1"))
    order(alice, 1_000, limit(HYPE_SPOT, "buy", "40.5", "1"))
    assert "builderFee" not in alice.ask("userFills")[0]
    assert usdc(alice, BUILDER) - before == earned(alice) == Decimal("0.81")
    bob.do({"type": "cancel", "cancels": [{"a": HYPE_SPOT, "o": 1}]})
    assert is_clean(alice)


def test_more_than_allowed_is_refused_as_a_whole(traders: Traders) -> None:
    alice, _ = traders
    wire = limit(ETH, "buy", "2900", "1")
    error = "Builder fee has not been approved."
    assert order(alice, 1, wire)["data"]["statuses"] == [{"error": f"{error} asset={ETH}"}]
    approve(alice, "0.5%")
    assert "resting" in order(alice, 100, wire)["data"]["statuses"][0]
    spot = limit(HYPE_SPOT, "sell", "41", "1")
    assert "resting" in order(alice, 500, spot)["data"]["statuses"][0]
    (refused,) = order(alice, 101, wire)["data"]["statuses"]
    assert refused == {"error": f"Builder fee rate is too high. asset={ETH}"}
    (refused,) = order(alice, 501, spot)["data"]["statuses"]
    assert refused == {"error": f"{error} asset={HYPE_SPOT}"}
    assert len(alice.ask("openOrders")) == 2


def test_what_comes_of_an_order_pays_its_builder(traders: Traders) -> None:
    """Orders put in its place, triggers that wait for it, and triggers that fire."""
    alice, bob = traders
    approve(alice, "0.1%")
    order(
        alice, 100,
        limit(ETH, "buy", "2900", "1"), trigger(ETH, "sell", "2500", "1", "sl", "2400"),
        grouping="normalTpsl",
    )  # fmt: skip
    order(alice, 50, limit(ETH, "buy", "2800", "1"))
    alice.do({"type": "modify", "oid": 2, "order": limit(ETH, "buy", "2850", "1")})
    bob.order(limit(ETH, "sell", "2900", "1"))
    assert alice.ask("userFills")[0]["builderFee"] == "2.9"
    bob.order(limit(ETH, "sell", "2850", "1"))
    assert alice.ask("userFills")[0]["builderFee"] == "1.425"
    bob.order(limit(ETH, "buy", "2450", "5"))
    alice.dex.core.set_oracle(ETH, 2_480_000_000)
    alice.dex.mine()
    stopped = alice.ask("userFills")[0]
    assert (stopped["px"], stopped["builderFee"]) == ("2450.0", "2.45")
    assert earned(alice) == Decimal("6.775")
    assert is_clean(alice)


def test_cancels_and_refusals_leave_nothing(traders: Traders) -> None:
    alice, bob = traders
    approve(alice, "0.1%")
    order(
        alice, 9,
        limit(ETH, "buy", "2900", "1"), limit(ETH, "buy", "2000000", "1"),
        limit(ETH, "sell", "3100", "1", "Ioc"), trigger(ETH, "buy", "3500", "1", "sl"),
    )  # fmt: skip
    order(
        alice, 9,
        limit(ETH, "buy", "2800", "1"), trigger(ETH, "sell", "2500", "1", "sl"),
        grouping="normalTpsl",
    )  # fmt: skip
    open_orders = alice.ask("frontendOpenOrders")
    assert len(alice.dex.chain.ledger.core.order_builders.rows) == len(open_orders)
    assert alice.dex.self_check() == []
    cancels = [{"a": ETH, "o": it["oid"]} for it in open_orders]
    alice.do({"type": "cancel", "cancels": cancels})
    assert earned(bob) == 0
    assert is_clean(alice)


def test_a_builder_of_no_order_is_found(traders: Traders) -> None:
    ledger = traders[0].dex.chain.ledger
    ledger.core.put_order_builder(7, OrderBuilder(KEYS[2].address, 1))
    assert traders[0].dex.self_check() == ["order 7: it has a builder, and is not live"]


def test_a_builder_that_was_never_there_has_an_account_then(traders: Traders) -> None:
    alice, bob = traders
    approve(alice, "0.1%", NEW)
    bob.order(limit(ETH, "sell", "3000", "1"))
    assert alice.ask("preTransferCheck", user=NEW)["userExists"] is False
    order(alice, 10, limit(ETH, "buy", "3000", "1"), builder=NEW)
    assert alice.ask("preTransferCheck", user=NEW)["userExists"] is True
    assert cash(alice, NEW) == earned(alice, NEW) == Decimal("0.3")


def test_a_fee_is_paid_where_the_order_is(traders_of_gold: Traders) -> None:
    """On a builder's dex, in its collateral."""
    alice, bob = traders_of_gold
    approve(alice, "0.1%")
    bob.order(limit(test_dexs.GOLD, "sell", "4000", "0.5"))
    order(alice, 100, limit(test_dexs.GOLD, "buy", "4000", "0.1"))
    fill = alice.ask("userFills")[0]
    assert (fill["builderFee"], fill["feeToken"]) == ("0.4", "USDT0")
    state = alice.ask("clearinghouseState", user=BUILDER, dex="gld")
    assert Decimal(state["marginSummary"]["accountValue"]) == earned(alice) == Decimal("0.4")
    assert is_clean(alice)


def test_the_same_blocks_pay_the_same_elsewhere_and_are_taken_back(traders: Traders) -> None:
    alice, bob = traders
    approve(alice, "0.1%")
    snapshot = alice.dex.chain.snapshot()
    bob.order(limit(ETH, "sell", "3000", "1"), limit(HYPE_SPOT, "buy", "40", "2"))
    order(alice, 77, limit(ETH, "buy", "3000", "0.4"), limit(HYPE_SPOT, "sell", "40", "1"))
    fills, rewards = alice.ask("userFills"), earned(alice)
    encoded = list(alice.dex.chain.export_blocks(1))
    with evm_dex.open(genesis=profile_genesis("hyperevm")) as other:
        assert other.chain.import_blocks(encoded)[-1].hash == alice.dex.chain.head.hash
        copy = Trader(other, 0)
        assert (copy.ask("userFills"), earned(copy)) == (fills, rewards)
    alice.dex.chain.revert(snapshot)
    assert alice.ask("userFills") == []
    assert earned(alice) == 0
    assert is_clean(alice)


def test_an_account_with_less_pays_no_more_than_it_has(traders: Traders) -> None:
    """A fee that only reduces a position makes no debt; the exchange's part comes first."""
    alice, bob = traders
    approve(alice, "0.1%")
    spare = Decimal(alice.ask("clearinghouseState")["withdrawable"])
    bob.order(limit(ETH, "sell", "3000", "1"))
    order(alice, 100, limit(ETH, "buy", "3000", "1"))
    kept = Decimal(alice.ask("clearinghouseState")["withdrawable"])
    assert spare > kept > 0
    move = {"type": "usdClassTransfer", "amount": str(kept), "toPerp": False}
    fields = [("string", "amount"), ("bool", "toPerp"), ("uint64", "nonce")]
    assert alice.typed("UsdClassTransfer", fields, move) == {"type": "default"}
    worth = cash(alice, alice.address)
    price = int(3_000 - worth + 2)
    left = worth - (3_000 - price)
    bob.order(limit(ETH, "buy", str(price), "1"))
    answer = order(alice, 100, limit(ETH, "sell", "2000", "1", "Ioc", r=True))
    fill = alice.ask("userFills")[0]
    assert fill["dir"] == "Close Long", answer
    exchanges = Decimal(price * 45) / 100_000
    assert Decimal(fill["fee"]) == left < exchanges + Decimal(price) / 1_000
    assert Decimal(fill["builderFee"]) == left - exchanges > 0
    assert cash(alice, alice.address) == 0
    assert is_clean(alice)
