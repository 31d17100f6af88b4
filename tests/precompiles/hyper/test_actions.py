"""What actions do, and the reason that each gets which does nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from precompiles import errors as exchange
from precompiles.errors import ContractError
from precompiles.hyper import errors, listing
from precompiles.hyper.encoding import (
    SPOT_DEX,
    Action,
    AddApiWallet,
    ApproveBuilderFee,
    BorrowLend,
    CancelByClientId,
    CancelOrder,
    FinalizeContract,
    LimitOrder,
    ReflectSupply,
    SendAsset,
    SetAbstraction,
    SpotSend,
    StakingDeposit,
    StakingWithdraw,
    TokenDelegate,
    UsdClassTransfer,
    UserOutcome,
    VaultTransfer,
    encode_action,
)
from precompiles.hyper.receipts import DEPOSIT, ActionReceipt, Outcome
from precompiles.hyper.steps import Credit
from precompiles.hyper.system_addresses import (
    EMISSIONS,
    FEES,
    HYPE_SYSTEM,
    STAKING,
    perp_address,
    token_address,
)
from precompiles.hyper.vaults import equity_of
from precompiles.ledger.hyper.records import (
    CoreRules,
    CoreToken,
    CoreUser,
    Outgoing,
    Validator,
    Vault,
)
from precompiles.ledger.perp.records import Leverage
from precompiles.perp import collateral
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.hyper.world import (
    ALICE,
    ALO,
    BOB,
    BTC,
    E8,
    GTC,
    HYPE,
    HYPE_PERP,
    HYPE_SPOT,
    IOC,
    NOW,
    PURR,
    PURR_SPOT,
    SETTINGS,
    SOURCE,
    USD,
    USDC,
    Scene,
    execution,
    order,
    perp_mark,
)

NOBODY, VAULT = Address(b"\x77" * 20), Address(b"\xdf" * 20)
USDC_SYSTEM = Address(b"\x20".ljust(20, b"\0"))
UNIT = 10**6


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Orders


def test_a_spot_trade_pays_its_fee_in_quote_first(scene: Scene) -> None:
    """Measured on testnet: 4 PURR at 4.6252 cost 18.5008 and bring 3.9972."""
    scene.done(BOB, order(PURR_SPOT, "0.46252", "40", is_buy=False))
    before = scene.spot(ALICE, USDC), scene.spot(ALICE, PURR)
    receipt = scene.done(ALICE, order(PURR_SPOT, "0.46252", "40"))
    assert scene.ledger.spot_order(receipt.order_id).filled == 40 * 10**5  # type: ignore[union-attr] # it was just placed
    assert scene.spot(ALICE, USDC) == before[0] - 1_850_080_000
    assert scene.spot(ALICE, PURR) == before[1] + 3_997_200
    assert scene.ledger.core.last_price(0) == 46_252 * 10**3


@pytest.mark.parametrize(
    ("price", "size", "base_fee", "quote_fee"),
    [
        ("4.6252", "4", 280, 1_295_056),
        ("4.5795", "3", 210, 961_695),
        ("0.33333", "31", 2_169, 723_326),
    ],
)
def test_both_fees_are_rounded_down(price: str, size: str, base_fee: int, quote_fee: int) -> None:
    """The first two were measured on testnet; each side takes once."""
    for taker_buys in (True, False):
        scene = Scene()
        scene.ledger.core.put_last_price(0, int(Fraction(price) * E8))
        maker, taker = (BOB, ALICE)
        before = scene.spot(taker, PURR), scene.spot(taker, USDC)
        scene.done(maker, order(PURR_SPOT, price, size, is_buy=not taker_buys))
        scene.done(taker, order(PURR_SPOT, price, size, is_buy=taker_buys))
        amount, quote = int(size) * 10**5, int(Fraction(price) * E8) * int(size)
        change = scene.spot(taker, PURR) - before[0], scene.spot(taker, USDC) - before[1]
        expected = (amount - base_fee, -quote) if taker_buys else (-amount, quote - quote_fee)
        assert change == expected


def test_a_perpetual_trade_at_the_default_leverage(scene: Scene) -> None:
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))
    receipt = scene.done(ALICE, order(BTC, "80900", "0.1"))
    position = scene.ledger.perp.netting_position(ALICE, perp_address(BTC))
    assert position is not None
    assert (position.size, position.entry_notional) == (10_000, 8_090 * USD)
    assert position.leverage == 20
    assert receipt == ActionReceipt(
        ALICE, receipt.sequence, SOURCE, 1, Outcome.DONE, receipt.order_id, b""
    )
    scene.done(ALICE, order(HYPE_PERP, "83", "1"))
    assert scene.ledger.perp.leverages.get(perp_address(HYPE_PERP) + ALICE) == Leverage(10, True)


def test_an_immediate_order_is_done_in_part(scene: Scene) -> None:
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))
    receipt = scene.do(ALICE, order(BTC, "80900", "0.3", tif=IOC))
    assert (receipt.outcome, receipt.reason) == (Outcome.PARTLY_DONE, b"")


def test_orders_are_cancelled_by_id_and_client_id(scene: Scene) -> None:
    for asset, price in ((HYPE_SPOT, "80"), (BTC, "80000")):
        placed = scene.done(ALICE, order(asset, price, "1", cloid=9))
        assert scene.done(ALICE, CancelByClientId(asset, 9)).order_id == placed.order_id
        placed = scene.done(ALICE, order(asset, price, "1"))
        assert scene.done(ALICE, CancelOrder(asset, placed.order_id)).order_id == placed.order_id
    assert scene.ledger.spot.balance(ALICE, token_address(SETTINGS, USDC)).hold == 0


REFUSED: dict[str, tuple[Action, ContractError]] = {
    "tick": (order(BTC, "80900.5", "0.1"), errors.InvalidPrice(80_900_5 * 10**7, 1)),
    "lot": (order(BTC, "80900", "0.000001"), errors.InvalidSize(100, 5)),
    "no size": (order(BTC, "80900", "0"), errors.InvalidSize(0, 5)),
    "minimum": (
        order(BTC, "80900", "0.0001"),
        exchange.BelowMinimumNotional(8_090_000, 10 * USD),
    ),
    "spot minimum": (
        order(PURR_SPOT, "0.46252", "21"),
        exchange.BelowMinimumNotional(971_292_000, 10 * E8),
    ),
    "six decimals": (
        LimitOrder(BTC, True, 80_900 * 10**6, 10**7, False, GTC, 0),
        errors.PriceNotTimes1e8(80_900 * 10**6, 80_831_8 * 10**7),
    ),
    "spot band": (
        order(HYPE_SPOT, "16.638", "10"),
        exchange.PriceOutOfBand(16_638 * 10**5, 1_663_820_001, 41_595_500_000),
    ),
    "no match": (order(BTC, "80900", "0.1", tif=IOC), errors.NothingToMatch(80_900 * E8, 0)),
    "time in force": (order(BTC, "80900", "0.1", tif=4), exchange.InvalidTimeInForce(4)),
    "unknown perpetual": (order(3, "1", "20"), errors.UnknownAsset(3)),
    "unknown pair": (order(10_001, "1", "20"), errors.UnknownAsset(10_001)),
    "outcome": (order(100_000_000, "1", "20"), errors.UnknownAsset(100_000_000)),
    "no position": (
        order(BTC, "80900", "0.1", is_buy=False, reduce_only=True),
        exchange.WouldNotReduce(0, 10_000),
    ),
    "unknown order": (CancelOrder(BTC, 99), exchange.OrderNotFound(99)),
    "unknown client id": (CancelByClientId(BTC, 5), exchange.ClientOrderIdNotFound(5)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_order_is_dropped_with_its_reason(scene: Scene, case: str) -> None:
    scene.dropped(ALICE, *REFUSED[case])


def test_a_perpetual_far_from_its_mark_is_dropped(scene: Scene) -> None:
    mark = perp_mark(scene.ledger, BTC)
    low, high = -(-mark * 20_000 // 100_000), mark * 180_000 // 100_000
    action = order(BTC, "150000", "0.1")
    scene.dropped(ALICE, action, exchange.PriceOutOfBand(150_000 * USD, low, high))


def test_an_order_that_would_take_must_not_where_it_says_so(scene: Scene) -> None:
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))
    scene.done(BOB, order(HYPE_SPOT, "84", "1", is_buy=False))
    best = 80_900 * USD
    action = order(BTC, "80950", "0.1", tif=ALO)
    scene.dropped(ALICE, action, exchange.WouldTakeLiquidity(80_950 * USD, best))
    action = order(HYPE_SPOT, "85", "1", tif=ALO)
    scene.dropped(ALICE, action, exchange.WouldTakeLiquidity(85 * E8, 84 * E8))


def test_what_an_order_is_short_of_may_be_in_the_other_wallet(scene: Scene) -> None:
    scene.done(ALICE, UsdClassTransfer(100_000 * USD, to_perp=False))
    missing = order(BTC, "80900", "1")
    needed = 80_900 * USD // 20
    reason = errors.FundsInOtherWallet(0, needed, 200_000 * USD)
    scene.dropped(ALICE, missing, reason)
    scene.done(ALICE, UsdClassTransfer(200_000 * USD, to_perp=True))
    missing = order(HYPE_SPOT, "83", "10")
    reason = errors.FundsInOtherWallet(0, 830 * E8, 200_000 * E8)
    scene.dropped(ALICE, missing, reason)


def test_what_is_in_no_wallet_is_missing(scene: Scene) -> None:
    reason = exchange.InsufficientMargin(100_000 * USD, 404_500 * USD)
    scene.dropped(ALICE, order(BTC, "80900", "100"), reason)
    usdc = token_address(SETTINGS, USDC)
    reason_spot = exchange.InsufficientBalance(usdc, 100_000 * E8, 830_000 * E8)
    scene.dropped(ALICE, order(HYPE_SPOT, "83", "10000"), reason_spot)


def test_reducing_more_than_there_is(scene: Scene) -> None:
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))
    scene.done(ALICE, order(BTC, "80900", "0.1"))
    too_little = order(BTC, "80900", "0.0001", is_buy=False, reduce_only=True)
    reason = exchange.BelowMinimumNotional(8_090_000, 10 * USD)
    scene.dropped(ALICE, too_little, reason)
    scene.done(BOB, order(BTC, "80900", "0.5"))
    too_much = order(BTC, "80900", "0.2", is_buy=False, reduce_only=True)
    closed = scene.ledger.perp_order(scene.done(ALICE, too_much).order_id)
    assert closed is not None
    assert (closed.amount, closed.filled) == (10_000, 10_000)
    same_side = order(BTC, "80900", "0.1", is_buy=False, reduce_only=True)
    scene.dropped(ALICE, same_side, exchange.WouldNotReduce(0, 10_000))


def test_a_client_id_is_one_live_orders(scene: Scene) -> None:
    placed = scene.done(ALICE, order(BTC, "80000", "0.1", cloid=5))
    reason = exchange.ClientOrderIdInUse(5, placed.order_id)
    scene.dropped(ALICE, order(BTC, "80000", "0.1", cloid=5), reason)
    scene.done(ALICE, CancelByClientId(BTC, 5))
    scene.done(ALICE, order(BTC, "80000", "0.1", cloid=5))


def test_only_ones_own_live_order_of_that_market_is_cancelled(scene: Scene) -> None:
    placed = scene.done(ALICE, order(BTC, "80000", "0.1", cloid=5))
    number = placed.order_id
    scene.dropped(BOB, CancelOrder(BTC, number), exchange.NotOrderOwner(number, BOB, ALICE))
    scene.dropped(ALICE, CancelOrder(HYPE_PERP, number), exchange.OrderNotFound(number))
    scene.dropped(ALICE, CancelOrder(HYPE_SPOT, number), exchange.OrderNotFound(number))
    scene.dropped(ALICE, CancelByClientId(HYPE_PERP, 5), exchange.ClientOrderIdNotFound(5))
    scene.dropped(ALICE, CancelOrder(77, number), errors.UnknownAsset(77))
    scene.done(ALICE, CancelOrder(BTC, number))
    scene.dropped(ALICE, CancelOrder(BTC, number), exchange.OrderNotActive(number, 4))


def test_a_market_may_be_halted_or_full(scene: Scene) -> None:
    core, perp = scene.ledger.core, scene.ledger.perp
    btc = core.perp(BTC)
    assert btc is not None
    core.put_perp(replace(btc, is_halted=True))
    scene.dropped(ALICE, order(BTC, "80900", "0.1"), errors.MarketHalted(BTC))
    core.put_perp(btc)
    market = perp.markets.rows[perp_address(BTC)]
    perp.markets.put(perp_address(BTC), replace(market, max_open_interest=9_999))
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))
    reason = exchange.OpenInterestTooLarge(10_000, 9_999)
    scene.dropped(ALICE, order(BTC, "80900", "0.1"), reason)


# Transfers


def test_tokens_go_to_others(scene: Scene) -> None:
    before = scene.spot(ALICE, HYPE), scene.spot(BOB, HYPE)
    scene.done(ALICE, SpotSend(BOB, HYPE, 7))
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, HYPE, 3))
    assert (scene.spot(ALICE, HYPE), scene.spot(BOB, HYPE)) == (before[0] - 10, before[1] + 10)


def test_usdc_goes_between_wallets_to_the_unit(scene: Scene) -> None:
    scene.done(ALICE, UsdClassTransfer(1, to_perp=True))
    assert (scene.spot(ALICE, USDC), scene.cash(ALICE)) == (100_000 * E8 - 100, 100_000 * USD + 1)
    scene.done(ALICE, UsdClassTransfer(1, to_perp=False))
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, 0, USDC, 250))
    assert (scene.spot(ALICE, USDC), scene.cash(BOB)) == (100_000 * E8 - 200, 100_000 * USD + 2)
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, 0, SPOT_DEX, USDC, 250))
    scene.done(ALICE, SendAsset(BOB, ZERO_ADDRESS, 0, 0, USDC, 250))
    scene.done(ALICE, SendAsset(ALICE, ZERO_ADDRESS, 0, SPOT_DEX, USDC, 100))
    assert (scene.spot(BOB, USDC), scene.cash(BOB)) == (100_000 * E8 + 200, 100_000 * USD + 4)
    assert (scene.spot(ALICE, USDC), scene.cash(ALICE)) == (100_000 * E8 - 100, 100_000 * USD - 5)


TRANSFERS: dict[str, tuple[Action, ContractError]] = {
    "to oneself": (SpotSend(ALICE, HYPE, 1), errors.SendToSelf()),
    "asset to oneself": (
        SendAsset(ALICE, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, HYPE, 1),
        errors.SendToSelf(),
    ),
    "nothing": (SpotSend(BOB, HYPE, 0), exchange.AmountZero()),
    "more than there is": (
        SpotSend(BOB, HYPE, 10**12),
        exchange.InsufficientBalance(HYPE_SYSTEM, 10**11, 10**12),
    ),
    "unknown token": (SpotSend(BOB, 3, 1), errors.UnknownToken(3)),
    "unknown dex": (SendAsset(BOB, ZERO_ADDRESS, 1, SPOT_DEX, USDC, 1), errors.UnknownDex(1)),
    "no collateral": (
        SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, 0, HYPE, 100),
        errors.NotCollateral(HYPE, 0),
    ),
    "sub-account": (
        SendAsset(BOB, BOB, SPOT_DEX, SPOT_DEX, HYPE, 1),
        errors.SubAccountNotSupported(BOB),
    ),
    "less than a unit": (
        SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, 0, USDC, 99),
        exchange.AmountZero(),
    ),
    "no class transfer": (UsdClassTransfer(0, to_perp=True), exchange.AmountZero()),
    "over spot": (
        UsdClassTransfer(100_000 * USD + 1, to_perp=True),
        exchange.InsufficientBalance(USDC_SYSTEM, 100_000 * E8, 100_000 * E8 + 100),
    ),
    "over withdrawable": (
        UsdClassTransfer(100_000 * USD + 1, to_perp=False),
        exchange.InsufficientMargin(100_000 * USD, 100_000 * USD + 1),
    ),
    "system address of another token": (
        SpotSend(HYPE_SYSTEM, PURR, 10**12),
        exchange.InsufficientBalance(token_address(SETTINGS, PURR), 10**9, 10**12),
    ),
}


@pytest.mark.parametrize("case", TRANSFERS)
def test_a_transfer_is_dropped_with_its_reason(scene: Scene, case: str) -> None:
    scene.dropped(ALICE, *TRANSFERS[case])


def test_what_orders_hold_is_not_sent(scene: Scene) -> None:
    scene.done(ALICE, order(HYPE_SPOT, "90", "999", is_buy=False))
    reason = exchange.InsufficientBalance(HYPE_SYSTEM, E8, 2 * E8)
    scene.dropped(ALICE, SpotSend(BOB, HYPE, 2 * E8), reason)


def test_margin_in_use_is_not_withdrawn(scene: Scene) -> None:
    scene.done(BOB, order(BTC, "80900", "1", is_buy=False))
    scene.done(ALICE, order(BTC, "80900", "1"))
    receipt = scene.do(ALICE, UsdClassTransfer(95_000 * USD, to_perp=False))
    assert receipt.reason[:4] == exchange.InsufficientMargin.signature.selector


# New accounts


def test_a_new_account_costs_its_sender_one_usdc(scene: Scene) -> None:
    scene.done(ALICE, SpotSend(NOBODY, USDC, 2 * E8))
    assert scene.spot(ALICE, USDC) == (100_000 - 3) * E8
    assert (scene.spot(NOBODY, USDC), scene.spot(FEES, USDC)) == (2 * E8, E8)
    scene.done(ALICE, SpotSend(NOBODY, HYPE, 5))
    assert scene.spot(FEES, USDC) == E8


def test_the_fee_of_a_new_account_must_be_there(scene: Scene) -> None:
    scene.done(ALICE, SpotSend(BOB, USDC, 99_999 * E8))
    reason = errors.ActivationFeeNotPayable(NOBODY, E8)
    scene.dropped(ALICE, SpotSend(NOBODY, USDC, 1), reason)
    scene.done(ALICE, SpotSend(BOB, USDC, 1))
    scene.dropped(ALICE, SpotSend(NOBODY, HYPE, 1), reason)


def test_sends_may_make_no_accounts(scene: Scene) -> None:
    """Whether those of contracts do is disputed, so it is a rule."""
    scene.ledger.core.rules = CoreRules(sends_activate=False)
    scene.dropped(ALICE, SpotSend(NOBODY, HYPE, 1), errors.ReceiverNotActivated(NOBODY))


def test_an_account_from_the_bridge_pays_with_its_first_send(scene: Scene) -> None:
    scene.end_block(deposits=[Credit(NOBODY, HYPE, 10**18, SOURCE)])
    reason = errors.ActivationFeeNotPayable(NOBODY, E8)
    scene.dropped(NOBODY, SpotSend(ALICE, HYPE, 1), reason)
    scene.give(NOBODY, USDC, E8)
    scene.done(NOBODY, SpotSend(ALICE, HYPE, 1))
    scene.done(NOBODY, SpotSend(ALICE, HYPE, 1))
    assert scene.ledger.core.user(NOBODY) == CoreUser(True, False)


# The bridge


def test_deposits_are_credited_in_core_decimals(scene: Scene) -> None:
    hype, usdc = scene.spot(ALICE, HYPE), scene.spot(ALICE, USDC)
    receipts = scene.end_block(
        deposits=[
            Credit(ALICE, HYPE, 10**18 + 10**10 - 1, SOURCE),
            Credit(ALICE, USDC, 5 * UNIT, SOURCE),
        ]
    )
    assert [(it.action, it.outcome) for it in receipts] == [(DEPOSIT, Outcome.DONE)] * 2
    assert (scene.spot(ALICE, HYPE), scene.spot(ALICE, USDC)) == (hype + E8, usdc + 5 * E8)


@pytest.mark.parametrize(
    ("deposit", "reason"),
    [
        (Credit(ALICE, HYPE, 10**10 - 1, SOURCE), errors.LessThanOneUnit(10**10 - 1)),
        (Credit(NOBODY, USDC, UNIT, SOURCE), errors.AmountWithinActivationFee(E8, E8)),
        (
            Credit(ALICE, USDC, 10**14, SOURCE),
            exchange.InsufficientBalance(USDC_SYSTEM, 10**15, 10**16),
        ),
    ],
)
def test_a_deposit_may_be_lost(scene: Scene, deposit: Credit, reason: ContractError) -> None:
    before = scene.picture()
    (receipt,) = scene.end_block(deposits=[deposit])
    assert (receipt.outcome, receipt.reason) == (Outcome.DROPPED, reason.encode())
    assert scene.picture() == before


def test_a_transfer_to_the_evm_pays_its_gas_in_hype(scene: Scene) -> None:
    """200,000 gas at 0.1 gwei are 2e13 wei, 2,000 of HyperCore's."""
    hype, usdc = scene.spot(ALICE, HYPE), scene.spot(ALICE, USDC)
    scene.done(ALICE, SpotSend(USDC_SYSTEM, USDC, 9 * E8))
    assert (scene.spot(ALICE, HYPE), scene.spot(ALICE, USDC)) == (hype - 2_000, usdc - 9 * E8)
    scene.done(ALICE, SendAsset(HYPE_SYSTEM, ZERO_ADDRESS, SPOT_DEX, SPOT_DEX, HYPE, E8))
    assert list(scene.ledger.core.outgoing.rows.values()) == [
        Outgoing(USDC, ALICE, 9 * UNIT), Outgoing(HYPE, ALICE, 10**18),
    ]  # fmt: skip
    assert scene.begin_block() == []
    assert scene.ledger.core.outgoing.rows == {}


