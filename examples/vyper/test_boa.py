# pytest test_boa.py: titanoboa alone, no node.

import boa
import pytest

from evm_dex.boa import add_exchanges

ETHER, DOLLAR = 10**18, 10**6


@pytest.fixture(scope="session")
def dex():
    return add_exchanges()


@pytest.fixture
def weth(dex):
    return dex.tokens["WETH"]


@pytest.fixture
def bidder(dex):
    bidder = boa.load("Bidder.vy")
    dex.deal_on_spot("USDC", bidder, 3_000 * DOLLAR)
    return bidder


@pytest.fixture
def maker(dex):
    maker = boa.env.generate_address("maker")
    dex.deal_on_spot("WETH", maker, 5 * ETHER)
    return maker


def test_orders_meet(dex, bidder, maker, weth):
    with boa.env.prank(maker):
        offer = dex.spot.placeOrder(weth, 3 * ETHER, 3_000 * DOLLAR, False)
    assert bidder.bid(weth, ETHER, 3_000 * DOLLAR) == offer + 1
    names = [type(event).__name__ for event in bidder.get_logs()]
    assert names == ["OrderPlaced", "Trade"]
    assert dex.spot.getBalance(bidder, weth)[0] == ETHER * 99_950 // 100_000  # less the fee


def test_each_test_begins_anew(dex, bidder, weth):
    assert tuple(dex.spot.getBestPrices(weth)) == (0, 0)
    assert bidder.best(weth) == 0


def test_an_anchor_takes_orders_back(bidder, weth):
    with boa.env.anchor():
        bidder.bid(weth, ETHER, 2_000 * DOLLAR)
        assert bidder.best(weth) == 2_000 * DOLLAR
    assert bidder.best(weth) == 0


def test_a_reverted_call_takes_its_order_back(bidder, weth):
    with boa.reverts("after the order"):
        bidder.bid_and_fail(weth, ETHER, 2_000 * DOLLAR)
    assert bidder.best(weth) == 0


def test_a_refusal_has_the_exchanges_words(dex, bidder, weth):
    said = r"InsufficientBalance\(token=0x\w+, available=3000000000, needed=6000000000\)"
    with pytest.raises(boa.BoaError, match=said):
        bidder.bid(weth, 2 * ETHER, 3_000 * DOLLAR)
    with boa.reverts("InsufficientBalance"):
        dex.spot.withdraw(weth, ETHER)


def test_wei_are_deposited_and_withdrawn(dex):
    whale = boa.env.generate_address()
    boa.env.set_balance(whale, 2 * ETHER)
    native = "0x" + "ee" * 20
    with boa.env.prank(whale):
        dex.spot.depositNative(value=2 * ETHER)
        dex.spot.withdraw(native, ETHER)
    assert boa.env.get_balance(whale) == ETHER


def test_a_position_is_liquidated(dex):
    trader = boa.env.generate_address()
    dex.deal_on_perp(trader, 1_000 * DOLLAR)
    with boa.env.prank(trader):
        position = dex.perp.openPosition(dex.perp_markets["WETH"], ETHER, 10, True)
    dex.set_oracle_price("WETH", 1_700 * DOLLAR)
    dex.perp.liquidate(position)
    assert not dex.perp.getPosition(position)[-1]


def test_a_price_grows_stale_with_time(dex):
    dex.deal_on_perp(boa.env.eoa, 1_000 * DOLLAR)
    boa.env.time_travel(seconds=400 * 24 * 3_600)
    with boa.reverts("StalePrice"):
        dex.perp.openPosition(dex.perp_markets["WETH"], ETHER, 10, True)
