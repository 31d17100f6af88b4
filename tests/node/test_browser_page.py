"""The files of the node's page: served as what they are, and nothing else is."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from evm_dex.node import browser_page
from tests.node.served import OTHER, OWNER, SPOT, Served, served
from tests.node.trading import trade

PAGE = Path(browser_page.__file__).with_name("page")
VENDORED = PAGE / "vendored"
TYPES = {
    ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}  # fmt: skip
FILES = sorted(file for file in PAGE.rglob("*") if file.suffix in TYPES)
OWN = [file for file in FILES if VENDORED not in file.parents]
CHARTS_LINK = "https://www.tradingview.com/"
"""Its licence asks for it on the page; a browser goes there if somebody presses it."""


def get(node: Served, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(node.url + path, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_file_is_served_as_it_is_with_its_type(shared_node: Served, file: Path) -> None:
    status, headers, body = get(shared_node, f"/{file.relative_to(PAGE)}")
    assert (status, body) == (200, file.read_bytes())
    assert headers["Content-Type"] == f"{TYPES[file.suffix]}; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_the_page_may_load_and_ask_only_this_node(shared_node: Served) -> None:
    status, headers, body = get(shared_node, "/")
    assert (status, body) == (200, (PAGE / "index.html").read_bytes())
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}


@pytest.mark.parametrize(
    "path",
    [
        "/../browser_page.py",
        "/page/../../node.py",
        "/%2e%2e/browser_page.py",
        "/page",
        "/nothing.js",
        "/vendored/lightweight-charts/source.toml",
        "/vendored/../page.js/..",
        "//",
    ],
)
def test_nothing_else_is_served(shared_node: Served, path: str) -> None:
    assert get(shared_node, path)[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_methods_that_mean_nothing_here_are_refused(shared_node: Served, method: str) -> None:
    status, _, body = get(shared_node, "/", method)
    assert status == 405
    assert f"the HTTP method must be POST, got {method}" in body.decode()


def test_no_file_names_another_host() -> None:
    for file in OWN:
        addresses = re.findall(r"(?:https?:)?//[a-z0-9][^\s\"'`)]*", file.read_text())
        assert set(addresses) <= {"http://www.w3.org/2000/svg", CHARTS_LINK}, file.name
    assert (PAGE / "index.html").read_text().count(CHARTS_LINK) == 1


def test_no_script_makes_markup_of_text() -> None:
    """What contracts call themselves can't become elements where no text can."""
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|Function\("
    for file in OWN:
        assert not re.search(ways, file.read_text()), file.name


def test_the_wheel_has_the_page(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    needed = [*FILES, *(file for file in VENDORED.rglob("*") if file.is_file())]
    assert {f"evm_dex/node/page/{file.relative_to(PAGE)}" for file in needed} <= shipped
    licences = {name for name in shipped if ".dist-info/licenses/" in name}
    assert len([name for name in licences if name.endswith(("LICENSE", "NOTICE"))]) == 3


@pytest.mark.parametrize(
    "source", sorted(VENDORED.glob("*/source.toml")), ids=lambda it: it.parent.name
)
def test_files_of_others_are_as_they_were_published(source: Path) -> None:
    """Their licence and notice are with them."""
    told = tomllib.loads(source.read_text())
    listed = {"source.toml", "LICENSE", "NOTICE"}
    for file in told["files"]:
        content = (source.parent / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert told["version"].encode() in content
        listed.add(file["name"])
    assert {file.name for file in source.parent.iterdir()} == listed
    assert "Apache License" in (source.parent / "LICENSE").read_text()


def test_blocks_come_newest_first_with_decoded_transactions(fresh_node: Served) -> None:
    market = fresh_node.result("dex_markets")["spot"][0]["asset"]
    first = trade(fresh_node.url, "spot", "placeOrder", market, 10**18, 10**9, True, sender=OTHER)
    plain = {"from": OWNER, "to": OTHER, "value": "0x5"}
    second = fresh_node.result("eth_sendTransaction", plain)
    newest, before, genesis = fresh_node.result("dex_blocks")
    assert [block["number"] for block in (newest, before, genesis)] == [2, 1, 0]
    assert newest["parentHash"] == before["hash"]
    receipt = fresh_node.result("eth_getTransactionReceipt", first)
    (placed,) = before["transactions"]
    assert placed["decoded"]["function"] == "placeOrder"
    assert placed["decoded"]["arguments"]["amount"] == str(10**18)
    assert (placed["hash"], placed["to"], placed["succeeded"]) == (first, SPOT, True)
    assert placed["gasUsed"] == int(receipt["gasUsed"], 16)
    (sent,) = newest["transactions"]
    assert (sent["hash"], sent["value"], sent["decoded"]) == (second, "5", None)
    assert fresh_node.result("dex_blocks", 1, "0x1") == [before]


def test_trades_from_a_block_on_are_those_that_came_then(fresh_node: Served) -> None:
    market = fresh_node.result("dex_markets")["spot"][0]["asset"]
    for is_buy, sender in ((False, OWNER), (True, OTHER)) * 2:
        trade(fresh_node.url, "spot", "placeOrder", market, 10**18, 10**9, is_buy, sender=sender)
    both = fresh_node.result("dex_trades", "spot", market)
    assert [one["blockNumber"] for one in both] == [4, 2]
    assert fresh_node.result("dex_trades", "spot", market, 50, "0x3") == both[:1]
    assert fresh_node.result("dex_trades", "spot", market, 50, "0x5") == []


def test_artifacts_given_at_the_start_name_calls(tmp_path: Path) -> None:
    artifacts = Path(__file__).parents[2] / "contracts/artifacts"
    (tmp_path / "not-an-artifact.json").write_text("{}")
    for name in ("Trader", "Pair"):
        (tmp_path / f"{name}.json").write_bytes((artifacts / f"{name}.json").read_bytes())
    with served(abis=(tmp_path,)) as node:
        trader = node.dex.deploy("Trader")
        trader.submit("cancel", 7, gas=200_000, sender=node.dex.accounts[1])
        called, created = (block["transactions"][0] for block in node.result("dex_blocks", 2))
        assert created["decoded"]["contract"] == "Trader"
        assert created["decoded"]["function"] == "constructor"
        assert called["decoded"]["function"] == "cancel"
        assert (called["succeeded"], called["reason"]) == (
            False,
            f"NotOwner(caller={node.dex.accounts[1].address})",
        )
    for path, said in (("nothing.json", "there is no such file"), ("not-an-artifact.json", "abi")):
        refused = pytest.raises(ValueError, match=said)
        with refused, served(abis=(tmp_path / path,)):
            pass


def test_what_is_no_abi_is_refused(shared_node: Served) -> None:
    wrong: tuple[Any, ...] = ({}, {"abi": 5}, {"abi": [5]}, {"abi": [{"type": "function"}]}, [])
    for artifact in wrong:
        assert shared_node.error("dex_addAbi", artifact)["code"] == -32602