def test_or_else_in_usdc(scene: Scene) -> None:
    """At 83.191 for HYPE, rounded up."""
    scene.done(ALICE, SpotSend(BOB, HYPE, 1_000 * E8))
    usdc, fee = scene.spot(ALICE, USDC), 166_382
    scene.done(ALICE, SpotSend(USDC_SYSTEM, USDC, 9 * E8))
    assert scene.spot(ALICE, USDC) == usdc - 9 * E8 - fee
    scene.done(ALICE, SpotSend(BOB, USDC, scene.spot(ALICE, USDC) - 9 * E8))
    reason = errors.TransferFeeNotPayable(0, fee)
    scene.dropped(ALICE, SpotSend(USDC_SYSTEM, USDC, 9 * E8), reason)


def test_collateral_goes_to_the_evm(scene: Scene) -> None:
    scene.done(ALICE, SendAsset(USDC_SYSTEM, ZERO_ADDRESS, 0, SPOT_DEX, USDC, 9 * E8))
    assert scene.cash(ALICE) == 99_991 * USD
    assert scene.spot(ALICE, USDC) == 100_000 * E8


def test_what_does_not_reach_the_evm_is_dropped(scene: Scene) -> None:
    lone = CoreToken(7, "LONE", 0, 5, 0, ZERO_ADDRESS, ZERO_ADDRESS, 0, 10**12)
    scene.ledger.core.put_token(lone)
    scene.give(ALICE, 7, 10)
    system = token_address(SETTINGS, 7)
    scene.dropped(ALICE, SpotSend(system, 7, 10), errors.TokenNotLinked(7))
    scene.dropped(ALICE, SpotSend(USDC_SYSTEM, USDC, 99), errors.LessThanOneUnit(99))
    scene.dropped(ALICE, SpotSend(USDC_SYSTEM, USDC, 0), exchange.AmountZero())
    scene.evm_balance = UNIT - 1
    reason = errors.BridgeShort(USDC, UNIT - 1, UNIT)
    scene.dropped(ALICE, SpotSend(USDC_SYSTEM, USDC, E8), reason)


