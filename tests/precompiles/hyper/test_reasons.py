"""Every way in which an action is known to do nothing in silence, and the reason that it gets here.

One row for each of those that people report of HyperEVM. The state is that of `Scene`, changed by
the row's preparation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from precompiles import errors as exchange
from precompiles.errors import ContractError
from precompiles.hyper import errors, listing
from precompiles.hyper.encoding import (
    SPOT_DEX,
    Action,
    AddApiWallet,
    CancelByClientId,
    CancelOrder,
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
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.system_addresses import HYPE_SYSTEM, perp_address, token_address
from precompiles.ledger.hyper.records import CoreToken, CoreUser, Delisted, Validator, Vault
from precompiles.ledger.hyper.tables import index_key
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.hyper.world import (
    ALICE,
    ALO,
    BOB,
    BTC,
    E8,
    HYPE,
    HYPE_SPOT,
    IOC,
    NOW,
    PURR_SPOT,
    SETTINGS,
    USD,
    USDC,
    Scene,
    order,
)

NOBODY, VAULT, ONE = (Address(bytes([byte]) * 20) for byte in (0x77, 0xDF, 0x0E))
USDC_SYSTEM = token_address(SETTINGS, USDC)
DAY = 24 * 3_600
Prepare = Callable[[Scene], object]


class Silence(NamedTuple):
    """What was done, what is known to happen, and why."""

    action: Action | bytes
    reason: ContractError
    prepare: Prepare = lambda _: None
    user: Address = ALICE


def bought(scene: Scene) -> None:
    """ALICE has 0.1 BTC."""
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))
    scene.done(ALICE, order(BTC, "80900", "0.1"))


def offered(scene: Scene) -> None:
    scene.done(BOB, order(BTC, "80900", "0.1", is_buy=False))


def poor(scene: Scene) -> None:
    """ALICE has neither HYPE nor more than nine dollars, and no collateral."""
    scene.done(ALICE, UsdClassTransfer(scene.cash(ALICE), to_perp=False))
    for token, left in ((HYPE, 0), (USDC, 9 * E8)):
        scene.done(ALICE, SpotSend(BOB, token, scene.spot(ALICE, token) - left))


def in_spot(scene: Scene) -> None:
    scene.done(ALICE, UsdClassTransfer(scene.cash(ALICE), to_perp=False))


def in_perp(scene: Scene) -> None:
    scene.done(ALICE, UsdClassTransfer(scene.spot(ALICE, USDC) // 100, to_perp=True))


def crowded(scene: Scene) -> None:
    """No more than 0.09999 BTC may be open."""
    offered(scene)
    markets = scene.ledger.perp.markets
    market = markets.rows[perp_address(BTC)]
    markets.put(perp_address(BTC), replace(market, max_open_interest=9_999))


def halted(scene: Scene) -> None:
    for pair in scene.ledger.core.pairs:
        scene.ledger.core.put_pair(replace(pair, is_halted=True))


def delisted(scene: Scene) -> None:
    scene.ledger.core.delisted.put(index_key(BTC), Delisted(NOW))


def resting(scene: Scene) -> None:
    """Order 1 of ALICE's, with client id 5."""
    scene.done(ALICE, order(BTC, "80000", "0.1", cloid=5))


def gone(scene: Scene) -> None:
    resting(scene)
    scene.done(ALICE, CancelOrder(BTC, 1))


def unlinked(scene: Scene) -> None:
    lone = CoreToken(7, "LONE", 0, 5, 0, ZERO_ADDRESS, ZERO_ADDRESS, 0, 10**12)
    scene.ledger.core.put_token(lone)
    scene.give(ALICE, 7, 10)


def dry(scene: Scene) -> None:
    """The EVM's side has nothing."""
    scene.evm_balance = 0


def with_vault(scene: Scene) -> None:
    listing.list_vault(scene.ledger, VAULT, Vault("a vault", NOBODY, 0, 100))


def in_vault(scene: Scene) -> None:
    with_vault(scene)
    scene.done(ALICE, VaultTransfer(VAULT, True, 5 * USD))


