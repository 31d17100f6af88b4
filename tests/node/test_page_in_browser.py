"""The node's page in a real browser: live, exact, by keyboard, on small screens, in the dark."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

import evm_dex
from evm_dex.blocks.addresses import to_address
from precompiles.hyper.encoding import SpotSend, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER
from tests.node.browser import Page
from tests.node.served import OTHER, OWNER, served
from tests.node.trading import ask, place, trade, weth

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
ROOT = Path(__file__).parents[2]
WETH = 10**18
USDC = 10**6
MINUS = "\N{MINUS SIGN}"
HOSTILE = '<img src=x onerror="stolen=1">'
GENESIS = f"""
[[tokens]]
symbol = '{HOSTILE}'
[[tokens]]
symbol = "U\\u202ESDC"
decimals = 6
[[markets]]
base = '{HOSTILE}'
quote = "U\\u202ESDC"
tick = 10000
lot = 1000000000000
"""


def test_book_picture_and_trades_follow_the_chain_without_a_reload(page: Page, node: str) -> None:
    place(node, 2 * WETH, 3_000 * USDC, is_buy=False, sender=OWNER)
    place(node, WETH, 3_010 * USDC, is_buy=False, sender=OWNER)
    page.open(node)
    page.execute("window.loaded = 'once'")
    place(node, 5 * WETH // 2, 3_005 * USDC, is_buy=True, sender=OTHER)
    page.until_text("#book .bids", "3,005.00")
    assert page.rows("#book table") == [
        ["ask\n3,010.00", "1.0000", "1.0000", "1"],
        ["spread 5.00 USDC"],
        ["bid\n3,005.00", "0.5000", "0.5000", "1"],
    ]
    ((*traded, time),) = page.rows("#trades table")
    assert traded == ["▲ buy", "3,000.00", "2.0000"]
    (told,) = ask(node, "dex_trades", "spot", "WETH")
    assert time == datetime.fromtimestamp(told["timestamp"], UTC).strftime("%H:%M:%S")
    assert page.text('[data-figure="Last"]') == "3,000.00 USDC"
    picture = page.execute("return document.querySelector('#depth svg').ariaLabel")
    assert picture == (
        "Depth: bids of 0.5000 WETH from 3,005.00 to 3,005.00; "
        "asks of 1.0000 WETH from 3,010.00 to 3,010.00."
    )
    page.until_text("#connection", "live, block 3")
    assert page.execute("return window.loaded") == "once"


def test_a_rollback_is_noticed_though_no_block_tells_of_it(page: Page, node: str) -> None:
    snapshot = ask(node, "evm_snapshot")
    place(node, WETH, 3_000 * USDC, is_buy=False, sender=OWNER)
    place(node, WETH, 3_000 * USDC, is_buy=True, sender=OTHER)
    page.open(node)
    page.until_text("#trades", "3,000.00")
    ask(node, "evm_revert", snapshot)
    page.until_text("#trades", "No trades yet")
    assert "placeOrder" not in page.text("#blocks .chain")


def test_an_account_shows_what_it_has_to_the_last_unit(page: Page, node: str) -> None:
    place(node, 12_345 * 10**14, 2_999_990_000, is_buy=True, sender=OTHER)
    trade(node, "perp", "openPosition", weth(node), 15 * 10**17, 10, True, sender=OTHER)
    page.open(node)
    page.type_into("#account-address", OTHER.upper().replace("0X", "0x"))
    page.until_text("#orders", "2,999.99")
    assert page.rows("#orders") == [
        ["WETH / USDC", "▲ buy", "2,999.99", "1.2345", "0.0000", "GTC", "1", "Cancel"]
    ]
    (position,) = page.rows("#positions")
    assert position[:3] == ["WETH perpetual", "▲ long", "1.5000"]
    account, tokens = ask(node, "dex_account", OTHER), ask(node, "dex_markets")["tokens"]
    shown = {row[0]: row[1:] for row in page.rows("#balances")}
    for address, token in tokens.items():
        held = account["spot"][address]
        expected = [exactly(held[name], token["decimals"]) for name in ("available", "onHold")]
        assert shown[token["symbol"]][1:] == expected
    ether = ask(node, "eth_getBalance", OTHER, "latest")
    assert shown["ETH"][0] == exactly(int(ether, 16), 18)
    assert exactly(account["perp"]["equity"], 6) in page.text("#margin")
    assert page.execute("return location.hash").endswith(OTHER)


def test_what_is_no_address_is_told(page: Page, node: str) -> None:
    page.open(node)
    page.type_into("#account-address", "0x1234")
    page.until_text("#account-problem", "40 hex digits")
    assert page.execute("return document.querySelector('[aria-invalid]').id") == "account-address"


def test_a_perpetual_market_shows_its_prices(page: Page, node: str) -> None:
    place(node, WETH, 2_001 * USDC, is_buy=False, sender=OWNER, where="perp")
    page.open(node)
    page.execute(
        "const chooser = document.querySelector('#market');"
        "chooser.value = arguments[0]; chooser.dispatchEvent(new Event('change'))",
        f"perp/{weth(node)}",
    )
    page.until_text("#book", "2,001.00")
    assert page.text('[data-figure="Mark"]') == "2,000.00 USDC"
    assert page.text('[data-figure="Oracle"]') == "2,000.00 USDC"
    assert page.text('[data-figure="Funding"]') == "0 % an hour"
    assert "perpetual" in page.driver.title


def test_a_failed_transaction_shows_in_its_calls_why(page: Page, node: str) -> None:
    gas = 1_000_000
    price = 3_000 * USDC
    trade(node, "spot", "placeOrder", weth(node), 10**30, price, True, sender=OTHER, gas=gas)
    page.open(node)
    assert "Spot.placeOrder buy" in page.text(".transaction")
    page.click(".transaction")
    page.until_text("#blocks .calls", "InsufficientBalance")
    assert "1000000000000000000000000000000 1,000,000,000,000.0000" in page.text(".calls .facts")


def test_a_failed_transaction_tells_why_in_the_list(page: Page, node: str) -> None:
    order = (weth(node), 10**30, 3_000 * USDC, True)
    trade(node, "spot", "placeOrder", *order, sender=OTHER, gas=1_000_000)
    page.open(node)
    assert "InsufficientBalance(token=" in page.text("#blocks .why")


def test_calls_of_contracts_whose_abi_is_given_have_names(
    page: Page, node: str, tmp_path: Path
) -> None:
    """By a file, which holds for creations with its code and calls of its functions."""
    file = ROOT / "contracts/artifacts/Trader.json"
    trader = json.loads(file.read_text())
    created = ask(node, "eth_sendTransaction", {"from": OWNER, "data": trader["bytecode"]})
    address = ask(node, "eth_getTransactionReceipt", created)["contractAddress"]
    call = {"from": OTHER, "to": address, "gas": hex(200_000)}
    ask(node, "eth_sendTransaction", call | {"data": "0x40e58ee5" + "0" * 63 + "7"})
    page.open(node)
    assert "new contract" in page.text("#blocks .chain")
    (tmp_path / "wrong.json").write_text("[1]")
    field = page.driver.find_element("css selector", "#abi-files")
    field.send_keys(f"{file}\n{tmp_path / 'wrong.json'}")
    page.until_text("#abi-said", "Trader: ")
    assert "wrong.json: " in page.text("#abi-said")
    page.until_text("#blocks .chain", "new Trader")
    page.until_text("#blocks .chain", "Trader.cancel orderId 7")
    assert "NotOwner" in page.text("#blocks .why")
    page.click(".transaction")
    page.until_text("#blocks .calls", "Trader.cancel")


def test_a_position_shows_its_margin_and_what_would_liquidate_it(page: Page, node: str) -> None:
    trade(node, "perp", "openPosition", weth(node), WETH, 10, True, sender=OTHER)
    page.open(node, f"#perp/WETH/{OTHER}")
    page.until_text("#positions", "long")
    (row,) = page.rows("#positions")
    titles = page.execute(
        "return [...document.querySelectorAll('#positions th')].map((one) => one.innerText)"
    )
    shown = dict(zip(titles, row, strict=True))
    (position,) = ask(node, "dex_positions", OTHER)
    assert shown["Liquidated at"] == "1,820.00"
    assert position["liquidationPrice"] == str(1_820 * USDC)
    assert shown["Margin"] == exactly(position["margin"], 6)


def test_the_address_bar_is_obeyed_by_symbol_and_by_address(page: Page, node: str) -> None:
    page.open(node, f"#perp/WETH/{OTHER}")
    market = "return document.querySelector('#market').value"
    assert page.execute(market) == f"perp/{weth(node)}"
    assert page.execute("return document.querySelector('#account-address').value") == OTHER
    for fragment in (f"#spot/weth/{OWNER}", f"#spot/{weth(node)}/{OWNER}"):
        page.execute("location.hash = arguments[0]", f"#perp/WETH/{OTHER}")
        page.until(f"{market} === arguments[0]", f"perp/{weth(node)}")
        page.execute("location.hash = arguments[0]", fragment)
        page.until(f"{market} === arguments[0]", f"spot/{weth(node)}")
        page.until_text("#balances", "WETH")
        assert page.execute("return document.querySelector('#account-address').value") == OWNER
    page.execute("location.hash = '#spot/NOTHING/0x12'")
    page.until(f"{market} === arguments[0]", f"spot/{weth(node)}")


def test_every_column_is_seen_on_a_phone(page: Page, node: str) -> None:
    for is_buy, price in ((True, 990), (False, 1_010), (True, 1_010)):
        place(node, 123_4567 * WETH // 10**4, price * USDC, is_buy=is_buy, sender=OTHER)
    trade(node, "perp", "openPosition", weth(node), 15 * 10**17, 10, True, sender=OTHER)
    page.size(390, 844)
    page.open(node, f"#spot/WETH/{OTHER}")
    page.until_text("#positions", "long")
    hidden = page.execute(
        "return [...document.querySelectorAll('.scrolls, #book .body')]"
        ".filter((one) => one.scrollWidth > one.clientWidth)"
        ".map((one) => one.closest('section').id + ' ' + one.innerText)"
    )
    assert hidden == []
    assert page.execute("return document.documentElement.scrollWidth") == 390
    label = "return getComputedStyle(document.querySelector(arguments[0]), '::before').content"
    assert page.execute(label, "#positions td") == '"Market"'


def test_all_of_it_works_by_keyboard(page: Page, node: str) -> None:
    for price in (1_000, 1_001):
        place(node, WETH, price * USDC, is_buy=True, sender=OTHER)
    page.open(node)
    focused = "return document.activeElement.id"
    page.press("/")
    assert page.execute(focused) == "account-address"
    page.press(Keys.TAB)
    page.execute("document.activeElement.blur()")
    page.press("m")
    assert page.execute(focused) == "market"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.execute(outline) != "none"
    order: list[str] = []
    while "account-address" not in order:
        page.press(Keys.TAB)
        order.append(
            page.execute("return document.activeElement.id || document.activeElement.value")
        )
    assert order[:3] == ["past", "1s", "5s"]
    assert order[-5:-2] == ["", "buy", "sell"]
    assert order[-2:] == ["account-choice", "account-address"]
    hashes = page.execute("return [...document.querySelectorAll('.transaction')]"
                          ".map((one) => one.dataset.hash)")  # fmt: skip
    while page.execute("return document.activeElement.dataset.hash") != hashes[0]:
        page.press(Keys.TAB)
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    page.until_text("#blocks .calls", "placeOrder")
    place(node, WETH, 1_002 * USDC, is_buy=True, sender=OTHER)
    page.until_text("#book", "1,002.00")
    page.until("return document.querySelectorAll('.transaction').length === 3")
    assert page.execute("return document.activeElement.dataset.hash") == hashes[1]
    assert "placeOrder" in page.text("#blocks .calls")
    page.press(Keys.ARROW_UP)
    assert page.execute("return document.activeElement.dataset.hash") == hashes[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_ground_in_light_and_dark(
    page: Page, node: str, scheme: str
) -> None:
    """At least 4.5 to 1, as WCAG 2 asks at level AA."""
    for is_buy, price in ((True, 990), (False, 1_010)):
        place(node, WETH, price * USDC, is_buy=is_buy, sender=OTHER)
    page.prefer(prefers_color_scheme=scheme)
    page.open(node)
    ground = page.execute(
        "return getComputedStyle(document.querySelector('.card')).backgroundColor"
    )
    assert (luminance(ground) > 0.5) == (scheme == "light")
    for selector in ("body", "h3", ".faint", ".asks th", ".bids th", "small"):
        script = "return getComputedStyle(document.querySelector(arguments[0])).color"
        assert contrast(page.execute(script, selector), ground) >= 4.5, selector


def test_who_asked_for_less_motion_sees_none(page: Page, node: str) -> None:
    animation = (
        "return getComputedStyle(document.querySelector('.ladder .changed th')).animationName"
    )
    page.open(node)
    place(node, WETH, 1_000 * USDC, is_buy=True, sender=OTHER)
    page.until_text("#book", "1,000.00")
    for preference, expected in (("no-preference", "changed"), ("reduce", "none")):
        page.prefer(prefers_reduced_motion=preference)
        assert page.execute(animation) == expected


@pytest.mark.parametrize("width", [320, 760, 1120, 1300])
def test_no_width_scrolls_sideways(page: Page, node: str, width: int) -> None:
    for is_buy, price in ((True, 990), (False, 1_010), (True, 1_010)):
        place(node, 123_4567 * WETH // 10**4, price * USDC, is_buy=is_buy, sender=OTHER)
    page.size(width, 900)
    page.open(node)
    page.click(".transaction")
    page.until_text("#blocks .calls", "placeOrder")
    assert page.execute("return document.documentElement.scrollWidth") == width
    sticking_out = page.execute(
        "const right = (one) => one.getBoundingClientRect().right;"
        "return [...document.querySelectorAll('.card *')].filter((one) => !one.closest('.scrolls')"
        " && !one.closest('.hidden') && !one.closest('[hidden]')"
        " && right(one) > right(one.closest('.card')))"
        ".map((one) => one.outerHTML.slice(0, 90))"
    )
    assert sticking_out == []


def test_what_empty_places_say_to_do_can_be_done(page: Page, node: str) -> None:
    page.open(node)
    examples = [page.text(f"#{place} pre") for place in ("book", "positions")]
    with evm_dex.open() as dex:
        for example in examples:
            exec(example, {"dex": dex})
        book = dex.spot.call("getDepth", weth(node), 5)
        assert book[0] == (1_000 * USDC,)
        assert dex.perp.call("getAccount", dex.accounts[1]).positionIds == (2,)


def test_symbols_are_text_whatever_they_are(page: Page, tmp_path: Path, node: str) -> None:
    (tmp_path / "genesis.toml").write_text(GENESIS)
    with served(genesis=tmp_path / "genesis.toml") as other:
        url = other.url
        assert HOSTILE in str(ask(url, "dex_markets"))
        page.open(url)
        page.until_text("#balances", "<img src=x onerr…")
        page.until_text("#market", "<img src=x onerr… / U SDC")
        assert page.execute("return document.querySelector('img')") is None
        assert page.execute("return typeof stolen") == "undefined"
        page.driver.get("about:blank")
        page.hosts()
    page.open(node)


def test_a_lost_node_is_told_and_found_again(page: Page, tmp_path: Path, node: str) -> None:
    with served(path=tmp_path / "chain", checkpoint_interval=1) as other:
        url, port = other.url, other.port
        page.open(url)
        page.execute("window.loaded = 'once'")
    page.until_text("#connection", "disconnected")
    assert "trying again in" in page.text("#outage")
    with served(path=tmp_path / "chain", port=port):
        place(url, WETH, 3_000 * USDC, is_buy=False, sender=OWNER)
        page.until_text("#connection", "live, block 1")
        page.until_text("#book", "3,000.00")
        page.until_text("#checkpoints tbody", "ago")
        assert page.rows("#checkpoints")[0][0] == "1"
        assert page.execute("return document.querySelector('#outage').hidden")
        assert page.execute("return window.loaded") == "once"
        page.driver.get("about:blank")
        assert all("WebSocket" in message for message in page.console())
        assert page.hosts() == {f"127.0.0.1:{port}"}
    page.open(node)


def test_numbers_are_exact(page: Page, node: str) -> None:
    """Against Python's fractions: the same value, or cut and marked as such."""
    source = random.Random(7)
    cases: list[tuple[str, str]] = [("0", "1"), ("-5", "10"), ("1", "3"), (str(2**256 - 1), "1")]
    for _ in range(300):
        top = source.randrange(-(10 ** source.randrange(1, 60)), 10 ** source.randrange(1, 60))
        bottom = source.choice([10 ** source.randrange(30), source.randrange(1, 10**20)])
        cases.append((str(top), str(bottom)))
    page.open(node)
    found = page.driver.execute_async_script(
        "const [cases, done] = arguments;"
        "import('/numbers.js').then(({ ratio }) => done(cases.map("
        "([top, bottom]) => ratio(BigInt(top), BigInt(bottom)))));",
        cases,
    )
    for case, text in zip(cases, found, strict=True):
        exact, read = Fraction(int(case[0]), int(case[1])), as_fraction(text.rstrip("…"))
        if text.endswith("…"):
            assert 0 < abs(exact) - abs(read) < Fraction(1, 10**255)
        else:
            assert read == exact