# Vaults


def with_vault(scene: Scene, *, lock: int = 100, leader: Address = NOBODY) -> None:
    listing.list_vault(scene.ledger, VAULT, Vault("a vault", leader, 0, lock))


def pay(usd: int) -> VaultTransfer:
    return VaultTransfer(VAULT, True, usd)


def take(usd: int) -> VaultTransfer:
    return VaultTransfer(VAULT, False, usd)


def test_a_vault_is_shared_by_what_it_is_worth(scene: Scene) -> None:
    with_vault(scene, lock=0)
    scene.done(ALICE, pay(100 * USD))
    collateral.credit(execution(scene.ledger), VAULT, 50 * USD)  # it gains half
    scene.done(BOB, pay(75 * USD))
    equity = [equity_of(scene.ledger, user, VAULT, scene.now) for user in (ALICE, BOB)]
    assert equity == [150 * USD, 75 * USD]
    scene.done(ALICE, take(30 * USD))
    assert equity_of(scene.ledger, ALICE, VAULT, scene.now) == 120 * USD
    scene.done(ALICE, take(0))
    scene.done(BOB, take(0))
    assert (scene.cash(ALICE), scene.cash(BOB)) == (100_050 * USD, 100_000 * USD)
    assert scene.cash(VAULT) == 0
    assert scene.ledger.core.vaults.rows[VAULT].shares == 0
    assert scene.ledger.core.vault_shares.rows == {}


