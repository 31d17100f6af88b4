"""Perpetuals as Hyperliquid has them, all through actions: margin, mark, funding of losses."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from precompiles import errors as exchange
from precompiles.hyper.encoding import CancelOrder, UsdClassTransfer
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.system_addresses import ORACLE, perp_address
from precompiles.ledger.hyper.records import CorePerp, CoreRules, CoreUser
from precompiles.ledger.perp.records import Leverage, Position
from precompiles.perp import collateral, markets, oracle
from precompiles.perp.book_liquidation import Stage
from precompiles.perp.events import Deleveraged, Liquidated
from precompiles.perp.health import cross_health
from precompiles.types import Address, PositionKind
from tests.precompiles.hyper.world import (
    ALICE,
    ALO,
    BOB,
    BTC,
    HYPE_PERP,
    IOC,
    USD,
    Scene,
    execution,
    order,
    perp_mark,
)

CAROL, BACKSTOP = Address(b"\x0c" * 20), Address(b"\xb5" * 20)
MARKET = perp_address(BTC)


@pytest.fixture
def scene() -> Scene:
    """With a third user, rich enough to make any market."""
    scene = Scene()
    scene.ledger.core.put_user(CAROL, CoreUser(True, False))
    collateral.credit(execution(scene.ledger), CAROL, 10_000_000 * USD)
    return scene


def trade(
    scene: Scene, price: str, size: str, *, maker: Address = CAROL, is_buy: bool = True
) -> None:
    """ALICE takes from a maker."""
    scene.done(maker, order(BTC, price, size, is_buy=not is_buy))
    scene.done(ALICE, order(BTC, price, size, is_buy=is_buy))


def held(scene: Scene, user: Address = ALICE) -> Position | None:
    return scene.ledger.perp.netting_position(user, MARKET)


def set_price(scene: Scene, dollars: int) -> None:
    """Of the oracle, and outside."""
    at = execution(scene.ledger, ORACLE, scene.now)
    oracle.set_price(at, MARKET, dollars * USD, dollars * USD)


def liquidations(scene: Scene) -> list[Liquidated]:
    """In the last step."""
    return [log.event for log in scene.logs if isinstance(log.event, Liquidated)]


# Margin


def test_the_default_leverage_is_a_rule(scene: Scene) -> None:
    scene.ledger.core.rules = CoreRules(default_leverage=5)
    trade(scene, "80900", "0.1")
    position = held(scene)
    assert position is not None
    assert (position.leverage, position.kind) == (5, PositionKind.CROSS)
    scene.done(ALICE, order(HYPE_PERP, "83", "1"))
    chosen = scene.ledger.perp.leverages.get(perp_address(HYPE_PERP) + ALICE)
    assert chosen == Leverage(5, is_cross=True)


def test_what_may_leave_is_all_but_the_margin_and_a_tenth_of_the_positions(scene: Scene) -> None:
    """At 20 times margin is a twentieth, so the tenth decides; the mark is 80,900 by the book."""
    scene.done(CAROL, order(BTC, "80900", "1", is_buy=False))
    scene.done(CAROL, order(BTC, "80898", "1"))
    scene.done(ALICE, order(BTC, "80900", "1"))
    scene.done(CAROL, order(BTC, "80902", "1", is_buy=False))
    scene.begin_block()
    health = cross_health(scene.ledger, ALICE, scene.now)
    assert health.withdrawable == health.equity - -(-health.notional // 10)
    over = exchange.InsufficientMargin(health.withdrawable, health.withdrawable + 1)
    scene.dropped(ALICE, UsdClassTransfer(health.withdrawable + 1, to_perp=False), over)
    scene.done(ALICE, UsdClassTransfer(health.withdrawable, to_perp=False))


def test_an_isolated_position_loses_what_is_behind_it_alone(scene: Scene) -> None:
    """8,090 at 20 times are backed by 404.50 and nothing else."""
    scene.ledger.perp.leverages.put(MARKET + ALICE, Leverage(20, is_cross=False))
    trade(scene, "80900", "0.1")
    position = held(scene)
    assert position is not None
    assert position.kind == PositionKind.ISOLATED
    assert position.cash == 404_500_000 - 8_090 * USD
    cash = scene.cash(ALICE)
    set_price(scene, 76_000)
    scene.begin_block()
    assert liquidations(scene)[0].user == ALICE
    assert held(scene) is None
    assert scene.cash(ALICE) == cash


def test_an_asset_may_be_for_isolated_positions_only(scene: Scene) -> None:
    perp = scene.ledger.core.perp(BTC)
    assert isinstance(perp, CorePerp)
    scene.ledger.core.put_perp(replace(perp, only_isolated=True))
    trade(scene, "80900", "0.1")
    position = held(scene)
    assert position is not None
    assert position.kind == PositionKind.ISOLATED


def test_fees_are_rounded_down(scene: Scene) -> None:
    """0.00013 at 80,900 is 10.517: 0.00473265 and 0.00157755."""
    before = scene.cash(ALICE), scene.cash(CAROL)
    trade(scene, "80900", "0.00013")
    assert scene.cash(ALICE) == before[0] - 10_517_000 - 4_732
    assert scene.cash(CAROL) == before[1] + 10_517_000 - 1_577


# The mark


def test_the_mark_goes_where_two_of_three_prices_are(scene: Scene) -> None:
    """Far from the oracle's price too, which is 80,831.80: no bound holds it."""
    scene.done(CAROL, order(BTC, "89990", "1"))
    scene.done(BOB, order(BTC, "90010", "1", is_buy=False))
    scene.begin_block(600)
    scene.done(ALICE, order(BTC, "90010", "0.01"))
    scene.begin_block()
    bound = 80_831_800_000 * 81 // 80
    assert bound < 89_800 * USD < perp_mark(scene.ledger, BTC) <= 90_000 * USD