def as_fraction(text: str) -> Fraction:
    whole = text.replace(MINUS, "-").split(".")[0].lstrip("-")
    groups = whole.split(",")
    assert all(len(group) == 3 for group in groups[1:])
    assert 1 <= len(groups[0]) <= 3
    return Fraction(text.replace(MINUS, "-").replace(",", ""))


def exactly(units: Any, decimals: int) -> str:
    """Smallest units as text with groups of thousands and no zeros at the end."""
    with localcontext() as context:
        context.prec = 100
        text = f"{Decimal(int(units)).scaleb(-decimals):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def luminance(color: str) -> float:
    """Relative luminance of `rgb(r, g, b)`, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_what_hypercore_made_of_actions_is_told_and_its_own_part_is_hidden(
    page: Page, node: str
) -> None:
    with served(genesis="hyperevm") as other:
        writer = other.dex.contract(CORE_WRITER, "CoreWriter")
        action = SpotSend(to_address(other.dex.accounts[0]), 150, 7)
        writer.send("sendRawAction", encode_action(action))
        page.open(other.url)
        assert page.execute("return document.querySelectorAll('.transaction').length") == 1
        page.click(".transaction")
        page.until_text("#blocks .actions", "spotSend dropped: SendToSelf()")
        page.driver.get("about:blank")
        page.hosts()
    page.open(node)