def test_rounding_is_never_at_the_cost_of_the_others(scene: Scene) -> None:
    with_vault(scene, lock=0)
    scene.done(ALICE, pay(10 * USD))
    collateral.credit(execution(scene.ledger), VAULT, 1)
    before = equity_of(scene.ledger, ALICE, VAULT, scene.now)
    for _ in range(5):
        scene.done(BOB, pay(5 * USD + 1))
        scene.done(BOB, take(3))
        scene.done(BOB, take(0))
        assert equity_of(scene.ledger, ALICE, VAULT, scene.now) >= before


def test_a_vault_refuses(scene: Scene) -> None:
    with_vault(scene)
    other = VaultTransfer(NOBODY, True, 5 * USD)
    scene.dropped(ALICE, other, errors.UnknownVault(NOBODY))
    reason = errors.VaultDepositTooSmall(5 * USD - 1, 5 * USD)
    scene.dropped(ALICE, pay(5 * USD - 1), reason)
    scene.dropped(ALICE, take(1), errors.InsufficientVaultEquity(0, 1))
    scene.dropped(ALICE, take(0), errors.InsufficientVaultEquity(0, 0))
    scene.done(ALICE, pay(5 * USD))
    scene.dropped(ALICE, take(1), errors.VaultLocked(VAULT, NOW + 100))
    more = errors.InsufficientVaultEquity(5 * USD, 5 * USD + 1)
    scene.dropped(ALICE, take(5 * USD + 1), more)
    scene.begin_block(100)
    scene.done(ALICE, take(5 * USD))


