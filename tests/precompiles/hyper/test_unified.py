"""Unified accounts: what spot orders, sends and perpetuals of one user share, and its reads."""

from __future__ import annotations

from fractions import Fraction

import pytest

from precompiles import errors as exchange
from precompiles.hyper import errors, listing, reads
from precompiles.hyper.dexs import account_address, dex_account
from precompiles.hyper.encoding import (
    SPOT_DEX,
    CancelOrder,
    SendAsset,
    SetAbstraction,
    SpotSend,
    StakingDeposit,
    UsdClassTransfer,
    VaultTransfer,
)
from precompiles.hyper.reads import View
from precompiles.hyper.signed.errors import UnknownSubAccount
from precompiles.hyper.steps import Credit
from precompiles.hyper.system_addresses import ORACLE, perp_address, token_address
from precompiles.ledger.hyper.records import CoreDex, CorePair, CorePerp, CoreToken, Vault
from precompiles.ledger.hyper.signed_records import SubAccount
from precompiles.ledger.perp.records import Leverage
from precompiles.perp import collateral, oracle
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.hyper.world import (
    ALICE,
    BOB,
    BTC,
    E8,
    HYPE,
    HYPE_SPOT,
    IOC,
    PURR,
    SETTINGS,
    SOURCE,
    USD,
    USDC,
    Scene,
    execution,
    order,
)

USDT = 268
GOLD, OIL, TIN = 110_000, 120_000, 130_000
VAULT = Address(b"\x7a" * 20)
STANDARD, UNIFIED, PORTFOLIO = 1, 2, 3


@pytest.fixture
def scene() -> Scene:
    """Gold and oil for USDC on two dexs, tin for USDT0 on another; HYPE is quoted in USDT0 too."""
    scene = Scene()
    owner = execution(scene.ledger)
    token = CoreToken(USDT, "USDT0", 2, 8, -2, Address(b"\xb8" * 20), ZERO_ADDRESS, 0, 10**17)
    listing.list_token(scene.ledger, token)
    listing.list_pair(scene.ledger, CorePair(207, "@207", HYPE, USDT), owner)
    for number, settled in ((1, USDC), (2, USDC), (3, USDT)):
        listing.list_dex(scene.ledger, CoreDex(number, f"d{number}", settled, 0))
        perp = CorePerp(number * 10_000, f"d{number}:X", 4, 20, False)
        listing.list_perp(scene.ledger, perp, ((0, 20),), 4_000 * USD, 6_000, owner)
    for user in (ALICE, BOB):
        scene.give(user, USDT, 10_000 * E8)
    scene.give(token_address(SETTINGS, USDT), USDT, 10**15)
    for dex, settled in ((1, USDC), (2, USDC), (3, USDT)):
        scene.done(BOB, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, dex, settled, 5_000 * E8))
    collateral.credit(owner, BOB, 10_000_000 * USD)
    mark(scene, BTC, 80_000 * USD)
    return scene


def unify(scene: Scene, user: Address = ALICE) -> None:
    scene.done(user, SetAbstraction(user, UNIFIED))


def view(scene: Scene) -> View:
    return View(scene.ledger, SETTINGS, scene.now)


def words(answer: bytes) -> list[int]:
    signed = (answer[at : at + 32] for at in range(0, len(answer), 32))
    return [int.from_bytes(word, "big", signed=True) for word in signed]


def spot_read(scene: Scene, user: Address, token: int) -> tuple[int, int]:
    total, hold, _ = words(reads.spot_balance(view(scene), user, token))
    return total, hold


def free(scene: Scene, user: Address = ALICE, token: int = USDC) -> int:
    total, hold = spot_read(scene, user, token)
    return total - hold


def total_of(scene: Scene, token: int) -> int:
    """Of a token, in spot wallets and as collateral."""
    perp, dexs = scene.ledger.perp, scene.ledger.core.dexs
    tin = sum(it.total for it in dexs if it.collateral == USDT)
    collateral = {USDC: perp.fund.collateral_total - tin, USDT: tin}[token]
    return scene.ledger.spot.token_total(token_address(SETTINGS, token)) + 100 * collateral


def mark(scene: Scene, perp: int, price: int) -> None:
    at = execution(scene.ledger, ORACLE, scene.now)
    oracle.set_price(at, perp_address(perp), price, price)


