"""Any bytes at the API's port: an answer in its form, and a server that goes on."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evm_dex
from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.exchange import MalformedRequest
from evm_dex.hyperliquid.info.every_type import served_types
from evm_dex.hyperliquid.served import LocalHyperliquid, serve_in_background
from precompiles.hyper.signed.wire import NUMBERS
from tests.hyperliquid.trader import Trader, limit

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "user", "coin", "oid", "a", "orders", "req", "startTime"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
TYPES = [str(kind.__struct_config__.tag) for kind in NUMBERS]
SLOW_FIXTURE = [HealthCheck.function_scoped_fixture]


@settings(suppress_health_check=SLOW_FIXTURE, deadline=None)
@given(kind=st.sampled_from(served_types()), fields=st.dictionaries(st.text(max_size=8), ANY_JSON),
       extra=ANY_JSON)  # fmt: skip
def test_any_request_to_info_is_answered(
    traders: tuple[Trader, Trader], kind: str, fields: dict[str, Any], extra: Any
) -> None:
    alice, _ = traders
    usual = {"user": alice.address, "coin": "ETH", "startTime": 0, "interval": "1m", "oid": 1}
    for content in ({**usual, **fields, "type": kind}, {**fields, "type": kind}, extra):
        try:
            answered = alice.api.answer(content)
        except BadRequest:
            continue
        msgspec.json.decode(answered)


@settings(suppress_health_check=SLOW_FIXTURE, deadline=None)
@given(kind=st.sampled_from(TYPES), fields=ANY_JSON, wire=ANY_JSON)
def test_any_action_is_answered(
    traders: tuple[Trader, Trader], kind: str, fields: Any, wire: Any
) -> None:
    alice, _ = traders
    given_fields = fields if isinstance(fields, dict) else {"orders": [fields]}
    bent = {**limit(1, "buy", "2900", "1"), "p": wire, "s": str(wire)}
    for action in (
        {"type": kind, **given_fields},
        {"type": "order", "orders": [bent], "grouping": "na"},
        {"type": "order", "orders": [{**limit(1, "buy", "2900", "1"), "s": str(wire)[:40]}],
         "grouping": "na"},
    ):  # fmt: skip
        try:
            answer = alice.send(alice.body(action))
        except MalformedRequest:
            continue
        assert answer["status"] in ("ok", "err")
    assert alice.dex.self_check() == []


def post(local: LocalHyperliquid, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
    client = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=60)
    try:
        client.request("POST", path, body, {"Content-Type": "application/json", **headers})
        response = client.getresponse()
        content = response.read()
        return response.status, json.loads(content) if content else None
    finally:
        client.close()


def test_the_port_is_guarded_like_that_of_the_node(local: LocalHyperliquid) -> None:
    good = b'{"type":"allMids"}'
    assert post(local, "/info", good)[0] == 200
    assert post(local, "/info", good, Origin="https://evil.example")[0] == 403
    assert post(local, "/info", good, Host="evil.example")[0] == 403
    assert post(local, "/info", b"{")[0] == 422
    assert post(local, "/info", b'{"type":"nothing"}')[0] == 422
    assert post(local, "/exchange", b"[]")[0] == 422
    assert post(local, "/info", b"[" * 100_000)[0] == 422
    assert post(local, "/elsewhere", good)[0] == 404
    assert post(local, "/info", b" " * (6 * 2**20))[0] in (413, 422)
    status, answer = post(
        local, "/evm", b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    )
    assert (status, answer["result"]) == (200, hex(999))
    assert post(local, "/info", good)[0] == 200


def test_what_is_no_message_of_a_socket_is_told_so(local: LocalHyperliquid) -> None:
    async def talk() -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{local.url}/ws") as socket,
        ):
            assert await socket.receive_str() == "Websocket connection established."
            for message in (
                "{",
                "[]",
                '{"method":"dance"}',
                '{"method":"subscribe"}',
                '{"method":"subscribe","subscription":{"type":"l2Book","coin":"DOGE"}}',
                '{"method":"subscribe","subscription":{"type":"userFills","user":"0x1"}}',
                '{"method":"unsubscribe","subscription":{"type":"allMids"}}',
                '{"method":"post","id":7,"request":{"type":"info","payload":{"type":"allMids"}}}',
                '{"method":"post","id":8,"request":{"type":"action","payload":{}}}',
                '{"method":"post","id":9,"request":{"type":"other"}}',
                '{"method":"ping"}',
            ):
                await socket.send_str(message)
            while not heard or heard[-1]["channel"] != "pong":
                heard.append(await socket.receive_json())
        return heard

    heard = asyncio.run(talk())
    channels = [it["channel"] for it in heard]
    assert channels == ["error"] * 7 + ["post", "post", "error", "pong"]
    assert heard[7]["data"]["response"]["payload"]["data"]["BTC"] == "80000.0"
    assert heard[8]["data"]["response"]["type"] == "error"


@pytest.mark.parametrize("figures", [2, 3, 4, 5])
def test_a_book_is_rounded_away_from_its_middle(
    traders: tuple[Trader, Trader], figures: int
) -> None:
    alice, _ = traders
    alice.order(
        limit(1, "buy", "2899.9", "1"),
        limit(1, "buy", "2899.1", "2"),
        limit(1, "sell", "3011.1", "3"),
    )
    bids, asks = alice.ask("l2Book", coin="ETH", nSigFigs=figures)["levels"]
    assert sum(float(level["sz"]) for level in bids) == 3
    assert all(float(level["px"]) <= 2899.9 for level in bids)
    assert all(float(level["px"]) >= 3011.1 for level in asks)
    assert {2: "2800.0", 3: "2890.0", 4: "2899.0", 5: "2899.9"}[figures] == bids[0]["px"]
    with pytest.raises(BadRequest, match="nSigFigs must be 2 to 5"):
        alice.ask("l2Book", coin="ETH", nSigFigs=figures + 4)


def test_a_port_that_is_taken_is_told_and_nothing_stays_open(local: LocalHyperliquid) -> None:
    port = int(local.url.rpartition(":")[2])
    with (
        evm_dex.open(profile="hyperevm") as dex,
        pytest.raises(OSError, match="address already in use"),
        serve_in_background(dex, port),
    ):
        raise AssertionError("it was served")
    gc.collect()  # what was left open is told of here, and not in another test
