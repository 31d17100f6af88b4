"""Strangers, proposers and doubles that do what they should not: nobody stops, no hash differs."""

from __future__ import annotations

import json
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from evm_dex.errors import EngineUnreachable
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.home import Home, homes_in
from tests.conftest import LONG
from tests.validator import faulty_application, show
from tests.validator.faulty_application import is_done, order_proposals
from tests.validator.hostile import hostile, message
from tests.validator.network import Network, evm_dex, network, wait_for
from tests.validator.orders import order
from tests.validator.peer import CHANNELS, MEMPOOL, Peer, delimited, field, packet

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validators")]
STRANGERS = 400 if LONG else 60
FROM_PEERS, PROPOSED = 400, 300
HALF_OPEN = 60
"""More than the forty places that an engine has for strangers."""
_GONE = (OSError, InvalidTag)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    path = tmp_path_factory.mktemp("hostile") / "net"
    options = ("--checkpoint-interval", 3)
    with network(path, *options, starter=faulty_application.STARTER) as running:
        running.wait_for_height(1)
        yield running


def check_alive(net: Network, account: int) -> None:
    """Orders come into blocks, the same on all, and none was given up."""
    sent = show.trade(net, net.homes[account % 4], account, count=3)
    for home in net.homes:
        net.wait_for_receipts(home, sent)
    net.check_equal()
    names = tuple(home.path.name for home in net.homes)
    said = [line for line in net.said().splitlines() if line.startswith(names)]
    assert [line for line in said if "stopped" in line] == []
    assert sum("starting both again" in line for line in said) <= net.kills


def stranger(home: Home) -> Peer:
    return Peer(home.settings().peer_port, home.genesis().chain_id)


def let_in(home: Home) -> Peer:
    """A stranger that has shaken hands, once there is a place for it."""

    def found() -> Peer:
        peer = stranger(home)
        try:
            peer.shake_hands()
        except BaseException:
            peer.socket.close()
            raise
        return peer

    return wait_for(found, "a place for a stranger")


def test_strangers_that_speak_badly_change_nothing(net: Network) -> None:
    chance = random.Random(13)
    greeted = 0
    for case in range(STRANGERS):
        home = net.homes[case % 4]
        with suppress(*_GONE), stranger(home) as peer:
            match case % 6:
                case 0:
                    peer.socket.sendall(chance.randbytes(chance.randrange(1, 5_000)))
                case 1:  # an ephemeral key without entropy
                    peer.socket.sendall(delimited(field(1, bytes(32))))
                    peer.socket.sendall(chance.randbytes(2_000))
                case 2:
                    peer.shake_hands(signs_wrong=True)
                case 3:
                    peer.shake_hands(network="another-chain")
                case _:
                    peer.shake_hands()
                    greeted += 1
                    for _ in range(10):
                        peer.send(packet(chance.choice(CHANNELS), message(chance)))
                    peer.send(packet(0x77, b"no such channel"))
    assert greeted >= STRANGERS // 6, "they are let in, so what they say is listened to"
    check_alive(net, 0)


def test_messages_without_end_and_floods_of_pings_are_borne(net: Network) -> None:
    for home in net.homes:
        for flood in (
            packet(MEMPOOL, bytes(1_000), is_last=False) * 3_000,
            delimited(field(1, b"")) * 20_000,
            packet(0x00, field(1, b"")) * 200,
        ):
            with suppress(*_GONE), stranger(home) as peer:
                peer.shake_hands()
                peer.send(flood)
    check_alive(net, 1)


def test_one_that_was_away_comes_back_past_those_that_take_all_places(net: Network) -> None:
    with ExitStack() as held:
        for home in net.homes[:3]:
            for _ in range(HALF_OPEN):
                with suppress(OSError):
                    held.enter_context(stranger(home))
        net.kill(net.homes[3], "application", "engine")
        wait_for(lambda: "starting both again" in net.said(), "its start")
        sent = show.trade(net, net.homes[0], 2, count=3)
        net.wait_for_receipts(net.homes[3], sent)
    net.check_equal()


