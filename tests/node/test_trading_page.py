"""Charts, orders and the past on the node's page, in a real browser, wide and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.browser import Page
from tests.node.served import OTHER, OWNER, served
from tests.node.trading import ask, place, trade, weth

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
WETH, USDC = 10**18, 10**6
CHART = "return document.querySelector('#chart .plot').ariaLabel"


def swap(node: str, price: int, size: int) -> None:
    place(node, size, price * USDC, is_buy=False, sender=OWNER)
    place(node, size, price * USDC, is_buy=True, sender=OTHER)


def press_interval(page: Page, name: str) -> None:
    page.click(f"#intervals [value='{name}']")
    page.until(
        "return document.querySelector('#chart .plot').ariaLabel.includes(arguments[0])", name
    )


@pytest.mark.parametrize("width", [1440, 390])
def test_candles_are_those_of_the_trades(page: Page, node: str, width: int) -> None:
    page.size(width, 900)
    page.open(node, "#spot/WETH")
    assert "No trades yet" in page.text("#chart")
    for price, size in ((3_000, WETH), (3_010, 2 * WETH), (2_990, WETH // 2)):
        swap(node, price, size)
    page.until_text("#legend", "Close 2,990.00")
    press_interval(page, "1d")
    page.until_text("#legend", "Volume 3.5000 WETH")
    assert page.execute(CHART) == (
        "1 candles of 1d of WETH / USDC; the last one opened at 3,000.00, closed at 2,990.00"
    )
    legend = " ".join(page.text("#legend").split())
    assert "Open 3,000.00 High 3,010.00 Low 2,990.00 Close 2,990.00" in legend
    assert legend.endswith("Trades 3")
    press_interval(page, "1s")
    assert page.execute(CHART).startswith("3 candles of 1s")
    drawn = page.execute("return document.querySelector('#chart canvas').getBoundingClientRect()")
    assert drawn["width"] > width / 3
    assert drawn["height"] > 200
    assert page.execute("return document.documentElement.scrollWidth") == width
    swap(node, 3_020, WETH)
    page.until_text("#legend", "Close 3,020.00")
    page.until(f"{CHART}.startsWith('4 candles')")


def test_a_perpetual_shows_its_mark_and_funding_over_time(page: Page, node: str) -> None:
    market = weth(node)
    for price in (2_000, 2_100):
        ask(node, "dex_setOraclePrice", market, price * USDC)
        for is_buy, sender in ((False, OWNER), (True, OTHER)):
            order = (market, WETH, price * USDC, is_buy)
            trade(node, "perp", "placeOrder", *order, sender=sender)
        ask(node, "evm_increaseTime", 3_600)
    ask(node, "dex_setOraclePrice", market, 2_100 * USDC)
    page.open(node, "#perp/WETH")
    press_interval(page, "1h")
    page.until_text("#legend", "Mark 2,100")
    assert "Funding" in page.text("#legend")
    assert page.execute("return document.querySelectorAll('#chart table tr').length") >= 3


def test_a_mark_that_nobody_traded_at_is_drawn_as_it_moves(page: Page, node: str) -> None:
    market = weth(node)
    ask(node, "dex_setOraclePrice", market, 2_000 * USDC)
    page.open(node, "#perp/WETH")
    for place_in_time, price in enumerate((2_100, 2_050, 2_070), 2):
        ask(node, "evm_increaseTime", 70)
        ask(node, "dex_setOraclePrice", market, price * USDC)
        page.until_text("#prices", f"{price:,}.00")
        told = f"0 candles of 1m of WETH perpetual, {place_in_time} mark prices"
        page.until(f"{CHART} === arguments[0]", told)
    assert page.execute("return document.querySelector('#chart .plot').checkVisibility()")
    place(node, WETH, 2_070 * USDC, is_buy=True, sender=OTHER, where="perp")
    place(node, WETH, 2_070 * USDC, is_buy=False, sender=OWNER, where="perp")
    page.until_text("#legend", "Close 2,070.00")


def test_levels_are_put_together_by_the_chosen_step(page: Page, node: str) -> None:
    for price in (2_995, 2_998, 2_981):
        place(node, WETH, price * USDC, is_buy=True, sender=OTHER)
    page.open(node, "#spot/WETH")
    steps = page.execute("return [...document.querySelector('#grouping').options]"
                         ".map((one) => one.text)")  # fmt: skip
    assert steps == ["0.01", "0.10", "1.00", "10.00", "100.00"]
    page.execute(
        "const step = document.querySelector('#grouping'); step.selectedIndex = 3;"
        "step.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    page.until("return document.querySelectorAll('#book .bids tr').length === 2")
    bids = [row[:3] for row in page.rows("#book table") if row[0].startswith("bid")]
    assert bids == [
        ["bid\n2,990.00", "2.0000", "2.0000"], ["bid\n2,980.00", "1.0000", "3.0000"],
    ]  # fmt: skip


def fill(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.execute(
            "const field = document.querySelector(`#ticket [name=${arguments[0]}]`);"
            "field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', { bubbles: true }));"
            "field.dispatchEvent(new Event('change', { bubbles: true }))",
            name,
            text,
        )


def test_orders_are_placed_priced_by_a_click_and_cancelled(page: Page, node: str) -> None:
    place(node, WETH, 3_000 * USDC, is_buy=False, sender=OWNER)
    page.open(node, f"#spot/WETH/{OTHER}")
    assert page.text("#ticket-as") == "as account 1"
    page.click("#book .asks tr")
    fill(page, size="0.25")
    assert page.text("#worth") == "750 USDC"
    page.click("#ticket .buy")
    page.until_text("#ticket-told", "Buy order is in block 2")
    page.until_text("#trades", "0.2500")
    fill(page, price="2990.5", size="2")
    page.click("#ticket .buy")
    page.until_text("#orders", "2,990.50")
    page.click("#orders .act")
    page.until_text("#ticket-told", "Cancel order 3 is in block 4")
    page.until_text("#orders", "No open orders")
    fill(page, price="2990.555")
    page.click("#ticket .buy")
    page.until_text("#ticket-told", "PriceNotMultipleOfTick")
    fill(page, size="0.1234567890123456789")
    page.click("#ticket .sell")
    page.until_text("#ticket-told", "The size has more decimals")
    fill(page, kind="MARKET", size="0.75")
    page.click("#ticket .buy")
    page.until_text("#book", "No orders rest")
    assert ask(node, "dex_openOrders", "spot", OWNER) == []


def test_a_position_is_closed_by_its_button(page: Page, node: str) -> None:
    trade(node, "perp", "openPosition", weth(node), WETH, 10, True, sender=OTHER)
    page.open(node, f"#perp/WETH/{OTHER}")
    page.until_text("#positions", "long")
    page.click("#positions .act")
    page.until_text("#positions", "No open positions")
    assert ask(node, "dex_positions", OTHER) == []


def test_without_cheats_nobody_can_order(page: Page, node: str) -> None:
    with served(cheats=False) as other:
        page.open(other.url, f"#spot/WETH/{OTHER}")
        assert not page.execute("return document.querySelector('#ticket').checkVisibility()")
        assert page.text("#orders").startswith("No open orders")
        page.driver.get("about:blank")
        page.hosts()
    page.open(node)


def test_the_past_is_looked_at_by_slider_and_checkpoint(
    page: Page, tmp_path: Path, node: str
) -> None:
    with served(path=tmp_path / "chain", checkpoint_interval=4) as other:
        url = other.url
        for price in (3_000, 3_010, 2_990):
            swap(url, price, WETH)
        page.open(url, f"#spot/WETH/{OTHER}")
        page.until_text("#checkpoints", "4")
        assert page.execute("return [...document.querySelectorAll('#checkpoint-marks option')]"
                            ".map((one) => one.value)") == ["4"]  # fmt: skip
        sold = page.rows("#balances")
        page.execute("const past = document.querySelector('#past'); past.value = 3;"
                     "past.dispatchEvent(new Event('input'))")  # fmt: skip
        page.until_text("#past-told", "Block 3 ·")
        page.until_text("#book .asks", "3,010.00")
        assert [row[1] for row in page.rows("#trades table")] == ["3,000.00"]
        page.until_text("#legend", "Close 3,000.00")
        page.until(f"{CHART}.startsWith('1 candles')")
        page.until("return arguments[0] !== document.querySelector('#balances').innerText", sold)
        assert page.execute("return document.querySelector('#ticket .buy').disabled")
        assert page.execute("return document.querySelector('.chain li').dataset.block") == "3"
        swap(url, 2_980, WETH)
        page.until_text("#connection", "live, block 8")
        assert "Block 3 ·" in page.text("#past-told")
        page.execute(  # that of block 8 is in the list sooner or later
            "[...document.querySelectorAll('#checkpoints .act')].at(-1).click()"
        )
        page.until_text("#past-told", "Block 4 ·")
        page.until_text("#legend", "Close 3,010.00")
        page.click("#live")
        page.until_text("#legend", "Close 2,980.00")
        page.until_text("#past-told", "Live")
        page.driver.get("about:blank")
        page.hosts()
    page.open(node)


@pytest.mark.parametrize("width", [1440, 390])
def test_hypercore_is_traded_from_the_page(page: Page, node: str, width: int) -> None:
    """Coins by name, orders as signed actions, and why one was dropped."""
    with served(genesis="hyperevm") as other:
        other.result("dex_placeOrder", OWNER, "perp", "ETH", False, 10_000, 3_000 * USDC)
        page.size(width, 900)
        page.open(other.url, f"#perp/ETH/{OTHER}")
        assert page.text("#market option:checked") == "ETH perpetual"
        shown = " ".join(page.text("#positions pre").split())
        assert shown == 'exchange.order( "BTC", True, 1, 80000, {"limit": {"tif": "Gtc"}}, )'
        page.until_text("#book", "3,000.00")
        fill(page, kind="MARKET", size="0.5")
        page.click("#ticket .buy")
        page.until_text("#ticket-told", "Buy order is in block 2")
        page.until_text("#positions", "long")
        page.until_text("#legend", "Close 3,000.00")
        fill(page, kind="GTC", price="300", size="0.5")
        page.click("#ticket .buy")
        page.until_text("#ticket-told", "PriceOutOfBand")
        page.until_text("#receipts", "dropped")
        assert "PriceOutOfBand(price 300000000" in page.text("#receipts")
        assert "buy 0.5 at 300" in page.text("#receipts")
        assert "1 action on HyperCore" in page.text("#blocks")
        assert page.execute("return document.documentElement.scrollWidth") == width
        page.driver.get("about:blank")
        page.hosts()
    page.open(node)
