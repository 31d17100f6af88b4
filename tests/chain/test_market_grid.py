"""Ticks and lots: by default nothing rounds, and what does is told."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evm_dex
from evm_dex.chain.market_grid import fitting_grid

DECIMALS = st.integers(0, 24)
GIVEN = st.none() | st.integers(1, 10**6)


@given(DECIMALS, DECIMALS, GIVEN, GIVEN)
def test_what_is_not_given_is_chosen_so_that_nothing_rounds(
    base: int, quote: int, tick: int | None, lot: int | None
) -> None:
    """And no smaller than a hundredth of the quote and a ten-thousandth of the base unit."""
    chosen = fitting_grid(10**base, 10**quote, tick=tick, lot=lot)
    if tick is None or lot is None:
        assert chosen[0] * chosen[1] % 10**base == 0
    if tick is None:
        assert 100 * chosen[0] >= 10**quote
    if lot is None:
        assert 10_000 * chosen[1] >= 10**base
    assert tick in (None, chosen[0])
    assert lot in (None, chosen[1])


def test_the_usual_grid_stays() -> None:
    """A cent and a ten-thousandth, of WETH in USDC."""
    assert fitting_grid(10**18, 10**6) == (10**4, 10**14)


def test_a_quote_of_two_decimals_gets_a_lot_that_costs_something(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One lot at 50.00 costs as much as a hundredth of a hundred lots."""
    with evm_dex.open() as dex:
        dex.cheats.deploy_token("EUR", 2)
        dex.cheats.deploy_token("XAU", 18)
        dex.cheats.list_market("XAU", "EUR")
        assert caplog.records == []
        xau, trader, maker = dex.tokens["XAU"].address, dex.accounts[1], dex.accounts[2]
        lot = dex.spot.call("getMarket", xau).lot
        dex.cheats.deal_on_spot("EUR", trader, 5_000)
        dex.cheats.deal_on_spot("XAU", maker, 2 * lot)
        dex.spot.send("placeOrder", xau, lot, 5_000, False, sender=maker)
        dex.spot.send("placeOrder", xau, lot, 5_000, True, sender=trader)
        assert dex.spot.call("getBalance", trader, dex.tokens["EUR"]).available == 0


def test_a_grid_that_rounds_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """And its single lots are not to be had for nothing."""
    with evm_dex.open() as dex, caplog.at_level(logging.WARNING):
        dex.cheats.deploy_token("EUR", 2)
        dex.cheats.deploy_token("XAU", 18)
        dex.cheats.list_market("XAU", "EUR", tick=1, lot=10**14)
        assert "choose a lot of 1000000000000000000" in caplog.text
        xau = dex.tokens["XAU"].address
        with pytest.raises(evm_dex.Reverted, match="AmountZero"):
            dex.spot.send("placeOrder", xau, 10**14, 5_000, True, sender=dex.accounts[1])