def test_a_leader_keeps_a_twentieth_while_there_are_others(scene: Scene) -> None:
    with_vault(scene, lock=0, leader=BOB)
    scene.done(BOB, pay(100 * USD))
    scene.done(ALICE, pay(900 * USD))
    too_little = errors.LeaderShareTooSmall(47_368_421, 47_368_422)
    scene.dropped(BOB, take(52_631_579), too_little)
    scene.done(BOB, take(52_631_578))
    scene.done(ALICE, take(0))
    scene.done(BOB, take(0))
    assert scene.ledger.core.vaults.rows[VAULT].shares == 0


def test_vault_transfers_wait() -> None:
    scene = Scene(delay=3)
    with_vault(scene)
    assert scene.do(ALICE, pay(5 * USD)).outcome == Outcome.QUEUED
    (done,) = scene.begin_block(3)
    assert (done.action, done.outcome) == (2, Outcome.DONE)


# Staking

ONE = Address(b"\x0e" * 20)
DAY = 24 * 3_600


def with_validator(scene: Scene) -> None:
    scene.ledger.core.validators.put(ONE, Validator("one"))


def test_stake_goes_to_a_validator_and_comes_back(scene: Scene) -> None:
    with_validator(scene)
    hype, staked = scene.spot(ALICE, HYPE), 10 * E8
    scene.done(ALICE, StakingDeposit(staked))
    assert (scene.spot(ALICE, HYPE), scene.spot(STAKING, HYPE)) == (hype - staked, staked)
    scene.done(ALICE, TokenDelegate(ONE, 6 * E8, False))
    locked = errors.DelegationLocked(ONE, NOW + DAY)
    scene.dropped(ALICE, TokenDelegate(ONE, 1, True), locked)
    scene.dropped(ALICE, StakingWithdraw(5 * E8), errors.InsufficientStake(4 * E8, 5 * E8))
    scene.begin_block(DAY)
    scene.done(ALICE, TokenDelegate(ONE, 6 * E8, True))
    assert scene.ledger.core.delegations.rows == {}
    scene.done(ALICE, StakingWithdraw(staked))
    scene.begin_block(7 * DAY - 1)
    assert scene.spot(ALICE, HYPE) == hype - staked
    scene.begin_block(1)
    assert (scene.spot(ALICE, HYPE), scene.spot(STAKING, HYPE)) == (hype, 0)
    assert (scene.ledger.core.stakes.rows, scene.ledger.core.unstaking.rows) == ({}, {})