def test_positions_are_judged_at_the_mark(scene: Scene) -> None:
    """A book that went down liquidates, whatever the oracle says."""
    trade(scene, "80900", "1")
    leave_with_margin(scene)
    for price, is_buy in (("76990", True), ("77010", False)):
        scene.done(CAROL, order(BTC, price, "2", is_buy=is_buy, tif=ALO))
    assert scene.begin_block() == []
    assert held(scene) is not None
    scene.begin_block(600)
    assert perp_mark(scene.ledger, BTC) < 77_100 * USD
    assert liquidations(scene)


def leave_with_margin(scene: Scene) -> None:
    """As little behind a long of 1 BTC as may be, which is a tenth of it."""
    withdrawable = cross_health(scene.ledger, ALICE, scene.now).withdrawable
    scene.done(ALICE, UsdClassTransfer(withdrawable, to_perp=False))
    scene.ledger.perp.change_cash(ALICE, -5_000 * USD)
    scene.ledger.perp.change_cash(CAROL, 5_000 * USD)


# Liquidation by stages


def endangered(scene: Scene, dollars: int) -> None:
    """ALICE's long of 1 BTC with some 3,000 behind it, at a price; maintenance is an eightieth."""
    trade(scene, "80900", "1")
    leave_with_margin(scene)
    set_price(scene, dollars)


def test_the_book_comes_first(scene: Scene) -> None:
    endangered(scene, 78_700)
    scene.done(CAROL, order(BTC, "78690", "5"))
    scene.begin_block()
    (found,) = liquidations(scene)
    assert (found.stage, found.size, found.price) == (Stage.BOOK, 100_000, 78_690 * USD)
    assert held(scene) is None
    assert scene.cash(ALICE) > 0


def test_the_backstop_takes_over_with_all_that_is_behind(scene: Scene) -> None:
    """Below two thirds of the maintenance margin, which stays with it."""
    collateral.credit(execution(scene.ledger), BACKSTOP, 1_000_000 * USD)
    markets.set_backstop(execution(scene.ledger), BACKSTOP)
    endangered(scene, 78_200)
    equity = cross_health(scene.ledger, ALICE, scene.now).equity
    assert 0 < equity < 78_200 * USD // 80 * 2 // 3
    scene.begin_block()
    (found,) = liquidations(scene)
    assert (found.stage, found.price) == (Stage.BACKSTOP, 78_200 * USD)
    assert (held(scene), scene.cash(ALICE)) == (None, 0)
    assert cross_health(scene.ledger, BACKSTOP, scene.now).equity == 1_000_000 * USD + equity


def test_winners_are_closed_where_nothing_is_left(scene: Scene) -> None:
    """At the mark; what the bankrupt lacks is taken from their profit, and none of it is lost."""
    endangered(scene, 70_000)
    before = scene.ledger.perp.fund
    scene.begin_block()
    (found,) = liquidations(scene)
    assert found.stage == Stage.DELEVERAGING
    assert [log for log in scene.logs if isinstance(log.event, Deleveraged)]
    assert (held(scene), held(scene, CAROL)) == (None, None)
    assert scene.cash(ALICE) == 0
    assert scene.ledger.perp.fund == before


def test_a_large_position_loses_a_fifth_first(scene: Scene) -> None:
    """Above 100,000; the rest has half a minute."""
    trade(scene, "80900", "2")
    leave_with_margin(scene)
    set_price(scene, 76_100)
    scene.done(CAROL, order(BTC, "76090", "5"))
    scene.begin_block()
    (found,) = liquidations(scene)
    assert (found.stage, found.size) == (Stage.BOOK, 40_000)
    scene.begin_block(5)
    assert liquidations(scene) == []


def test_orders_of_the_liquidated_are_gone(scene: Scene) -> None:
    endangered(scene, 78_700)
    scene.done(CAROL, order(BTC, "78690", "5"))
    reducing = order(BTC, "78750", "1", is_buy=False)._replace(reduce_only=True)
    placed = scene.done(ALICE, reducing)
    scene.begin_block()
    reason = exchange.OrderNotActive(placed.order_id, 4)
    scene.dropped(ALICE, CancelOrder(BTC, placed.order_id), reason)


def test_an_immediate_order_is_cut_to_the_position(scene: Scene) -> None:
    """One that may only reduce closes all there is, and is done."""
    trade(scene, "80900", "0.1")
    scene.done(CAROL, order(BTC, "80900", "5"))
    closing = order(BTC, "80000", "9", is_buy=False, tif=IOC)._replace(reduce_only=True)
    receipt = scene.do(ALICE, closing)
    assert receipt.outcome == Outcome.DONE
    assert held(scene) is None