def test_transactions_that_peers_and_proposers_bring_are_refused_or_fail(net: Network) -> None:
    """What a peer brings is checked; what a proposer brings is in the block, and has a code."""
    chance = random.Random(17)
    good = order(8, 0, price=1_500)
    raws = [hostile(chance, case) for case in range(FROM_PEERS)]
    with let_in(net.homes[0]) as peer:
        for at in range(0, FROM_PEERS, 10):
            txs = b"".join(field(1, raw) for raw in raws[at : at + 10])
            peer.send(b"".join(parts(MEMPOOL, field(1, txs))))
        peer.send(packet(MEMPOOL, field(1, field(1, good))))
        told = f"0x{show.hash_of(good)}"
        net.wait_for_receipts(net.homes[3], [told])
    raws = [hostile(chance, case) for case in range(PROPOSED)]
    for at, home in enumerate(net.homes):
        get_into_a_block(net, home, raws[at::4])
    check_alive(net, 3)


def get_into_a_block(net: Network, home: Home, raws: list[bytes]) -> None:
    """Let a validator propose these until a proposal of it is decided; some come too late."""
    for _ in range(10):
        began = net.height(home)
        order_proposals(home, *raws)
        wait_for(partial(is_done, home), "its turn to propose")
        net.wait_for_height(net.height(home) + 2)
        heights = range(began + 1, net.height(net.homes[0]))
        if sum(refused_in(net.homes[0], height) for height in heights) > len(raws) * 0.9:
            return
    raise AssertionError("no proposal of it came through")


def parts(channel: int, data: bytes) -> Iterator[bytes]:
    """A message in packets, as long as they may be."""
    for at in range(0, len(data), 1_000):
        yield packet(channel, data[at : at + 1_000], is_last=at + 1_000 >= len(data))


def refused_in(home: Home, height: int) -> int:
    """Transactions of a block that have another code than 0."""
    results = ask_engine(home.engine_url(), "block_results", height=str(height))["txs_results"]
    return sum(each["code"] != 0 for each in results or ())


def test_two_with_one_key_sign_twice_and_nobody_stops(net: Network, tmp_path: Path) -> None:
    told = json.loads(evm_dex("validator", "status", net.path, "--json").stdout)
    wait_for(lambda: any(net.homes[0].snapshots.glob("*.json")), "a snapshot")
    asked = ("--trust", told[0]["trusted"], "--from", told[0]["engine_url"])
    where = ("--port", net.first_port + 5, "--peer-port", net.first_port + 60)
    path = tmp_path / "double"
    joined = evm_dex("validator", "join", path, *asked, *where)
    assert joined.returncode == 0, joined.stderr
    (double,) = homes_in([path])
    key = "config/priv_validator_key.json"
    shutil.copy(net.homes[3].path / key, path / key)
    net.start(double)
    wait_for(lambda: net.height(double) >= net.height(net.homes[0]) - 1, "catching up")
    began = net.height(net.homes[0])
    net.wait_for_height(began + 8, net.homes[:3])
    with suppress(AssertionError):  # it may have stopped by itself
        net.stop(double)
    check_alive(net, 4)


def test_hostile_transactions_by_any_door_stop_nobody(net: Network) -> None:
    """By JSON-RPC, and by the RPC of engines."""
    chance = random.Random(3)
    refused = 0
    for case in range(300):
        raw, home = f"0x{hostile(chance, case).hex()}", net.homes[case % 4]
        try:
            if case % 2:
                net.ask(home, "eth_sendRawTransaction", raw)
            else:
                refused += ask_engine(home.engine_url(), "broadcast_tx_sync", tx=raw)["code"] != 0
        except (AssertionError, EngineUnreachable):
            refused += 1
    assert refused > 285
    with socket.create_connection(("127.0.0.1", net.homes[0].settings().port)) as idle:
        idle.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")  # and nothing more
        check_alive(net, 7)