def test_what_was_in_two_wallets_is_in_one(scene: Scene) -> None:
    before = total_of(scene, USDC), total_of(scene, USDT)
    scene.give(ALICE, USDC, 7)
    unify(scene)
    assert spot_read(scene, ALICE, USDC) == (200_000 * E8 + 7, 0)
    assert spot_read(scene, ALICE, USDT) == (10_000 * E8, 0)
    assert words(reads.withdrawable(view(scene), ALICE)) == [0]
    assert words(reads.account_margin_summary(view(scene), 0, ALICE)) == [0, 0, 0, 0]
    assert spot_read(scene, BOB, USDC)[0] == 90_000 * E8
    assert (total_of(scene, USDC), total_of(scene, USDT)) == (before[0] + 7, before[1])


def test_spot_carries_positions_and_positions_hold_spot(scene: Scene) -> None:
    unify(scene)
    scene.done(BOB, order(BTC, "80000", "50", is_buy=False))
    scene.done(ALICE, order(BTC, "80000", "40"))  # 3.2 M at 20 times: 160,000 of 200,000
    fee = 3_200_000 * E8 * 45 // 100_000
    needed = 3_200_000 * E8 // 10  # a tenth of the notional stays when collateral leaves
    total, hold = spot_read(scene, ALICE, USDC)
    assert total == 200_000 * E8 - fee
    assert (hold, free(scene)) == (total, 0), "a tenth is more than there is"
    assert needed > total
    scene.dropped(
        ALICE,
        SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDC, E8),
        exchange.InsufficientBalance(token_address(SETTINGS, USDC), 0, E8),
    )
    scene.done(ALICE, order(BTC, "80000", "30", is_buy=False))
    scene.done(BOB, order(BTC, "80000", "30"))
    notional = 10 * 80_000 * E8
    total, hold = spot_read(scene, ALICE, USDC)
    assert hold == notional // 10
    receipt = SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDC, total - hold)
    scene.done(ALICE, receipt)
    assert free(scene) == 0


def test_what_positions_gained_is_not_in_the_balance_and_can_be_spent_when_closed(
    scene: Scene,
) -> None:
    unify(scene)
    scene.done(BOB, order(BTC, "80000", "1", is_buy=False))
    scene.done(ALICE, order(BTC, "80000", "1"))
    total, _ = spot_read(scene, ALICE, USDC)
    mark(scene, BTC, 81_000 * USD)
    assert spot_read(scene, ALICE, USDC)[0] == total
    worth, used, notional, raw = words(reads.account_margin_summary(view(scene), 0, ALICE))
    assert (worth, used, notional) == (1_000 * USD, 4_050 * USD, 81_000 * USD)
    assert raw == -80_000 * USD
    scene.done(BOB, order(BTC, "81000", "1"))
    scene.done(ALICE, order(BTC, "81000", "1", is_buy=False))
    fee = 81_000 * E8 * 45 // 100_000
    assert spot_read(scene, ALICE, USDC) == (total + 1_000 * E8 - fee, 0)


def test_a_spot_order_holds_what_positions_no_longer_have(scene: Scene) -> None:
    unify(scene)
    placed = scene.done(ALICE, order(HYPE_SPOT, "80", "2000"))
    assert spot_read(scene, ALICE, USDC) == (200_000 * E8, 160_000 * E8)
    reason = scene.do(ALICE, order(BTC, "80000", "20")).reason
    assert reason[:4] == exchange.InsufficientMargin.signature.selector
    scene.done(ALICE, CancelOrder(HYPE_SPOT, placed.order_id))
    assert spot_read(scene, ALICE, USDC) == (200_000 * E8, 0)
    assert scene.spot(ALICE, USDC) == 0
    scene.done(ALICE, order(BTC, "80000", "20"))


def test_what_a_sale_brings_is_collateral_at_once(scene: Scene) -> None:
    """A resting order of a unified user that somebody else takes, and dust that stays behind."""
    unify(scene)
    scene.done(ALICE, order(HYPE_SPOT, "83.333", "3.33", is_buy=False))
    before = scene.cash(ALICE), spot_read(scene, ALICE, USDC)[0]
    scene.done(BOB, order(HYPE_SPOT, "83.333", "3.33"))
    got = 83_333 * 333 * E8 // 10**5
    got -= got * 40 // 100_000
    assert spot_read(scene, ALICE, USDC)[0] == before[1] + got
    assert scene.cash(ALICE) == before[0] + got // 100
    assert scene.spot(ALICE, USDC) == got % 100


def test_immediate_orders_take_what_the_pool_affords(scene: Scene) -> None:
    unify(scene)
    scene.give(BOB, HYPE, 5_000 * E8)
    scene.done(BOB, order(HYPE_SPOT, "80", "5000", is_buy=False))
    receipt = scene.do(ALICE, order(HYPE_SPOT, "80", "5000", tif=IOC))
    bought = 2_500 * E8 - 2_500 * E8 * 70 // 100_000
    assert receipt.reason == b""
    assert scene.spot(ALICE, HYPE) == 1_000 * E8 + bought
    assert spot_read(scene, ALICE, USDC) == (0, 0)


