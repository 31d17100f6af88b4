"""Builders' dexs: their own collateral, accounts, margin and losses; nothing of the first dex's."""

from __future__ import annotations

import pytest

from precompiles import errors as exchange
from precompiles.hyper import dexs, errors, listing, reads
from precompiles.hyper.dexs import account_address
from precompiles.hyper.encoding import (
    SPOT_DEX,
    CancelByClientId,
    CancelOrder,
    SendAsset,
    SetAbstraction,
    UsdClassTransfer,
)
from precompiles.hyper.reads import View
from precompiles.hyper.system_addresses import FEES, ORACLE, perp_address, token_address
from precompiles.hyper.words import ReadFailed
from precompiles.ledger.checks import check
from precompiles.ledger.hyper.records import CoreDex, CorePerp, CoreToken, CoreUser, DexAccount
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.perp.records import Leverage
from precompiles.orders.events import Trade
from precompiles.perp import insurance, markets, oracle
from precompiles.perp.book_liquidation import Stage
from precompiles.perp.events import Liquidated
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.hyper.world import (
    ALICE,
    BOB,
    BTC,
    E8,
    SETTINGS,
    USD,
    USDC,
    Scene,
    execution,
    order,
)

USDT, DEX = 268, 1
GOLD, GOLD_ID = 110_000, 10_000
"""As actions number it, and as reads do."""


def to_dex(wei: int, user: Address = ALICE) -> SendAsset:
    return SendAsset(user, ZERO_ADDRESS, SPOT_DEX, DEX, USDT, wei)


def from_dex(wei: int, user: Address = ALICE) -> SendAsset:
    return SendAsset(user, ZERO_ADDRESS, DEX, SPOT_DEX, USDT, wei)


def usd(scene: Scene, user: Address) -> int:
    return scene.cash(account_address(DEX, user))


@pytest.fixture
def scene() -> Scene:
    """With a dex that trades gold for USDT0."""
    scene, owner = Scene(), execution(Scene().ledger)
    owner = execution(scene.ledger)
    token = CoreToken(USDT, "USDT0", 2, 8, -2, Address(b"\xb8" * 20), ZERO_ADDRESS, 0, 10**17)
    listing.list_token(scene.ledger, token)
    listing.list_dex(scene.ledger, CoreDex(DEX, "xyz", USDT, 0))
    gold = CorePerp(GOLD_ID, "xyz:GOLD", 4, 20, False)
    listing.list_perp(scene.ledger, gold, ((0, 20),), 4_000 * USD, 6_000, owner)
    for user in (ALICE, BOB):
        scene.give(user, USDT, 10_000 * E8)
        scene.done(user, to_dex(5_000 * E8, user))
    return scene


def total(scene: Scene, token: int) -> int:
    """Of HyperCore, in wei: spot, and what is collateral of each dex."""
    dex, fund = scene.ledger.core.dex(DEX), scene.ledger.perp.fund
    assert dex is not None
    collateral = {USDT: dex.total, USDC: fund.collateral_total - dex.total}[token]
    return scene.ledger.spot.token_total(token_address(SETTINGS, token)) + 100 * collateral


def test_collateral_goes_in_and_out_in_its_own_token(scene: Scene) -> None:
    before = total(scene, USDT), total(scene, USDC), scene.cash(ALICE)
    scene.done(ALICE, from_dex(1_000 * E8))
    assert (usd(scene, ALICE), scene.spot(ALICE, USDT)) == (4_000 * USD, 6_000 * E8)
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, DEX, DEX, USDT, 250 * E8))
    assert (usd(scene, ALICE), usd(scene, BOB)) == (3_750 * USD, 5_250 * USD)
    assert (total(scene, USDT), total(scene, USDC), scene.cash(ALICE)) == before
    for wrong in (
        SendAsset(ALICE, ZERO_ADDRESS, SPOT_DEX, DEX, USDC, E8),
        SendAsset(ALICE, ZERO_ADDRESS, 0, DEX, USDC, E8),
    ):
        scene.dropped(ALICE, wrong, errors.NotCollateral(USDC, DEX))
    wrong = SendAsset(ALICE, ZERO_ADDRESS, SPOT_DEX, 2, USDT, E8)
    scene.dropped(ALICE, wrong, errors.UnknownDex(2))
    too_much = exchange.InsufficientMargin(3_750 * USD, 3_750 * USD + 1)
    scene.dropped(ALICE, from_dex(3_750 * E8 + 100), too_much)


def test_margin_is_that_of_the_dex_alone(scene: Scene) -> None:
    """5,000 carry 100,000 at 20 times; the 100,000 on the first dex carry nothing here."""
    scene.done(BOB, order(GOLD, "4000", "20", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "20"))
    market, account = perp_address(GOLD_ID), account_address(DEX, ALICE)
    position = scene.ledger.perp.netting_position(account, market)
    assert position is not None
    assert (position.size, position.leverage) == (200_000, 20)
    assert scene.ledger.perp.netting_position(ALICE, market) is None
    receipt = scene.do(ALICE, order(GOLD, "4000", "10"))
    assert receipt.reason[:4] == errors.FundsInOtherWallet.signature.selector
    scene.done(ALICE, UsdClassTransfer(100_000 * USD, to_perp=False))
    fee = 80_000 * USD * 45 // 100_000
    assert usd(scene, ALICE) == 5_000 * USD - 80_000 * USD - fee
    assert scene.ledger.core.dex_accounts.rows[account] == DexAccount(DEX, ALICE)