def test_staking_refuses(scene: Scene) -> None:
    with_validator(scene)
    scene.dropped(ALICE, StakingDeposit(0), exchange.AmountZero())
    scene.dropped(ALICE, StakingWithdraw(0), exchange.AmountZero())
    scene.dropped(ALICE, TokenDelegate(ONE, 0, False), exchange.AmountZero())
    too_much = exchange.InsufficientBalance(HYPE_SYSTEM, 10**11, 10**11 + 1)
    scene.dropped(ALICE, StakingDeposit(10**11 + 1), too_much)
    scene.dropped(ALICE, TokenDelegate(NOBODY, 1, False), errors.UnknownValidator(NOBODY))
    scene.dropped(ALICE, TokenDelegate(ONE, 1, False), errors.InsufficientStake(0, 1))
    scene.dropped(ALICE, TokenDelegate(ONE, 1, True), errors.InsufficientStake(0, 1))
    scene.done(ALICE, StakingDeposit(E8))
    for _ in range(5):
        scene.done(ALICE, StakingWithdraw(1))
    scene.dropped(ALICE, StakingWithdraw(1), errors.TooManyPendingWithdrawals(5))


def test_stakes_are_rewarded_once_a_day_from_the_emissions(scene: Scene) -> None:
    """2.37 % a year, added to what is delegated, rounded down; two days later, two days' worth."""
    with_validator(scene)
    scene.ledger.core.rules = CoreRules(staking_rate=237)
    scene.done(ALICE, StakingDeposit(600 * E8))
    scene.done(ALICE, TokenDelegate(ONE, 500 * E8, False))
    scene.begin_block(DAY)
    assert scene.ledger.core.delegations.rows[ALICE + ONE].amount == 500 * E8  # no emissions yet
    scene.give(EMISSIONS, HYPE, 10 * E8)
    scene.begin_block(DAY - 1)
    after_a_day = 500 * E8 + 500 * E8 * 237 // (10_000 * 365)
    assert scene.ledger.core.delegations.rows[ALICE + ONE].amount == after_a_day
    scene.begin_block(1)
    scene.begin_block(2 * DAY)
    after_more = after_a_day + after_a_day * 2 * 237 // (10_000 * 365)
    rewarded = scene.ledger.core.delegations.rows[ALICE + ONE].amount
    assert rewarded == after_more
    assert scene.spot(EMISSIONS, HYPE) == 10 * E8 - (rewarded - 500 * E8)
    assert scene.spot(STAKING, HYPE) == 100 * E8 + rewarded