def staked(scene: Scene) -> None:
    scene.ledger.core.validators.put(ONE, Validator("one"))
    scene.done(ALICE, StakingDeposit(E8))
    scene.done(ALICE, TokenDelegate(ONE, E8 // 2, False))


def leaving(scene: Scene) -> None:
    staked(scene)
    for _ in range(5):
        scene.done(ALICE, StakingWithdraw(1))


def unified(scene: Scene) -> None:
    scene.done(ALICE, SetAbstraction(ALICE, 2))


ORDER = order(BTC, "80900", "0.1")
RAW = encode_action(ORDER)
TWO_AND_A_HALF_PERCENT = 404_500_000
SILENCES: dict[str, Silence] = {
    "actor unknown before the block": Silence(
        SpotSend(ALICE, HYPE, 1), errors.UnknownUser(NOBODY), user=NOBODY
    ),
    "malformed": Silence(RAW[:-1], errors.MalformedAction(len(RAW) - 1)),
    "extra bytes": Silence(RAW + b"\0", errors.MalformedAction(len(RAW))),
    "no bytes": Silence(b"", errors.MalformedAction(0)),
    "unknown action": Silence(b"\x01\x00\x00\x12", errors.UnknownAction(18)),
    "wrong version": Silence(b"\x02" + RAW[1:], errors.UnknownActionVersion(2)),
    "USDC in spot, needed for perpetuals": Silence(
        order(BTC, "80900", "0.1"),
        errors.FundsInOtherWallet(0, TWO_AND_A_HALF_PERCENT, 200_000 * USD),
        in_spot,
    ),
    "USDC in perpetuals, needed for spot": Silence(
        order(HYPE_SPOT, "83", "1"),
        errors.FundsInOtherWallet(0, 83 * E8, 200_000 * E8),
        in_perp,
    ),
    "lot": Silence(order(BTC, "80900", "0.000001"), errors.InvalidSize(100, 5)),
    "tick": Silence(order(BTC, "80900.5", "0.1"), errors.InvalidPrice(8_090_050_000_000, 1)),
    "minimum": Silence(
        order(BTC, "80900", "0.0001"), exchange.BelowMinimumNotional(8_090_000, 10 * USD)
    ),
    "spot minimum": Silence(
        order(PURR_SPOT, "0.46252", "21"), exchange.BelowMinimumNotional(971_292_000, 10 * E8)
    ),
    "band": Silence(
        order(BTC, "150000", "0.1"),
        exchange.PriceOutOfBand(150_000 * USD, 16_166_360_000, 145_497_240_000),
    ),
    "spot band": Silence(
        order(HYPE_SPOT, "16.638", "10"),
        exchange.PriceOutOfBand(1_663_800_000, 1_663_820_001, 41_595_500_000),
    ),
    "price in six decimals": Silence(
        ORDER._replace(price=80_900 * 10**6),
        errors.PriceNotTimes1e8(80_900 * 10**6, 8_083_180_000_000),
    ),
    "ALO crossed": Silence(
        order(BTC, "80950", "0.1", tif=ALO),
        exchange.WouldTakeLiquidity(80_950 * USD, 80_900 * USD),
        offered,
    ),
    "IOC met nothing": Silence(
        order(BTC, "80900", "0.1", tif=IOC), errors.NothingToMatch(80_900 * E8, 0)
    ),
    "margin": Silence(
        order(BTC, "80900", "100"), exchange.InsufficientMargin(100_000 * USD, 404_500 * USD)
    ),
    "reduce-only": Silence(
        order(BTC, "80900", "0.1", reduce_only=True),
        exchange.WouldNotReduce(10_000, 10_000),
        bought,
    ),
    "open interest": Silence(ORDER, exchange.OpenInterestTooLarge(10_000, 9_999), crowded),
    "unknown asset": Silence(order(3, "1", "20"), errors.UnknownAsset(3)),
    "delisted asset": Silence(ORDER, errors.MarketDelisted(BTC), delisted),
    "market halted": Silence(order(HYPE_SPOT, "83", "1"), errors.MarketHalted(HYPE_SPOT), halted),
    "client id in use": Silence(
        order(BTC, "80000", "0.1", cloid=5), exchange.ClientOrderIdInUse(5, 1), resting
    ),
    "cancel of an unknown order": Silence(CancelOrder(BTC, 99), exchange.OrderNotFound(99)),
    "cancel of an unknown client id": Silence(
        CancelByClientId(BTC, 6), exchange.ClientOrderIdNotFound(6), resting
    ),
    "cancel of an order that ended": Silence(
        CancelOrder(BTC, 1), exchange.OrderNotActive(1, 4), gone
    ),
    "cancel of another's order": Silence(
        CancelOrder(BTC, 1), exchange.NotOrderOwner(1, BOB, ALICE), resting, BOB
    ),
    "spot send to oneself": Silence(SpotSend(ALICE, HYPE, 1), errors.SendToSelf()),
    "spot send of more than is free": Silence(
        SpotSend(BOB, HYPE, 10**11 + 1),
        exchange.InsufficientBalance(HYPE_SYSTEM, 10**11, 10**11 + 1),
    ),
    "activation fee": Silence(
        SpotSend(NOBODY, USDC, 9 * E8), errors.ActivationFeeNotPayable(NOBODY, E8), poor
    ),
    "to the EVM without its fee": Silence(
        SpotSend(USDC_SYSTEM, USDC, 9 * E8), errors.TransferFeeNotPayable(0, 166_382), poor
    ),
    "bridge lacks liquidity": Silence(
        SpotSend(USDC_SYSTEM, USDC, E8), errors.BridgeShort(USDC, 0, USD), dry
    ),
    "unlinked token": Silence(
        SpotSend(token_address(SETTINGS, 7), 7, 10), errors.TokenNotLinked(7), unlinked
    ),
    "class transfer over withdrawable": Silence(
        UsdClassTransfer(100_000 * USD + 1, to_perp=False),
        exchange.InsufficientMargin(100_000 * USD, 100_000 * USD + 1),
    ),
    "vault deposit below five": Silence(
        VaultTransfer(VAULT, True, 5 * USD - 1),
        errors.VaultDepositTooSmall(5 * USD - 1, 5 * USD),
        with_vault,
    ),
    "vault locked": Silence(
        VaultTransfer(VAULT, False, 1), errors.VaultLocked(VAULT, NOW + 100), in_vault
    ),
    "unknown vault": Silence(VaultTransfer(VAULT, True, 5 * USD), errors.UnknownVault(VAULT)),
    "delegation locked": Silence(
        TokenDelegate(ONE, 1, True), errors.DelegationLocked(ONE, NOW + DAY), staked
    ),
    "a sixth withdrawal": Silence(StakingWithdraw(1), errors.TooManyPendingWithdrawals(5), leaving),
    "collateral of another dex": Silence(
        SendAsset(BOB, ZERO_ADDRESS, SPOT_DEX, 0, HYPE, 100), errors.NotCollateral(HYPE, 0)
    ),
    "pooled mode": Silence(SpotSend(BOB, HYPE, 1), errors.BalancesAreUnified(ALICE), unified),
    "wallets of a pooled mode": Silence(
        UsdClassTransfer(1, to_perp=True), errors.BalancesAreUnified(ALICE), unified
    ),
    "back from a pooled mode": Silence(
        SetAbstraction(ALICE, 1), errors.UnifiedForGood(ALICE), unified
    ),
    # Outcomes are not here, so whatever their rule is, this is the reason.
    "unused fields of an outcome": Silence(UserOutcome(0, 5, 1, 10), errors.UnsupportedAction(17)),
}


@pytest.mark.parametrize("line", SILENCES)
def test_what_does_nothing_in_silence_says_why(line: str) -> None:
    scene, silence = Scene(), SILENCES[line]
    silence.prepare(scene)
    scene.dropped(silence.user, silence.action, silence.reason)


def test_an_api_wallet_is_added_by_the_one_encoding_and_no_other() -> None:
    """Five encodings of action 9 are reported to do nothing; four are no encoding of its fields."""
    scene = Scene()
    right = encode_action(AddApiWallet(ONE, b"bot"))
    head, word = right[:4], 32
    wallet, text = right[4 : 4 + word], b"bot".ljust(word, b"\0")
    others = {
        "packed": head + ONE + b"bot",
        "without the offset": head + wallet + (3).to_bytes(word, "big") + text,
        "as bytes32": head + wallet + text,
        "a struct": head + (32).to_bytes(word, "big") + right[4:],
    }
    for raw in others.values():
        receipt = scene.do(ALICE, raw)
        assert receipt.outcome == Outcome.DROPPED
        assert receipt.reason[:4] == errors.MalformedAction.signature.selector
    scene.done(ALICE, right)
    assert [it.name for it in scene.ledger.core.api_wallets.rows.values()] == [b"bot"]


def test_funding_in_the_same_block_is_too_late() -> None:
    scene = Scene()
    scene.ledger.core.put_user(NOBODY, CoreUser(is_activated=True, uses_big_blocks=False))
    scene.dropped(NOBODY, SpotSend(BOB, HYPE, 1), exchange.InsufficientBalance(HYPE_SYSTEM, 0, 1))
