"""Validators with the engine itself: four on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.home import Home, homes_in
from tests.validator.network import Network, evm_dex, network, wait_for
from tests.validator.orders import order

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validators")]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    path = tmp_path_factory.mktemp("validators") / "net"
    with network(path, "--checkpoint-interval", 3) as running:
        running.wait_for_height(1)
        yield running


def trade(net: Network, home: Home, account: int, count: int = 10) -> list[str]:
    """Send orders of an account to one of the validators; their hashes."""
    sender = f"0x{default_accounts()[account].address.hex()}"
    nonce = int(net.ask(home, "eth_getTransactionCount", sender, "pending"), 16)
    return net.send(
        home, [order(account, nonce + at, price=1_990 + 2 * at + account) for at in range(count)]
    )


def test_four_agree_while_one_is_killed_and_comes_back(net: Network) -> None:
    first, second, third, fourth = net.homes
    net.wait_for_receipts(fourth, trade(net, first, 0) + trade(net, second, 1))
    net.kill(second, "application", "engine")
    more = trade(net, first, 2)
    net.wait_for_receipts(third, more)
    net.wait_for_receipts(second, more)
    assert "starting both again" in net.said()
    assert net.check_equal() >= 3
    states = json.loads(evm_dex("validator", "status", net.path, "--json").stdout)
    assert [state["is_running"] for state in states] == [True] * 4
    assert [state["votes"] for state in states] == [1] * 4


def test_a_fifth_joins_by_state_sync(net: Network, tmp_path: Path) -> None:
    first, second, third, _ = net.homes
    net.wait_for_receipts(first, trade(net, first, 3))
    wait_for(lambda: any(first.snapshots.glob("*.json")), "a snapshot")
    net.wait_for_height(net.height(first) + 2, [first])
    told = json.loads(evm_dex("validator", "status", net.path, "--json").stdout)
    trusted, url, other = told[0]["trusted"], told[0]["engine_url"], told[1]["engine_url"]
    path, port = tmp_path / "fifth", net.first_port
    where = ("--port", port + 5, "--peer-port", port + 60)

    lied = trusted[:-1] + ("0" if trusted[-1] != "0" else "1")
    refused = evm_dex("validator", "join", path, "--trust", lied, "--from", url)
    assert refused.returncode == 1
    assert "you trust" in refused.stderr
    assert not path.exists()

    asked = ("--trust", trusted, "--from", url, "--from", other)
    joined = evm_dex("validator", "join", path, *asked, *where)
    assert joined.returncode == 0, joined.stderr
    assert "with the state of block" in joined.stdout
    (fifth,) = homes_in([path])
    net.start(fifth)
    wait_for(lambda: net.height(fifth) >= net.height(first) - 1, "catching up")
    sync = ask_engine(f"http://127.0.0.1:{port + 61}", "status")["sync_info"]
    assert int(sync["earliest_block_height"]) > 1, "it did not execute the blocks before"
    net.wait_for_receipts(third, trade(net, fifth, 4))
    last = net.height(fifth)
    wait_for(lambda: net.height(fifth) > last, "the next block")
    assert net.hash_at(fifth, last) == net.hash_at(second, last)
    assert not (path / "joining").exists()
    net.stop(fifth)
