"""Validators with the engine itself: four on this machine."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from evm_dex.errors import EngineUnreachable
from evm_dex.validator.engine_client import ask_engine
from tests.validator import show
from tests.validator.network import Network, evm_dex, network, wait_for
from tests.validator.orders import order, transaction, transfer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validators")]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    path = tmp_path_factory.mktemp("validators") / "net"
    with network(path, *show.OPTIONS) as running:
        running.wait_for_height(1)
        yield running


def test_four_agree_while_one_is_killed_and_comes_back(net: Network) -> None:
    show.trade_and_lose_one(net, print)
    states = json.loads(evm_dex("validator", "status", net.path, "--json").stdout)
    assert [state["is_running"] for state in states] == [True] * 4
    assert [state["votes"] for state in states] == [1] * 4


def test_a_fifth_joins_by_state_sync(net: Network, tmp_path: Path) -> None:
    show.join_by_state_sync(net, tmp_path / "fifth", print)


def hostile(chance: random.Random, case: int) -> bytes:
    """Bytes that nobody should sign or send."""
    sound = bytearray(order(5, case, price=2_001))
    match case % 6:
        case 0:
            return chance.randbytes(chance.randrange(1, 300))
        case 1:
            sound[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
            return bytes(sound)
        case 2:
            return bytes(sound[: chance.randrange(1, len(sound))])
        case 3:
            return transaction(6, 0, bytes(20), chain_id=chance.randrange(1, 31337)).raw
        case 4:
            return transfer(6, 10**7, wei=10**30)
        case _:
            return b"\xf8" + b"\xff" * chance.randrange(1, 2_000)


def test_hostile_transactions_by_any_door_stop_nobody(net: Network) -> None:
    """By JSON-RPC, and by the RPC of engines."""
    chance = random.Random(3)
    refused = 0
    for case in range(240):
        raw, home = f"0x{hostile(chance, case).hex()}", net.homes[case % 4]
        engine = f"http://127.0.0.1:{home.settings().engine_port}"
        try:
            if case % 2:
                net.ask(home, "eth_sendRawTransaction", raw)
            else:
                refused += ask_engine(engine, "broadcast_tx_sync", tx=raw)["code"] != 0
        except (AssertionError, EngineUnreachable):
            refused += 1
    assert refused > 230
    before = net.height(net.homes[0])
    net.wait_for_receipts(net.homes[1], show.trade(net, net.homes[0], 7, count=3))
    wait_for(lambda: net.height(net.homes[0]) > before, "the next block")
    net.check_equal()
    assert "stopped" not in net.said()