def test_volume_and_stake_count_for_the_user_on_every_dex(scene: Scene) -> None:
    today = scene.now // (24 * 3_600)
    scene.ledger.core.add_volume(ALICE, today - 1, 5_000_000 * USD)
    scene.done(BOB, order(GOLD, "4000", "1", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "1"))
    (trade,) = [log.event for log in scene.logs if isinstance(log.event, Trade)]
    assert trade.taker_fee == 4_000 * USD * 40 // 100_000
    assert scene.ledger.core.volume(ALICE, today + 1) == 5_004_000 * USD
    assert account_address(DEX, ALICE) not in scene.ledger.core.volumes.rows


def test_reads_are_by_dex(scene: Scene) -> None:
    scene.done(BOB, order(GOLD, "4000", "2", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "2"))
    view = View(scene.ledger, SETTINGS, scene.now)

    def words(answer: bytes) -> list[int]:
        return [int.from_bytes(answer[at : at + 32], "big") for at in range(0, len(answer), 32)]

    assert words(reads.position(view, ALICE, GOLD_ID))[:2] == [20_000, 8_000 * USD]
    assert words(reads.mark_price(view, GOLD_ID)) == [4_000 * 10**2]
    fee = 8_000 * USD * 45 // 100_000
    worth, used, notional, raw = words(reads.account_margin_summary(view, DEX, ALICE))
    assert (worth, used, notional) == (5_000 * USD - fee, 400 * USD, 8_000 * USD)
    assert raw == 2**256 - (3_000 * USD + fee)
    assert words(reads.account_margin_summary(view, 0, ALICE))[0] == 100_000 * USD
    with pytest.raises(ReadFailed, match="no perpetuals dex 2"):
        reads.account_margin_summary(view, 2, ALICE)


def test_orders_are_cancelled_by_who_placed_them(scene: Scene) -> None:
    placed = scene.done(ALICE, order(GOLD, "3900", "1", cloid=5)).order_id
    account, other = account_address(DEX, ALICE), account_address(DEX, BOB)
    scene.dropped(BOB, CancelOrder(GOLD, placed), exchange.NotOrderOwner(placed, other, account))
    scene.dropped(ALICE, CancelByClientId(BTC, 5), exchange.ClientOrderIdNotFound(5))
    scene.done(ALICE, order(BTC, "80000", "0.1", cloid=5))
    scene.done(ALICE, CancelByClientId(GOLD, 5))
    scene.done(ALICE, CancelByClientId(BTC, 5))


def test_fees_of_a_dex_are_paid_in_its_collateral(scene: Scene) -> None:
    before = scene.cash(FEES)
    scene.done(BOB, order(GOLD, "4000", "1", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "1"))
    assert scene.cash(FEES) == before
    assert usd(scene, FEES) == 4_000 * USD * (45 + 15) // 100_000


def test_a_dexs_backstop_takes_over_with_what_it_has_there(scene: Scene) -> None:
    """Of a position 7 % under water but for a quarter of its maintenance, none is closed."""
    backstop, number = Address(b"\xb5" * 20), 2
    owner = execution(scene.ledger)
    listing.list_dex(scene.ledger, CoreDex(number, "two", USDT, 0), backstop)
    oil = CorePerp(20_000, "two:OIL", 4, 20, False)
    listing.list_perp(scene.ledger, oil, ((0, 20),), 4_000 * USD, 6_000, owner)
    scene.ledger.core.put_user(backstop, CoreUser(True, False))
    for user in (ALICE, BOB):
        sent = SendAsset(user, ZERO_ADDRESS, SPOT_DEX, number, USDT, 5_000 * E8)
        scene.done(user, sent)
    there = account_address(number, backstop)
    dexs.credit(execution(scene.ledger), number, backstop, 50_000 * USD)
    scene.done(BOB, order(120_000, "4000", "20", is_buy=False))
    scene.done(ALICE, order(120_000, "4000", "20"))
    everything = total(scene, USDC), scene.cash(ALICE), scene.cash(BOB)
    oracle.set_price(
        execution(scene.ledger, ORACLE, scene.now), perp_address(20_000), 3_770 * USD, 3_770 * USD
    )
    scene.begin_block()
    (found,) = [log.event for log in scene.logs if isinstance(log.event, Liquidated)]
    assert (found.user, found.stage) == (account_address(number, ALICE), Stage.BACKSTOP)
    taken = scene.ledger.perp.netting_position(there, perp_address(20_000))
    assert taken is not None
    assert taken.size == 200_000
    assert scene.cash(account_address(number, ALICE)) == 0
    assert (total(scene, USDC), scene.cash(ALICE), scene.cash(BOB)) == everything
    reason = errors.ModeOfVault(backstop)
    scene.dropped(backstop, SetAbstraction(backstop, 2), reason)


