"""Fees by volume and stake, rounded down, against fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest

from precompiles.hyper.encoding import StakingDeposit, TokenDelegate
from precompiles.hyper.system_addresses import FEES
from precompiles.ledger.hyper.records import Validator
from precompiles.orders.core_fees import DAY, FEE_TIERS, STAKING_DISCOUNTS
from precompiles.orders.events import Trade
from precompiles.orders.rebates import MakerRebatePaid
from precompiles.types import Address
from tests.precompiles.hyper.world import (
    ALICE,
    BOB,
    BTC,
    E8,
    HYPE,
    PURR,
    PURR_SPOT,
    USD,
    USDC,
    Scene,
    order,
)

ONE = Address(b"\x0e" * 20)
# volume in millions, then percent as published: perpetuals taker, maker; spot taker, maker
PUBLISHED = (
    (0, "0.045", "0.015", "0.070", "0.040"),
    (5, "0.040", "0.012", "0.060", "0.030"),
    (25, "0.035", "0.008", "0.050", "0.020"),
    (100, "0.030", "0.004", "0.040", "0.010"),
    (500, "0.028", "0", "0.035", "0"),
    (2_000, "0.026", "0", "0.030", "0"),
    (7_000, "0.024", "0", "0.025", "0"),
)


def trade_of(scene: Scene) -> Trade:
    (trade,) = [log.event for log in scene.logs if isinstance(log.event, Trade)]
    return trade


def perp_trade(scene: Scene) -> Trade:
    """BOB sells to ALICE: 0.01234 at 80,901, a notional of 998.31834."""
    scene.done(BOB, order(BTC, "80901", "0.01234", is_buy=False))
    scene.done(ALICE, order(BTC, "80901", "0.01234"))
    return trade_of(scene)


def spot_trade(scene: Scene) -> Trade:
    """ALICE sells to BOB."""
    scene.done(BOB, order(PURR_SPOT, "0.46253", "4567"))
    scene.done(ALICE, order(PURR_SPOT, "0.46253", "4567", is_buy=False))
    return trade_of(scene)


@pytest.mark.parametrize("tier", PUBLISHED)
def test_rates_are_those_of_the_volume_of_two_weeks(tier: tuple[int, str, str, str, str]) -> None:
    scene, millions, rates = Scene(), tier[0], [Fraction(rate) / 100 for rate in tier[1:]]
    today = scene.now // DAY
    for user in (ALICE, BOB):
        scene.ledger.core.add_volume(user, today - 14, millions * 10**6 * USD)
    perp, spot = perp_trade(scene), spot_trade(scene)
    notional = Fraction(80_901 * 1_234 * USD, 10**5)
    assert perp.taker_fee == notional * rates[0] // 1
    assert perp.maker_fee == notional * rates[1] // 1
    quote = Fraction("0.46253") * 4567 * E8
    assert spot.taker_fee == quote * rates[2] // 1
    in_quote = quote * rates[3] // 1
    assert spot.maker_fee == in_quote / Fraction("0.46253") * 10**5 / E8 // 1


def test_one_unit_below_a_tier_is_the_one_before() -> None:
    scene = Scene()
    for user in (ALICE, BOB):
        scene.ledger.core.add_volume(user, scene.now // DAY - 1, 5_000_000 * USD - 1)
    assert perp_trade(scene).taker_fee == 998_318_340 * 45 // 100_000


def test_volume_is_of_whole_days_before_today_and_spot_counts_twice() -> None:
    scene = Scene()
    perp, spot = perp_trade(scene), spot_trade(scene)
    traded = perp.quote_amount + 2 * (spot.quote_amount // 100)
    core, today = scene.ledger.core, scene.now // DAY
    for user in (ALICE, BOB):
        assert core.volume(user, today) == 0
        assert core.volume(user, today + 1) == core.volume(user, today + 14) == traded
        assert core.volume(user, today + 15) == 0
    core.add_volume(ALICE, today + 20, 1)
    assert [day for _, day in core.volumes.rows[ALICE].days] == [today + 20]


@pytest.mark.parametrize(("least", "percent"), STAKING_DISCOUNTS)
def test_delegated_hype_takes_a_share_off(least: int, percent: int) -> None:
    scene = Scene()
    scene.ledger.core.validators.put(ONE, Validator("one"))
    if least:
        scene.give(ALICE, HYPE, least)
        scene.done(ALICE, StakingDeposit(least))
        scene.done(ALICE, TokenDelegate(ONE, least, False))
    trade = perp_trade(scene)
    rate = Fraction(45, 100_000) * Fraction(100 - percent, 100)
    assert trade.taker_fee == trade.quote_amount * rate // 1
    assert trade.maker_fee == trade.quote_amount * 15 // 100_000


def test_a_market_shows_the_first_tier() -> None:
    scene = Scene()
    (first, *_) = FEE_TIERS
    perps, pairs = scene.ledger.perp.markets.rows.values(), scene.ledger.spot.markets.rows.values()
    assert {(it.taker_fee, it.maker_fee) for it in perps} == {(first.perp_taker, first.perp_maker)}
    assert {(it.taker_fee, it.maker_fee) for it in pairs} == {(first.spot_taker, first.spot_maker)}
    assert scene.spot(ALICE, USDC) == 100_000 * E8


@pytest.mark.parametrize(
    ("share", "percent"),
    [
        ("0.005", None),
        ("0.0051", "0.001"),
        ("0.015", "0.001"),
        ("0.0151", "0.002"),
        ("0.03", "0.002"),
        ("0.0301", "0.003"),
        ("1", "0.003"),
    ],
)
def test_makers_are_paid_by_their_share(share: str, percent: str | None) -> None:
    """Of what all makers traded in two weeks; as published, and rounded down."""
    scene = Scene()
    core, today = scene.ledger.core, scene.now // DAY
    core.begin_rebates()
    whole = 10_000_000 * USD
    core.add_maker_volume(BOB, today - 1, int(whole * Fraction(share)))
    core.add_maker_volume(ONE, today - 1, whole - int(whole * Fraction(share)))
    core.add_maker_volume(BOB, today, whole)
    before = scene.cash(BOB)
    trade, notional = perp_trade(scene), Fraction(80_901 * 1_234 * USD, 10**5)
    rebates = [log.event for log in scene.logs if isinstance(log.event, MakerRebatePaid)]
    if percent is None:
        assert trade.maker_fee == notional * Fraction("0.00015") // 1
        assert rebates == []
        return
    rebate = notional * Fraction(percent) / 100 // 1
    assert trade.maker_fee == 0
    assert [it.amount for it in rebates] == [rebate]
    assert scene.cash(BOB) == before + notional + rebate
    assert core.maker_volume(BOB, today + 1) >= whole + notional


def test_a_rebate_is_no_more_than_the_fees_that_are_there() -> None:
    """On a spot pair it is in what the maker receives: a buyer is paid in base."""
    scene = Scene()
    core, today = scene.ledger.core, scene.now // DAY
    core.begin_rebates()
    core.add_maker_volume(BOB, today - 1, 1)
    purr = scene.spot(BOB, PURR)
    trade = spot_trade(scene)
    assert trade.maker_fee == 0
    assert scene.spot(BOB, PURR) == purr + 4_567 * 10**5, "nobody has paid a fee in PURR"
    scene.done(BOB, order(PURR_SPOT, "0.46253", "456", is_buy=False))
    before = scene.spot(BOB, USDC)
    scene.done(ALICE, order(PURR_SPOT, "0.46253", "456"))
    quote = Fraction("0.46253") * 456 * E8
    assert scene.spot(BOB, USDC) == before + quote + quote * 3 // 10**5
    in_base = scene.spot(FEES, PURR)
    assert in_base > 0
    scene.done(BOB, order(PURR_SPOT, "0.46253", "456"))
    before = scene.spot(BOB, PURR)
    scene.done(ALICE, order(PURR_SPOT, "0.46253", "456", is_buy=False))
    rebate = quote * 3 // 10**5 / Fraction("0.46253") * 10**5 / E8 // 1
    assert scene.spot(BOB, PURR) == before + 456 * 10**5 + min(rebate, in_base)