def test_sends_bridges_vaults_and_deposits_use_the_pool(scene: Scene) -> None:
    scene.ledger.core.vaults.put(VAULT, Vault("v", BOB, 0, 100))
    unify(scene)
    everything = total_of(scene, USDC)
    new = Address(b"\x4e" * 20)
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, 0, SPOT_DEX, USDC, 10 * E8))
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, 1, USDC, 10 * E8))
    scene.done(ALICE, SendAsset(new, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDC, 10 * E8))
    scene.done(ALICE, VaultTransfer(VAULT, True, 10 * USD))
    assert free(scene) == 200_000 * E8 - 41 * E8  # and one for the new account
    assert scene.cash(account_address(1, BOB)) == 5_010 * USD
    scene.done(ALICE, StakingDeposit(1_000 * E8))
    system = token_address(SETTINGS, USDC)
    scene.done(ALICE, SendAsset(system, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDC, 10 * E8))
    fee = Fraction(200_000 * 10**8, 10**18) * Fraction(83_191, 1_000) * E8
    assert free(scene) == 200_000 * E8 - 51 * E8 - -(-fee.numerator // fee.denominator)
    credit = Credit(ALICE, USDC, 3 * USD, SOURCE)
    (receipt,) = scene.end_block(deposits=[credit])
    assert receipt.reason == b""
    assert scene.spot(ALICE, USDC) < 100
    assert total_of(scene, USDC) == everything


def test_one_balance_carries_all_dexs_of_its_token(scene: Scene) -> None:
    """200,000 carry 2 M of gold and 1.9 M of oil; tin is carried by USDT0 alone."""
    unify(scene)
    everything = total_of(scene, USDC), total_of(scene, USDT)
    scene.done(BOB, order(GOLD, "4000", "20", is_buy=False))
    scene.done(BOB, order(OIL, "4000", "20", is_buy=False))
    scene.done(BOB, order(TIN, "4000", "20", is_buy=False))
    for asset in (GOLD, OIL, TIN):
        scene.done(ALICE, order(asset, "4000", "20"))
    assert dex_account(scene.ledger, 1, ALICE) == ALICE
    assert dex_account(scene.ledger, 3, ALICE) == account_address(3, ALICE)
    for perp in (10_000, 20_000):
        assert scene.ledger.perp.netting_position(ALICE, perp_address(perp)) is not None
    for dex in (1, 2, 3):
        _, used, notional, _ = words(reads.account_margin_summary(view(scene), dex, ALICE))
        assert (used, notional) == (4_000 * USD, 80_000 * USD)
    assert words(reads.account_margin_summary(view(scene), 0, ALICE)) == [0, 0, 0, 0]
    fee = 80_000 * E8 * 45 // 100_000
    assert spot_read(scene, ALICE, USDT) == (10_000 * E8 - fee, 8_000 * E8)
    assert spot_read(scene, ALICE, USDC) == (200_000 * E8 - 2 * fee, 16_000 * E8)
    # A loss on one dex comes out of what carries the other.
    mark(scene, 10_000, 3_800 * USD)
    assert spot_read(scene, ALICE, USDC)[1] > 16_000 * E8
    assert (total_of(scene, USDC), total_of(scene, USDT)) == everything


def test_what_standard_users_won_of_unified_ones_can_leave_their_dex(scene: Scene) -> None:
    unify(scene)
    everything = total_of(scene, USDC)
    scene.done(BOB, order(GOLD, "4000", "20", is_buy=False))
    scene.done(ALICE, order(GOLD, "4000", "20"))
    mark(scene, 10_000, 2_000 * USD)
    scene.done(ALICE, order(GOLD, "2000", "20", is_buy=False))
    scene.done(BOB, order(GOLD, "2000", "20"))
    won = scene.cash(account_address(1, BOB))
    assert won > 40_000 * USD, "more than was ever paid in there"
    scene.done(BOB, SendAsset(BOB, ZERO_ADDRESS, 1, SPOT_DEX, USDC, won * 100))
    assert scene.cash(account_address(1, BOB)) == 0
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDC, free(scene)))
    assert total_of(scene, USDC) == everything