def test_insurance_of_a_dex_is_its_own(scene: Scene) -> None:
    gold, first = perp_address(GOLD_ID), scene.ledger.perp.fund
    at = execution(scene.ledger, ALICE)
    scene.ledger.perp.change_cash(account_address(DEX, ALICE), -7)
    insurance.pay_in(at, 7, gold)
    row = scene.ledger.core.dex_funds.rows[index_key(DEX)]
    assert (row.insurance, row.deficit) == (7, 0)
    assert insurance.pay_out(at, 5, gold) == 5
    insurance.cover(at, 4, gold)
    assert insurance.deficit_of(scene.ledger, gold) == 2
    assert insurance.pay_out(at, 1, perp_address(BTC)) == 0
    scene.ledger.perp.change_cash(account_address(DEX, ALICE), 9)
    insurance.pay_in(at, 2, gold)
    assert insurance.deficit_of(scene.ledger, gold) == 0
    scene.ledger.perp.change_cash(account_address(DEX, ALICE), -2)
    assert check(scene.ledger) == []
    assert scene.ledger.perp.fund == first
    changes = [event for event in at.events if isinstance(event, insurance.DexInsuranceChanged)]
    assert [(it.dex, it.change, it.fund, it.deficit) for it in changes] == [
        (DEX, 7, 7, 0), (DEX, -5, 2, 0), (DEX, -2, 0, 0), (DEX, 0, 0, 2), (DEX, 2, 0, 0),
    ]  # fmt: skip


def test_what_is_idle_on_a_dex_is_backed_there(scene: Scene) -> None:
    """A winner on the dex takes out no more than losers there have, whatever the first dex holds.

    Alice is bankrupt and not liquidated yet, since nobody looks; Bob would leave with his profit.
    """
    scene.done(BOB, order(GOLD, "4000", "20", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "20"))
    carol = Address(b"\x4c" * 20)
    scene.ledger.core.put_user(carol, CoreUser(True, False))
    dexs.credit(execution(scene.ledger), DEX, carol, 5_000 * USD)
    at = execution(scene.ledger, ORACLE, scene.now)
    oracle.set_price(at, perp_address(GOLD_ID), 3_000 * USD, 3_000 * USD)
    scene.done(carol, order(GOLD, "3000", "10", is_buy=False))
    receipt = scene.do(BOB, order(GOLD, "3000", "10"))
    assert receipt.reason == b"", "who keeps a position may close a part"
    scene.done(carol, order(GOLD, "3000", "10", is_buy=False))
    receipt = scene.do(BOB, order(GOLD, "3000", "10"))
    assert receipt.reason[:4] == exchange.InsufficientCollateral.signature.selector
    assert scene.ledger.perp.fund.collateral_total > 100_000 * USD


def test_a_loss_on_a_dex_is_borne_there_and_by_no_backstop(scene: Scene) -> None:
    backstop = Address(b"\xb5" * 20)
    markets.set_backstop(execution(scene.ledger), backstop)
    scene.ledger.core.put_user(backstop, CoreUser(True, False))
    key = perp_address(GOLD_ID) + account_address(DEX, ALICE)
    scene.ledger.perp.leverages.put(key, Leverage(20, is_cross=True))
    scene.done(BOB, order(GOLD, "4000", "20", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "20"))
    before = total(scene, USDT), total(scene, USDC), scene.cash(ALICE), scene.cash(BOB)
    at = execution(scene.ledger, ORACLE, scene.now)
    oracle.set_price(at, perp_address(GOLD_ID), 3_700 * USD, 3_700 * USD)
    scene.begin_block()
    (found,) = [log.event for log in scene.logs if isinstance(log.event, Liquidated)]
    assert (found.user, found.stage) == (account_address(DEX, ALICE), Stage.DELEVERAGING)
    assert usd(scene, ALICE) == 0
    fees = 80_000 * USD * (45 + 15) // 100_000
    assert usd(scene, BOB) == 10_000 * USD - fees
    assert scene.cash(backstop) == 0
    assert (total(scene, USDT), total(scene, USDC), scene.cash(ALICE), scene.cash(BOB)) == before


@pytest.mark.parametrize(
    ("dex", "expected"),
    [
        (CoreDex(0, "abc", USDT, 0), "index: expected 1 to 9999"),
        (CoreDex(1, "abc", USDT, 0), "index: expected 1 to 9999, one that no other dex has, got 1"),
        (CoreDex(2, "toolong", USDT, 0), "name: expected one to 6 characters, got 'toolong'"),
        (CoreDex(2, "abc", 99, 0), "collateral: expected a listed token of 8 wei_decimals, got 99"),
    ],
)
def test_a_dex_that_can_not_be_is_named(scene: Scene, dex: CoreDex, expected: str) -> None:
    with pytest.raises(listing.InvalidListing, match=expected):
        listing.list_dex(scene.ledger, dex)


def test_one_user_has_an_address_on_each_dex() -> None:
    found = {account_address(dex, user) for dex in range(3) for user in (ALICE, BOB)}
    assert len(found) == 6
    assert account_address(0, ALICE) == ALICE
