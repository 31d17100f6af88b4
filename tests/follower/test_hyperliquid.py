"""Hyperliquid's API of a follower: read here, traded at the node; and what HyperCore imports."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.addresses import to_address
from evm_dex.cli.follow_command import Ports
from evm_dex.hyperliquid.served import LocalHyperliquid, serve_in_background
from precompiles.hyper.encoding import SpotSend, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER
from tests.follower.running import RunningFollower, ask, following, refused
from tests.hyperliquid.trader import KEYS, limit, sign_l1
from tests.node.served import served

pytestmark = pytest.mark.slow
ETH, HYPE = 1, 150


@pytest.fixture
def local() -> Iterator[LocalHyperliquid]:
    with evm_dex.open(profile="hyperevm") as dex, serve_in_background(dex) as running:
        yield running


def action_of(user: User) -> bytes:
    """The calldata of a send to a user."""
    interface = Interface(load_artifact("CoreWriter")["abi"])
    action = encode_action(SpotSend(to_address(user.address), HYPE, 7))
    return interface.encode_call(interface.function("sendRawAction", 1), (action,))


def post(url: str, content: Any) -> Any:
    body = json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)


class User:
    """One who signs actions, and sends them to any address."""

    def __init__(self, number: int) -> None:
        self.key = KEYS[number].key
        self.address = f"0x{KEYS[number].address.hex()}"
        self.nonce = time.time_ns() // 1_000_000

    def send(self, url: str, action: Any) -> Any:
        self.nonce += 1
        signature = sign_l1(self.key, action, self.nonce)
        body = {"action": action, "nonce": self.nonce, "signature": signature}
        return post(f"{url}/exchange", body)

    def order(self, url: str, side: str, price: str, size: str = "1") -> Any:
        action = {"type": "order", "orders": [limit(ETH, side, price, size)], "grouping": "na"}
        return self.send(url, action)

    def asked(self, kind: str) -> dict[str, str]:
        return {"type": kind, "user": self.address}


def api(follower: RunningFollower) -> str:
    return f"http://127.0.0.1:{follower.ports.hyperliquid}"


def same_answers(users: tuple[User, ...], one: str, other: str) -> None:
    kinds = ("clearinghouseState", "openOrders", "spotClearinghouseState", "userFills")
    questions: list[Any] = [user.asked(kind) for user in users for kind in kinds]
    questions += [{"type": "l2Book", "coin": "ETH"}, {"type": "allMids"}, {"type": "meta"}]
    for question in questions:
        here, there = post(f"{one}/info", question), post(f"{other}/info", question)
        for answer in (here, there):
            if isinstance(answer, dict):
                answer.pop("time", None)  # the moment of the answer
        assert here == there, question


def test_actions_go_to_the_node_and_are_read_here(local: LocalHyperliquid, tmp_path: Path) -> None:
    alice, bob = User(0), User(1)
    ports = Ports(0, hyperliquid=0, exchange=local.url)
    with following(local.rpc_url, tmp_path / "chain", ports=ports) as follower:
        here = api(follower)
        alice.order(here, "sell", "3100")
        filled = bob.order(here, "buy", "3100", "0.5")
        status = filled["response"]["data"]["statuses"][0]
        assert status["filled"]["totalSz"] == "0.5"
        alice.order(local.url, "sell", "3200")
        bob.order(here, "buy", "2000")  # comes back once it is read here, so what was before is
        same_answers((alice, bob), here, local.url)
        assert ask(local.rpc_url, "dex_head") == follower.ask("dex_head")
        # An action by CoreWriter, and a big block that its sender has asked for.
        data = f"0x{action_of(bob).hex()}"
        request = {"from": alice.address, "to": f"0x{CORE_WRITER.hex()}", "data": data}
        sent = follower.ask("eth_sendTransaction", {**request, "gas": "0x20000"})
        assert follower.ask("eth_getTransactionReceipt", sent)["status"] == "0x1"
        (told,) = follower.ask("dex_coreActions", sent)
        assert (told["name"], told["outcome"]) == ("spotSend", "done")
        assert ask(local.rpc_url, "dex_coreActions", sent) == [told]
        alice.send(here, {"type": "evmUserModify", "usingBigBlocks": True})
        sent = follower.ask("eth_sendTransaction", {**request, "gas": hex(20_000_000)})
        follower.ask("dex_mineBigBlock")
        height = follower.ask("eth_getTransactionReceipt", sent)["blockNumber"]
        block = follower.ask("eth_getBlockByNumber", height, False)
        assert int(block["gasLimit"], 16) == 30_000_000
        assert ask(local.rpc_url, "dex_head") == follower.ask("dex_head")
        same_answers((alice, bob), here, local.url)
        assert follower.ask("dex_selfCheck")["violations"] == []
        # A follower of this one, its API too; and what is written where the node has none.
        further = Ports(0, hyperliquid=0, exchange=here)
        with following(follower.url, tmp_path / "second", ports=further) as second:
            alice.order(api(second), "sell", "3300")
            same_answers((alice, bob), api(second), local.url)


def test_actions_are_refused_or_told_where_the_node_is_away(
    local: LocalHyperliquid, tmp_path: Path
) -> None:
    alice = User(0)
    nobody = Ports(0, hyperliquid=0, exchange="http://127.0.0.1:1")
    with following(local.rpc_url, tmp_path / "first", ports=nobody) as follower:
        told = alice.order(api(follower), "sell", "3100")
        assert told["status"] == "err"
        assert "does not answer" in told["response"]
        assert follower.ask("dex_promote") is True
        alice.order(api(follower), "sell", "3100")  # its own from here on
        assert len(post(f"{api(follower)}/info", alice.asked("openOrders"))) == 1
        assert post(f"{local.url}/info", alice.asked("openOrders")) == []
    with following(
        local.rpc_url, tmp_path / "second", forwards=False, ports=Ports(0, hyperliquid=0)
    ) as follower:
        told = alice.order(api(follower), "sell", "3100")
        assert "takes no writes: send them there" in told["response"]
    with served() as plain:
        said = refused(plain.url, tmp_path / "third", "--hyperliquid", "0")
        assert "--hyperliquid needs HyperCore" in said
    said = refused(local.rpc_url, tmp_path / "fourth", "--exchange", "http://127.0.0.1:1")
    assert "--exchange is for --hyperliquid" in said
    with_port = ("--hyperliquid", "0", "--exchange", "localhost:3001")
    assert "must begin with http" in refused(local.rpc_url, tmp_path / "fourth", *with_port)