def test_losses_beyond_the_balance_are_liquidated_across_dexs(scene: Scene) -> None:
    unify(scene)
    everything = total_of(scene, USDC)
    for asset in (GOLD, OIL):
        scene.done(BOB, order(asset, "4000", "20", is_buy=False))
        scene.done(ALICE, order(asset, "4000", "20"))
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDC, free(scene)))
    mark(scene, 10_000, 3_100 * USD)
    scene.begin_block()
    for perp in (10_000, 20_000):
        assert scene.ledger.perp.netting_position(ALICE, perp_address(perp)) is None
    assert spot_read(scene, ALICE, USDC)[0] < 100
    assert total_of(scene, USDC) == everything


def test_a_mode_is_chosen_by_the_account_or_its_master(scene: Scene) -> None:
    own = Address(b"\x50" * 20)
    scene.dropped(ALICE, SetAbstraction(BOB, UNIFIED), UnknownSubAccount(BOB))
    scene.ledger.core.sub_accounts.put(ALICE + own, SubAccount("one"))
    scene.done(ALICE, SetAbstraction(own, UNIFIED))
    assert scene.ledger.core.is_unified(own)
    assert not scene.ledger.core.is_unified(ALICE)
    for mode in (0, 4, 255):
        scene.dropped(ALICE, SetAbstraction(ALICE, mode), errors.UnknownAbstraction(mode))
    reason = errors.PortfolioMarginNotSupported()
    scene.dropped(ALICE, SetAbstraction(ALICE, PORTFOLIO), reason)
    scene.done(ALICE, SetAbstraction(ALICE, STANDARD))
    unify(scene)
    unify(scene)
    scene.dropped(ALICE, SetAbstraction(ALICE, STANDARD), errors.UnifiedForGood(ALICE))
    scene.ledger.core.vaults.put(BOB, Vault("v", ALICE, 0, 100))
    scene.dropped(BOB, SetAbstraction(BOB, UNIFIED), errors.ModeOfVault(BOB))


def test_wallets_that_are_no_more_are_refused(scene: Scene) -> None:
    unify(scene)
    reason = errors.BalancesAreUnified(ALICE)
    scene.dropped(ALICE, SpotSend(BOB, HYPE, 1), reason)
    scene.dropped(ALICE, SpotSend(token_address(SETTINGS, PURR), PURR, 10**5), reason)
    for to_perp in (True, False):
        scene.dropped(ALICE, UsdClassTransfer(USD, to_perp), reason)
    for dexs in ((SPOT_DEX, 0), (0, SPOT_DEX), (1, 2), (SPOT_DEX, SPOT_DEX)):
        own = SendAsset(ALICE, ZERO_ADDRESS, *dexs, USDC, E8)
        scene.dropped(ALICE, own, errors.SendToSelf())


def test_what_is_open_on_a_dex_whose_account_is_replaced_keeps_the_mode(scene: Scene) -> None:
    for dex, token in ((1, USDC), (3, USDT)):
        scene.done(ALICE, SendAsset(ALICE, ZERO_ADDRESS, SPOT_DEX, dex, token, 1_000 * E8))
    on_gold, on_tin = (
        scene.done(ALICE, order(asset, "3900", "1")).order_id for asset in (GOLD, TIN)
    )
    scene.dropped(ALICE, SetAbstraction(ALICE, UNIFIED), errors.OpenOnOtherDex(1))
    scene.done(ALICE, CancelOrder(GOLD, on_gold))
    leverages, gold = scene.ledger.perp.leverages, perp_address(10_000)
    leverages.put(gold + account_address(1, ALICE), Leverage(3, is_cross=False))
    unify(scene)
    assert scene.cash(account_address(1, ALICE)) == 0
    assert free(scene) == 200_000 * E8
    assert leverages.get(gold + ALICE) == Leverage(3, is_cross=False)
    assert leverages.get(gold + account_address(1, ALICE)) is None
    scene.done(ALICE, CancelOrder(TIN, on_tin))


def test_entry_notional_is_of_the_whole_balance(scene: Scene) -> None:
    """USDT0 that carries tin is bought for what it was, wherever the ledger has it."""
    scene.done(BOB, order(10_207, "80", "10", is_buy=True))
    unify(scene)
    scene.done(ALICE, order(10_207, "80", "10", is_buy=False))
    got = 800 * E8 - 800 * E8 * 70 // 100_000
    assert spot_read(scene, ALICE, USDT)[0] == 10_000 * E8 + got
    entry = words(reads.spot_balance(view(scene), ALICE, USDT))[2]
    assert entry == 800 * USD
    half = (10_000 * E8 + got) // 2
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, USDT, half))
    left = 10_000 * E8 + got - half
    after = words(reads.spot_balance(view(scene), ALICE, USDT))[2]
    assert after == entry * left // (left + half)