# Who may act and charge


def test_api_wallets_are_named_and_replaced(scene: Scene) -> None:
    wallets = [Address(bytes([n]) * 20) for n in range(0x40, 0x46)]
    for wallet, name in zip(wallets, (b"", b"a", b"b", b"c"), strict=False):
        scene.done(ALICE, AddApiWallet(wallet, name))
    reason = errors.TooManyApiWallets(3)
    scene.dropped(ALICE, AddApiWallet(wallets[4], b"d"), reason)
    scene.done(ALICE, AddApiWallet(wallets[4], b"a"))
    scene.done(ALICE, AddApiWallet(wallets[5], b""))
    rows = scene.ledger.core.api_wallets.rows
    assert {Address(key[20:]): it.name for key, it in rows.items()} == {
        wallets[2]: b"b", wallets[3]: b"c", wallets[4]: b"a", wallets[5]: b"",
    }  # fmt: skip


def test_builder_fees_have_a_limit(scene: Scene) -> None:
    scene.done(ALICE, ApproveBuilderFee(1_000, BOB))
    assert scene.ledger.core.builder_fees.rows[ALICE + BOB].max_rate == 1_000
    reason = errors.BuilderFeeTooHigh(1_001, 1_000)
    scene.dropped(ALICE, ApproveBuilderFee(1_001, BOB), reason)
    scene.done(ALICE, ApproveBuilderFee(0, BOB))
    assert scene.ledger.core.builder_fees.rows == {}


