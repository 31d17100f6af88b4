# ape test test_ape.py --network ethereum:local:evm-dex: ape starts a node and ends it.

import ape
import pytest

SPOT = "0x0000000000000000000000000000000000000d01"
ETHER, DOLLAR = 10**18, 10**6


@pytest.fixture
def ask(networks):
    return networks.active_provider.make_request


@pytest.fixture
def market(ask):
    return ask("dex_markets", [])["spot"][0]


@pytest.fixture
def spot(project):
    return project.ISpot.at(SPOT)


@pytest.fixture
def bidder(project, accounts, ask, market):
    bidder = project.Bidder.deploy(sender=accounts[0])
    ask("dex_dealOnSpot", [market["quote"], bidder.address, hex(3_000 * DOLLAR)])
    return bidder


def test_orders_meet(spot, bidder, accounts, market):
    weth = market["asset"]
    spot.placeOrder(weth, 3 * ETHER, 3_000 * DOLLAR, False, sender=accounts[1])
    receipt = bidder.bid(weth, ETHER, 3_000 * DOLLAR, sender=accounts[0])
    assert [log.event_name for log in receipt.decode_logs(abi=None)] == ["OrderPlaced", "Trade"]
    assert spot.getBestPrices(weth).ask == 3_000 * DOLLAR


def test_each_test_begins_anew(spot, market):
    assert spot.getBestPrices(market["asset"]).ask == 0


def test_a_refusal_has_the_exchanges_error(spot, bidder, accounts, market):
    with ape.reverts(spot.InsufficientBalance):
        bidder.bid(market["asset"], 2 * ETHER, 3_000 * DOLLAR, sender=accounts[0])


def test_the_chain_goes_on_and_back(chain):
    height, snapshot = chain.blocks.height, chain.snapshot()
    chain.mine(3)
    assert chain.blocks.height == height + 3
    chain.pending_timestamp += 3_600
    chain.mine()
    assert chain.blocks.head.timestamp >= chain.blocks[height].timestamp + 3_600
    chain.restore(snapshot)
    assert chain.blocks.height == height


def test_other_accounts_act(accounts, spot, networks):
    whale = "0x" + "A1" * 20
    networks.active_provider.set_balance(whale, 2 * ETHER)
    with accounts.use_sender(whale) as sender:
        spot.depositNative(value=ETHER, sender=sender)
    assert spot.getBalance(whale, "0x" + "ee" * 20).available == ETHER
