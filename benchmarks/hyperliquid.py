"""Hyperliquid's API: an order by /exchange, a book by /ws, and an hour of a calm market."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from typing import Any

import evm_dex
from benchmarks.harness import Result
from evm_dex.blocks.dev_accounts import MNEMONIC, KeyPair, derive_accounts
from evm_dex.hyperliquid.served import LocalHyperliquid, serve_in_background
from precompiles.hyper.signed.digest import Envelope, digest
from precompiles.hyper.signed.wire import read

SUBJECT = "hyperliquid"
_ETH = 1


def run(*, quick: bool) -> list[Result]:
    """Measure from outside, through a connection."""
    return [*_orders(100 if quick else 1_000), *_market(120 if quick else 3_600)]


def _orders(count: int) -> list[Result]:
    maker = derive_accounts(MNEMONIC, 1)[0]
    now = time.time_ns() // 1_000_000
    bodies = [_order(maker, place, now + place) for place in range(count)]
    with evm_dex.open(profile="hyperevm") as dex, serve_in_background(dex) as local:
        client = http.client.HTTPConnection(local.url.removeprefix("http://"))
        seconds, processor = [], time.process_time()
        for body in bodies:
            started = time.perf_counter()
            answer = _post(client, body)
            seconds.append(time.perf_counter() - started)
            assert "resting" in answer["response"]["data"]["statuses"][0], answer
        processor = time.process_time() - processor
        client.close()
        return [
            Result(
                SUBJECT, "order by /exchange, p50", statistics.median(seconds) * 1e3, "ms",
                target="<= 5",
            ),
            Result(
                SUBJECT, "orders a second, one client", count / sum(seconds), "/s",
                target=">= 250",
            ),
            Result(
                SUBJECT, "processor time of an order, client's with it", processor / count * 1e3,
                "ms",
            ),
            _book_message(local, maker, now + count),
        ]  # fmt: skip


def _book_message(local: LocalHyperliquid, maker: KeyPair, nonce: int) -> Result:
    """Measure the time from a block to its book at a subscriber."""
    arrived: list[float] = []
    subscription = {"type": "l2Book", "coin": "ETH"}

    def hear(_message: bytes) -> None:
        arrived.append(time.perf_counter())

    client = http.client.HTTPConnection(local.url.removeprefix("http://"))
    delays = []
    local.api.subscribe(subscription, hear)
    for place in range(50):
        _post(client, _order(maker, place, nonce + place))
        delays.append(time.perf_counter() - arrived[-1])
    client.close()
    return Result(
        SUBJECT, "book by /ws before its order's answer, p50", statistics.median(delays) * 1e3,
        "ms", target="> 0",
    )  # fmt: skip


def _market(seconds: int) -> list[Result]:
    with evm_dex.open(profile="hyperevm") as dex:
        started = time.process_time()
        dex.market("calm").run(seconds)
        spent = time.process_time() - started
    hour = spent * 3_600 / seconds
    return [Result(SUBJECT, "an hour of a calm market", hour, "s", target="<= 180")]


def _order(maker: KeyPair, place: int, nonce: int) -> bytes:
    action = {
        "type": "order",
        "orders": [
            {
                "a": _ETH,
                "b": True,
                "p": str(2_500 + place % 400),
                "s": "0.01",
                "r": False,
                "t": {"limit": {"tif": "Gtc"}},
            }
        ],
        "grouping": "na",
    }
    parity, r, s = maker.signer.sign(digest(Envelope(read(action), nonce), is_mainnet=False))
    signature = {"r": hex(r), "s": hex(s), "v": 27 + parity}
    return json.dumps({"action": action, "nonce": nonce, "signature": signature}).encode()


def _post(client: http.client.HTTPConnection, body: bytes) -> Any:
    client.request("POST", "/exchange", body, {"Content-Type": "application/json"})
    return json.loads(client.getresponse().read())