# Blocks


def test_who_did_not_exist_before_the_block_can_not_act(scene: Scene) -> None:
    deposits = [Credit(NOBODY, HYPE, 10**18, SOURCE)]
    send = SpotSend(NOBODY, HYPE, 1)
    _, first = scene.end_block((NOBODY, SpotSend(ALICE, HYPE, 1)), deposits=deposits)
    assert first.reason == errors.UnknownUser(NOBODY).encode()
    other = Address(b"\x78" * 20)
    _, second = scene.end_block((ALICE, SpotSend(other, HYPE, 1)), (other, send))
    assert second.reason == errors.UnknownUser(other).encode()


def test_orders_wait_and_cancels_do_not() -> None:
    scene = Scene(delay=3)
    placed = order(BTC, "80000", "0.1", cloid=4)
    queued, cancelled = scene.end_block((ALICE, placed), (ALICE, CancelByClientId(BTC, 4)))
    assert queued.outcome == Outcome.QUEUED
    assert cancelled.reason == exchange.ClientOrderIdNotFound(4).encode()
    assert scene.begin_block(2) == []
    assert scene.ledger.perp.orders.rows == {}
    (done,) = scene.begin_block(1)
    assert (done.outcome, done.sequence, done.source) == (Outcome.DONE, queued.sequence, SOURCE)
    assert scene.ledger.perp.orders.rows[done.order_id].price == 80_000 * USD
    assert scene.begin_block(10) == []


def test_waiting_orders_keep_their_order_and_may_be_dropped_in_the_end() -> None:
    scene = Scene(delay=3)
    scene.end_block((BOB, order(BTC, "80900", "0.1", is_buy=False)), (ALICE, b"\x01\0\0\x01"))
    scene.begin_block(1)
    scene.end_block((ALICE, order(BTC, "80900", "0.1", tif=ALO)))
    resting, crossing = scene.begin_block(9)
    assert (resting.user, resting.outcome) == (BOB, Outcome.DONE)
    reason = exchange.WouldTakeLiquidity(80_900 * USD, 80_900 * USD)
    assert crossing.reason == reason.encode()
    assert crossing.sequence > resting.sequence


def test_a_dropped_action_leaves_the_others_alone(scene: Scene) -> None:
    receipts = scene.end_block(
        (ALICE, b""),
        (ALICE, SpotSend(BOB, HYPE, 1)),
        (ALICE, b"\x02\0\0\x06"),
        (ALICE, SpotSend(BOB, HYPE, 10**15)),
        (ALICE, SpotSend(BOB, HYPE, 1)),
    )
    outcomes = [it.outcome for it in receipts]
    assert outcomes == [Outcome.DROPPED, Outcome.DONE, *[Outcome.DROPPED] * 2, Outcome.DONE]
    assert [it.sequence for it in receipts] == list(
        range(receipts[0].sequence, receipts[0].sequence + 5)
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", errors.MalformedAction(0)),
        (b"\x02\0\0\x06", errors.UnknownActionVersion(2)),
        (b"\x01\0\0\x12", errors.UnknownAction(18)),
        (encode_action(SpotSend(BOB, HYPE, 1)) + b"\0", errors.MalformedAction(100)),
        (encode_action(FinalizeContract(1, 1, 0)), errors.UnsupportedAction(8)),
        (encode_action(ReflectSupply(1, 1, True)), errors.UnsupportedAction(14)),
        (encode_action(BorrowLend(0, 0, 1)), errors.UnsupportedAction(15)),
        (encode_action(SetAbstraction(ALICE, 3)), errors.PortfolioMarginNotSupported()),
        (encode_action(UserOutcome(0, 0, 0, 1)), errors.UnsupportedAction(17)),
    ],
)
def test_what_is_no_action_is_dropped(scene: Scene, raw: bytes, reason: ContractError) -> None:
    scene.dropped(ALICE, raw, reason)
