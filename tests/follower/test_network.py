"""Networks that are slow, or lose what is sent without a word, and followers that cope."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from evm_dex.follower import follower, node_client
from tests.follower.running import Network, following
from tests.follower.test_follow import cheat, same, trade
from tests.node.served import served
from tests.waiting import until

pytestmark = pytest.mark.slow
HASH = "0x" + "00" * 32


def test_a_slow_network_takes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive, and the blocks after a while without it, take longer than any silence may."""
    monkeypatch.setattr(node_client, "_SECONDS_OF_SILENCE", 2.0)
    with served() as node, Network(node.port, bytes_per_second=16_000) as network:
        trade(node.url, 10)
        with following(network.url, tmp_path / "chain") as slow:
            network.cut()
            trade(node.url, 20, 10)
            cheat(node.url)
            network.mend()
            slow.wait_for(node.result("dex_head")["hash"])
            same(node.url, slow.url)
            trade(slow.url, 2)
            assert slow.ask("dex_head") == node.result("dex_head")


def test_a_network_that_swallows_is_noticed_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_client, "_SECONDS_OF_SILENCE", 3.0)
    monkeypatch.setattr(node_client, "_SECONDS_FOR_OTHERS", 3.0)
    monkeypatch.setattr(follower, "_SECONDS_SURE", 1.0)
    with (
        served() as node,
        Network(node.port) as network,
        following(network.url, tmp_path / "chain") as kept,
    ):
        kept.wait_for(node.result("dex_head")["hash"])
        until(lambda: kept.ask("dex_following")["connected"])
        network.swallows = True
        # Before it counts as lost, it is not said to be in step.
        until(lambda: kept.ask("dex_following")["millisecondsBehind"] > 0)
        trade(node.url, 3)
        until(lambda: not kept.ask("dex_following")["connected"])
        with pytest.raises(AssertionError, match="what is read here goes on"):
            kept.ask("evm_mine")
        assert kept.ask("eth_blockNumber") == "0x0"
        network.swallows = False  # for connections that are opened now
        kept.wait_for(node.result("dex_head")["hash"])
        same(node.url, kept.url)


def test_requests_of_others_do_not_keep_a_follower_from_its_own() -> None:
    """The node has taken in more than a session's usual number, and answers none of them."""
    head = {"version": "1", "chainId": 1, "genesisHash": HASH, "number": 5, "hash": HASH}
    waiting = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"dex_head" not in await reader.readuntil(b"}"):
            open_now.add(writer)
            if len(open_now) == 150:
                waiting.set()
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": head}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    open_now: set[asyncio.StreamWriter] = set()

    async def ask_beside_others() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with node_client.NodeClient(f"http://127.0.0.1:{port}") as client:
                others = [
                    asyncio.create_task(client.pass_on(b'{"method": "evm_mine"}'))
                    for _ in range(150)
                ]
                await waiting.wait()
                assert (await client.head()).number == 5
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)
            for writer in open_now:
                writer.close()

    asyncio.run(ask_beside_others())
