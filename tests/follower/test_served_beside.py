"""What a follower serves beside JSON-RPC as its node does: the page, the order feed, foundry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

import evm_dex
from checkpoint.families import Family
from evm_dex.blocks.addresses import to_address
from evm_dex.cli.follow_command import Ports
from evm_dex.history.consumer import Consumer
from evm_dex.history.feed_client import ChainFeed, RemoteFeed
from evm_dex.history.stores.sqlite import IN_MEMORY, SqliteStore
from evm_dex.orderlog.cursors import STATE_KEY
from evm_dex.orderlog.order_update import OrderUpdate
from evm_dex.orderlog.outbox import read_state
from tests.clients.running import OWNER_KEY, foundry, run
from tests.follower.running import RunningFollower, following
from tests.follower.test_follow import OTHER, OWNER, trade
from tests.node.browser import browser
from tests.node.served import Served, served
from tests.node.trading import place
from tests.ports import free_ports

WETH, USDC = 10**18, 10**6


@pytest.fixture
def node() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture
def follower(node: Served, tmp_path: Path) -> Iterator[RunningFollower]:
    trade(node.url, 3)
    with following(node.url, tmp_path / "chain") as running:
        yield running


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_page_is_live_and_trades_at_the_node(
    node: Served, follower: RunningFollower, tmp_path: Path
) -> None:
    with browser(tmp_path / "profile") as page:
        page.hosts(), page.console()
        page.open(follower.url)
        page.execute("window.loaded = 'once'")
        place(node.url, 2 * WETH, 4_000 * USDC, is_buy=False, sender=OWNER)
        page.until_text("#book .asks", "4,000.00")
        place(follower.url, WETH, 1_500 * USDC, is_buy=True, sender=OTHER)
        page.until_text("#book .bids", "1,500.00")
        head = node.result("dex_head")
        assert follower.ask("dex_head") == head
        # Back with the node, and the page with it.
        node.result("anvil_rollback", 1)
        page.until("return !document.querySelector('#book .bids')?.innerText.includes('1,500.00')")
        assert page.execute("return window.loaded") == "once"
        assert page.console() == []
        assert page.hosts() == {follower.url.removeprefix("http://")}


@pytest.mark.slow
def test_an_order_history_is_fed_by_a_follower(tmp_path: Path) -> None:
    """It begins with the orders that are open, and hears all that the node's history does."""
    home, path, port = tmp_path / "node", tmp_path / "chain", free_ports(2)
    with ExitStack() as opened:
        node = opened.enter_context(served(path=home))
        trade(node.url, 6)
        first = int(node.result("eth_blockNumber"), 16)
        ports = Ports(0, history_feed=port)
        follower = opened.enter_context(following(node.url, path, ports=ports))
        feeds = (ChainFeed(home), RemoteFeed(f"tcp://127.0.0.1:{port}"))
        stores = [opened.enter_context(closing(SqliteStore(IN_MEMORY))) for _ in feeds]
        consumers = []
        for feed, store in zip(feeds, stores, strict=True):
            consumers.append(Consumer(opened.enter_context(closing(feed)), store))

        def level() -> None:
            follower.wait_for(node.result("dex_head")["hash"])
            for consumer, store, where in zip(consumers, stores, (home, path), strict=True):
                with evm_dex.open_beside(where) as dex:
                    last = read_state(dex.store.get(Family.OUTBOX, STATE_KEY)).last
                while store.cursor().event_id < last:
                    consumer.step()
            ours, theirs = (told_after(first, store) for store in stores)
            assert ours == theirs != []
            for user in (to_address(OWNER), to_address(OTHER)):
                ours, theirs = (
                    [plain(order) for order in store.open_orders(user)] for store in stores
                )
                assert [it.order_id for it in ours] == [it.order_id for it in theirs]

        trade(node.url, 8, 6)
        level()
        node.result("anvil_rollback", 3)
        trade(follower.url, 2, 30)
        level()


def told_after(height: int, store: SqliteStore) -> list[OrderUpdate]:
    found = [plain(update) for update in store.stream(0, 1_000)]
    return [update for update in found if update.block_number > height]


def plain(update: OrderUpdate) -> OrderUpdate:
    """An update without its place in a log, which each chain counts for itself."""
    return replace(update, event_id=0, previous=b"")


@pytest.mark.slow
def test_cast_reads_here_and_sends_by_the_node(node: Served, follower: RunningFollower) -> None:
    def cast(*words: str) -> str:
        return run([foundry("cast"), *words, "--rpc-url", follower.url]).strip()

    assert cast("chain-id") == str(node.dex.chain.chain_id)
    before = int(cast("balance", OTHER))
    sent = json.loads(cast("send", OTHER, "--value", "5", "--private-key", OWNER_KEY, "--json"))
    assert int(sent["status"], 16) == 1
    assert int(cast("balance", OTHER)) == before + 5
    assert cast("block-number") == str(int(node.result("eth_blockNumber"), 16))
    assert json.loads(cast("receipt", sent["transactionHash"], "--json")) == sent
    assert cast("block", "latest", "--field", "hash") == node.result("dex_head")["hash"]
    assert cast("rpc", "evm_mine").strip('"') == "0x0"
    assert cast("block-number") == str(int(node.result("eth_blockNumber"), 16))
    assert cast("nonce", OWNER) == str(
        int(node.result("eth_getTransactionCount", OWNER, "latest"), 16)
    )
