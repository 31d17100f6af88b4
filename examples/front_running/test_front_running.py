"""Front-running: whoever sees an order wait can get in before it, for a higher tip.

Nothing is mined until the test says so; a block then takes what waits by its tip, then by arrival.
The fixtures `dex`, `dex_accounts` and `dex_markets` come with evm-dex.
"""

from __future__ import annotations

import pytest

from evm_dex import Reverted, TransactionRejected

USDC, WETH, GWEI = 10**6, 10**18, 10**9
CHEAP, DEAR = 2_000 * USDC, 2_010 * USDC


@pytest.fixture
def market(dex, dex_accounts, dex_markets):
    """A WETH for 2,000 USDC and one for 2,010; from here on transactions wait."""
    maker = dex_accounts[1]
    for price in (CHEAP, DEAR):
        dex.spot.send("placeOrder", dex_markets.weth, WETH, price, False, sender=maker)
    dex.cheats.automine(on=False)
    return dex_markets.weth


def buy(dex, market, buyer, tip, **options):
    """Hand in an order for a WETH at 2,010 at most; the transaction's hash.

    Its gas is given: what an order meets, and so its gas, depends on its place in the block.
    """
    return dex.spot.submit(
        "placeOrder",
        market,
        WETH,
        DEAR,
        True,
        sender=buyer,
        gas=1_000_000,
        max_priority_fee_per_gas=tip,
        max_fee_per_gas=100 * GWEI + tip,
        **options,
    )


def paid(dex, transaction):
    """Return what an order's trades came to in USDC."""
    events = dex.spot.events(dex.receipt(transaction))
    return sum(event.args["quoteAmount"] for event in events if event.name == "Trade")


def test_a_higher_tip_gets_in_before_an_order_that_waits(dex, dex_accounts, market):
    victim, attacker = dex_accounts[2:4]
    seen = buy(dex, market, victim, tip=GWEI)
    (waiting,) = dex.chain.mempool
    assert waiting.hash == seen
    first = buy(dex, market, attacker, tip=waiting.max_priority_fee_per_gas + 1)
    dex.mine()
    assert (paid(dex, first), paid(dex, seen)) == (CHEAP, DEAR)


def test_with_the_same_tip_who_came_first_is_served_first(dex, dex_accounts, market):
    first, second = (buy(dex, market, buyer, tip=GWEI) for buyer in dex_accounts[2:4])
    dex.mine()
    assert (paid(dex, first), paid(dex, second)) == (CHEAP, DEAR)


def test_an_order_that_waits_is_replaced_for_a_tenth_more(dex, dex_accounts, market):
    victim, attacker = dex_accounts[2:4]
    waiting = buy(dex, market, victim, tip=10 * GWEI)
    nonce = dex.chain.mempool.get(waiting).nonce
    above = buy(dex, market, attacker, tip=20 * GWEI)
    with pytest.raises(TransactionRejected, match="replacement transaction underpriced"):
        buy(dex, market, victim, tip=10 * GWEI + 1, nonce=nonce)
    instead = buy(dex, market, victim, tip=30 * GWEI, nonce=nonce)
    (block,) = dex.mine()
    assert block.transaction_hashes == (instead, above)
    assert paid(dex, instead) == CHEAP


def test_an_order_that_nobody_sees_is_not_outbid(dex, dex_accounts, market):
    """As by a private relay: it is in a block before the others, which wait on."""
    private, public = dex_accounts[2:4]
    waits = buy(dex, market, public, tip=50 * GWEI)
    with dex.chain.mining_at_once():
        hidden = buy(dex, market, private, tip=0)
    assert paid(dex, hidden) == CHEAP
    dex.mine()
    assert paid(dex, waits) == DEAR


def test_an_estimate_knows_what_waits(dex, dex_accounts, market):
    """Both WETH are spoken for, so an order that must be filled at once can't be."""
    for buyer in dex_accounts[2:4]:
        buy(dex, market, buyer, tip=GWEI)
    late = dex_accounts[4]
    order = (market, WETH, DEAR, True, 2, 0)  # of `TimeInForce`: fill or kill
    with pytest.raises(Reverted):
        dex.spot.submit("placeOrderWithOptions", *order, sender=late)
