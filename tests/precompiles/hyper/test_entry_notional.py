"""What a spot balance was bought for, and pairs of one base with several quotes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from precompiles import errors as exchange
from precompiles.hyper import errors, listing
from precompiles.hyper.encoding import CancelOrder, SpotSend, StakingDeposit
from precompiles.hyper.steps import Credit
from precompiles.hyper.system_addresses import HYPE_SYSTEM, pair_address, token_address
from precompiles.ledger.hyper.records import CorePair, CoreToken, Delisted
from precompiles.ledger.hyper.tables import index_key
from precompiles.spot.markets import listed_markets
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
    PURR_SPOT,
    SETTINGS,
    SOURCE,
    USD,
    USDC,
    Scene,
    execution,
    order,
)

USDT = 268
HYPE_USDT = 10_207
PAIR = CorePair(207, "@207", HYPE, USDT)


def entry(scene: Scene, user: Address, token: int) -> int:
    row = scene.ledger.core.entries.get(token_address(SETTINGS, token) + user)
    return row.usd if row else 0


@pytest.fixture
def scene() -> Scene:
    """With HYPE quoted in a second token."""
    scene = Scene()
    token = CoreToken(USDT, "USDT0", 2, 8, -2, Address(b"\xb8" * 20), ZERO_ADDRESS, 0, 10**17)
    listing.list_token(scene.ledger, token)
    listing.list_pair(scene.ledger, PAIR, execution(scene.ledger))
    for user in (ALICE, BOB):
        scene.give(user, USDT, 100_000 * E8)
    scene.ledger.core.put_last_price(207, 84 * E8)
    return scene


def test_a_balance_costs_what_was_paid_and_a_sale_takes_its_share(scene: Scene) -> None:
    """Fees are not part of it; a share is rounded down."""
    held = scene.spot(ALICE, PURR)
    scene.done(BOB, order(PURR_SPOT, "0.46252", "400", is_buy=False))
    scene.done(ALICE, order(PURR_SPOT, "0.46252", "400"))
    paid = 185_008_000
    assert entry(scene, ALICE, PURR) == paid
    assert (entry(scene, BOB, PURR), entry(scene, ALICE, USDC)) == (0, 0)
    held = scene.spot(ALICE, PURR)
    scene.done(BOB, order(PURR_SPOT, "0.46252", "333"))
    scene.done(ALICE, order(PURR_SPOT, "0.46252", "333", is_buy=False))
    assert entry(scene, ALICE, PURR) == Fraction(paid * (held - 333 * 10**5), held) // 1


def test_fills_of_one_order_count_one_after_the_other(scene: Scene) -> None:
    """Two makers sell to one taker; the second had bought a moment before."""
    scene.done(BOB, order(PURR_SPOT, "0.46252", "100", is_buy=False))
    scene.done(ALICE, order(PURR_SPOT, "0.46252", "100"))
    scene.done(ALICE, order(PURR_SPOT, "0.46252", "100", is_buy=False))
    scene.done(ALICE, order(PURR_SPOT, "0.46253", "200", is_buy=False))
    before, held = entry(scene, ALICE, PURR), scene.spot(ALICE, PURR)
    scene.done(BOB, order(PURR_SPOT, "0.46253", "300"))
    first = before * (held - 100 * 10**5) // held
    second = first * (held - 300 * 10**5) // (held - 100 * 10**5)
    assert entry(scene, ALICE, PURR) == second
    assert entry(scene, BOB, PURR) == 46_252_000 + 92_506_000


def test_what_comes_in_counts_at_the_present_price(scene: Scene) -> None:
    """HYPE is at 83.191."""
    scene.done(ALICE, SpotSend(BOB, HYPE, 10 * E8))
    assert entry(scene, BOB, HYPE) == 831_910_000
    scene.end_block(deposits=[Credit(BOB, HYPE, 10**18, SOURCE)])
    assert entry(scene, BOB, HYPE) == 831_910_000 + 83_191_000
    before, held = entry(scene, BOB, HYPE), scene.spot(BOB, HYPE)
    scene.done(BOB, StakingDeposit(held // 3))
    assert entry(scene, BOB, HYPE) == before * (held - held // 3) // held
    scene.done(BOB, SpotSend(ALICE, HYPE, held - held // 3))
    assert entry(scene, BOB, HYPE) == 0
    assert HYPE_SYSTEM + HYPE_SYSTEM not in scene.ledger.core.entries.rows


def test_a_quote_token_other_than_usdc_is_bought_by_a_sale(scene: Scene) -> None:
    scene.done(BOB, order(HYPE_USDT, "84", "2"))
    scene.done(ALICE, order(HYPE_USDT, "84", "2", is_buy=False))
    assert entry(scene, ALICE, USDT) == 168 * USD
    assert entry(scene, BOB, HYPE) == 168 * USD


# Several pairs of one base


def test_pairs_of_one_base_have_books_of_their_own_and_one_balance(scene: Scene) -> None:
    scene.done(ALICE, order(HYPE_SPOT, "90", "600", is_buy=False))
    scene.done(ALICE, order(HYPE_USDT, "91", "400", is_buy=False))
    scene.dropped(
        ALICE,
        order(HYPE_USDT, "91", "1", is_buy=False),
        exchange.InsufficientBalance(HYPE_SYSTEM, 0, E8),
    )
    ledger = scene.ledger
    books = [ledger.spot.book(market).best_prices() for market in (HYPE_SYSTEM, pair_address(207))]
    assert books == [(0, 90 * E8), (0, 91 * E8)]
    assert [it.asset for it in listed_markets(ledger)][1:] == [HYPE_SYSTEM, pair_address(207)]
    before = scene.spot(ALICE, USDT), scene.spot(BOB, HYPE), scene.spot(BOB, USDC)
    scene.done(BOB, order(HYPE_USDT, "91", "10", tif=IOC))
    assert scene.spot(ALICE, USDT) == before[0] + 910 * E8 - 910 * E8 * 40 // 100_000
    assert scene.spot(BOB, HYPE) == before[1] + 10 * E8 - 10 * E8 * 70 // 100_000
    assert scene.spot(BOB, USDC) == before[2]
    assert (ledger.core.last_price(207), ledger.core.last_price(107)) == (91 * E8, 83_191 * 10**5)


def test_an_order_is_cancelled_on_its_own_pair(scene: Scene) -> None:
    placed = scene.done(ALICE, order(HYPE_USDT, "91", "4", is_buy=False)).order_id
    reason = exchange.OrderNotFound(placed)
    scene.dropped(ALICE, CancelOrder(HYPE_SPOT, placed), reason)
    scene.done(ALICE, CancelOrder(HYPE_USDT, placed))
    assert scene.ledger.spot.balance(ALICE, HYPE_SYSTEM).hold == 0


def test_a_pair_is_listed_once(scene: Scene) -> None:
    again = CorePair(208, "@208", HYPE, USDT)
    with pytest.raises(listing.InvalidListing, match="quote: expected a token that the base has"):
        listing.list_pair(scene.ledger, again, execution(scene.ledger))


# Immediate orders, and markets that are gone


def test_an_immediate_order_takes_what_the_wallet_affords(scene: Scene) -> None:
    """In whole lots at its price; one that has nothing is told so, before the least notional."""
    scene.done(BOB, order(HYPE_SPOT, "84", "900", is_buy=False))
    scene.done(ALICE, SpotSend(BOB, USDC, 100_000 * E8 - 1_000 * E8))
    receipt = scene.do(ALICE, order(HYPE_SPOT, "84", "500", tif=IOC))
    assert receipt.outcome == 3
    placed = scene.ledger.spot_order(receipt.order_id)
    assert placed is not None
    assert (placed.amount, placed.filled) == (1_190_000_000, 1_190_000_000)  # of 11.904…
    scene.done(ALICE, SpotSend(BOB, USDC, scene.spot(ALICE, USDC)))
    tiny = order(HYPE_SPOT, "100", "0.11", tif=IOC)
    elsewhere = errors.FundsInOtherWallet(0, 11 * E8, 100_000 * E8)
    scene.dropped(ALICE, tiny, elsewhere)
    scene.give(ALICE, USDC, 100 * E8)
    at_the_best_price = exchange.BelowMinimumNotional(924_000_000, 10 * E8)
    scene.dropped(ALICE, tiny, at_the_best_price)
    selling = order(HYPE_SPOT, "85", "0.11", tif=IOC, is_buy=False)
    scene.dropped(BOB, selling, errors.NothingToMatch(85 * E8, 0))


@pytest.mark.parametrize("asset", [BTC, HYPE_SPOT])
def test_nothing_is_traded_where_a_market_is_gone(scene: Scene, asset: int) -> None:
    price = "80000" if asset == BTC else "80"
    resting = scene.done(ALICE, order(asset, price, "1"))
    scene.ledger.core.delisted.put(index_key(asset), Delisted(scene.now))
    scene.dropped(ALICE, order(asset, price, "1"), errors.MarketDelisted(asset))
    scene.done(ALICE, CancelOrder(asset, resting.order_id))
