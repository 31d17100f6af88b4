"""Origins that lie, are slow, refuse, or are another chain: how that is told, and what stays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.families import Family
from evm_dex.errors import (
    GenesisMismatch,
    OriginError,
    OriginLied,
    OriginMismatch,
    OriginRefused,
    OriginUnreachable,
)
from evm_dex.origin.fork import Fork, read_fork
from evm_dex.origin.rpc_client import RpcClient
from tests.origin.fake_origin import CONTRACT, FakeOrigin, an_origin, served


@pytest.fixture(scope="module")
def chain() -> Iterator[evm_dex.Dex]:
    with an_origin() as found:
        yield found.dex


@pytest.fixture
def origin(chain: evm_dex.Dex) -> Iterator[FakeOrigin]:
    with served(FakeOrigin(chain)) as found:
        yield found


def lie_about(slot: int) -> Any:
    """Say that a slot is 1 more than it is, wherever it is asked for."""

    def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "eth_getStorageAt" and int(request["params"][1], 16) == slot:
            answer["result"] = f"{int(answer['result'], 16) + 1:#066x}"
        if request["method"] == "eth_getProof":
            for part in answer["result"]["storageProof"]:
                if int(part["key"], 16) == slot:
                    part["value"] = hex(int(part["value"], 16) + 1)

    return alter


def test_a_lie_in_one_slot_is_named_and_not_kept(origin: FakeOrigin, tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "fork", fork=origin.url) as dex:
        dex.storage(CONTRACT, 1)
        before = dict(dex.store.iterate(Family.ORIGIN))
        origin.alter = lie_about(5)
        with pytest.raises(
            OriginLied, match=rf"slot 0x5 of account 0x{CONTRACT.hex()}.*0x24.*0x23"
        ):
            dex.storage(CONTRACT, 5)
        assert dex.storage(CONTRACT, 6) == 42
        origin.alter = lambda *_: None
        assert dex.storage(CONTRACT, 5) == 35
        assert before.items() <= dict(dex.store.iterate(Family.ORIGIN)).items()


def test_a_proof_that_leads_nowhere_is_a_lie(origin: FakeOrigin) -> None:
    def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "eth_getProof" and request["params"][1]:
            proof = answer["result"]["storageProof"][0]["proof"]
            proof[-1] = proof[-1][:-2] + "00"

    with evm_dex.open(fork=origin.url) as dex:
        origin.alter = alter
        with pytest.raises(OriginLied, match=r"slot 0x5 of .* does not lead to the state root"):
            dex.storage(CONTRACT, 5)


@pytest.mark.parametrize("field", ["balance", "nonce", "codeHash"])
def test_a_lie_about_an_account_is_named(origin: FakeOrigin, field: str) -> None:
    def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "eth_getProof":
            told = answer["result"][field]
            answer["result"][field] = hex(int(told, 16) + 1).ljust(len(told), "0")

    with evm_dex.open(fork=origin.url) as dex:
        origin.alter = alter
        with pytest.raises(OriginLied, match=CONTRACT.hex()):
            dex.balance(CONTRACT)


def test_other_code_is_named(origin: FakeOrigin) -> None:
    def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "eth_getCode":
            answer["result"] = "0x00"

    with evm_dex.open(fork=origin.url) as dex:
        origin.alter = alter
        with pytest.raises(OriginLied, match=f"the code of account 0x{CONTRACT.hex()}"):
            dex.code(CONTRACT)


def test_a_node_without_proofs_is_said_so_and_told_apart(
    origin: FakeOrigin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    origin.unserved.add("eth_getProof")
    with caplog.at_level(logging.WARNING), evm_dex.open(tmp_path / "f", fork=origin.url) as dex:
        assert "serves no eth_getProof" in caplog.text
        assert dex.chain.origin is not None
        assert not dex.chain.origin.point.is_proven
        assert [dex.storage(CONTRACT, slot) for slot in (0, 1, 2)] == [0, 7, 14]
        kept = dict(dex.store.iterate(Family.ORIGIN))
        assert any(key[:1] == b"w" and len(key) == 53 for key in kept)
        root = dex.chain.head.state_root
    with pytest.raises(OriginRefused, match="serves no eth_getProof"):
        evm_dex.open(fork=Fork(url=origin.url, proofs=True))
    origin.unserved.clear()
    with evm_dex.open(fork=origin.url) as dex:
        assert dex.chain.head.state_root == root, "roots are the same, proven or not"


def test_proofs_that_do_not_fit_are_refused_unless_told(origin: FakeOrigin) -> None:
    def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "eth_getProof":
            answer["result"]["accountProof"] = answer["result"]["accountProof"][1:]

    origin.alter = alter
    with pytest.raises(OriginLied):
        evm_dex.open(fork=origin.url)
    with evm_dex.open(fork=Fork(url=origin.url, proofs=False)) as dex:
        assert dex.storage(CONTRACT, 2) == 14


def test_an_origin_that_went_away_stops_nothing_else(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=Fork(url=origin.url, tries=2)) as dex:
        head = dex.chain.head
        origin.statuses = [(503, {})] * 50
        with pytest.raises(OriginUnreachable, match=rf"0x{CONTRACT.hex()}.*HTTP 503"):
            dex.send(to=CONTRACT, data=b"\x01")
        assert (dex.chain.head, len(dex.chain.mempool)) == (head, 0)
        dex.chain.mine()
        origin.statuses.clear()
        assert dex.send(to=CONTRACT, data=b"\x01", gas=5_000_000).block_number == 12


def test_a_node_that_is_asked_too_often_is_obeyed(origin: FakeOrigin) -> None:
    slept: list[float] = []
    client = RpcClient(Fork(url=origin.url), slept.append)
    origin.statuses = [(429, {"Retry-After": "3"}), (429, {}), (502, {})]
    assert client.ask("eth_chainId") == hex(4242)
    assert slept[0] > 2.5
    assert len(slept) == 3
    assert client.requests == 4


def test_an_error_that_says_so_is_obeyed_too(origin: FakeOrigin) -> None:
    slept: list[float] = []
    left = [2]

    def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "eth_gasPrice" and left[0]:
            left[0] -= 1
            del answer["result"]
            answer["error"] = {"code": -32005, "message": "rate limit exceeded"}

    origin.alter = alter
    client = RpcClient(Fork(url=origin.url), slept.append)
    found = client.ask_all([("eth_chainId", []), ("eth_gasPrice", [])])
    assert found[0] == hex(4242)
    assert int(found[1], 16)
    assert len(slept) == 2
    assert origin.asked['["eth_chainId", []]'] == 1, "only what was refused is asked again"


def test_no_more_requests_are_sent_than_it_may(origin: FakeOrigin) -> None:
    slept: list[float] = []
    client = RpcClient(Fork(url=origin.url, rate=0.5), slept.append)
    client.ask("eth_chainId")
    client.ask("eth_chainId")
    assert 1.5 < slept[0] <= 2


def test_a_node_that_takes_no_batches_is_asked_one_by_one(origin: FakeOrigin) -> None:
    origin.takes_batches = False
    with evm_dex.open(fork=origin.url) as dex:
        assert dex.storage(CONTRACT, 2) == 14


def test_a_slow_node_is_given_up(origin: FakeOrigin) -> None:
    origin.seconds = 0.5
    with pytest.raises(OriginUnreachable, match="does not answer in time"):
        evm_dex.open(fork=Fork(url=origin.url, timeout=0.1, tries=2))


def test_another_chain_is_refused_and_a_gone_one_is_not(origin: FakeOrigin, tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "fork", fork=origin.url) as dex:
        dex.storage(CONTRACT, 2)
    with (
        evm_dex.open() as other,
        served(FakeOrigin(other)) as wrong,
        pytest.raises(OriginMismatch, match=r"is of chain 31337.*was forked from chain 4242"),
    ):
        evm_dex.open(tmp_path / "fork", fork=wrong.url)
    with pytest.raises(OriginMismatch, match="forked at block 10, not 3"):
        evm_dex.open(tmp_path / "fork", fork=origin.url, fork_block=3)
    with evm_dex.open(tmp_path / "fork", fork=wrong.url) as dex:
        assert dex.storage(CONTRACT, 2) == 14
    evm_dex.open(tmp_path / "plain").close()
    with pytest.raises(GenesisMismatch, match="began from nothing"):
        evm_dex.open(tmp_path / "plain", fork=origin.url)


def test_no_such_block_and_a_pruned_one_are_told(origin: FakeOrigin) -> None:
    with pytest.raises(OriginRefused, match="has no block 11"):
        evm_dex.open(fork=origin.url, fork_block=11)
    with evm_dex.open(fork=origin.url) as dex:

        def alter(request: dict[str, Any], answer: dict[str, Any]) -> None:
            if request["method"] == "eth_getProof":
                del answer["result"]
                answer["error"] = {"code": -32000, "message": "missing trie node"}

        origin.alter = alter
        with pytest.raises(OriginRefused, match=r"missing trie node.*archive node"):
            dex.storage(CONTRACT, 2)


def test_what_is_no_node_is_told(tmp_path: Path) -> None:
    class Silly(FakeOrigin):
        def answer(self, content: Any) -> Any:  # noqa: ARG002 - whatever it is
            return {"hello": "world"}

    with (
        evm_dex.open() as dex,
        served(Silly(dex)) as silly,
        pytest.raises(OriginError, match="is it a node"),
    ):
        evm_dex.open(tmp_path / "fork", fork=silly.url)


@pytest.mark.parametrize(
    "url",
    [
        *("ws://127.0.0.1:1", "127.0.0.1:8545", "file:///x", "", "http://"),
        *("http://127.0.0.1:99999", "http://[::1", "http://a node:80"),
    ],
)
def test_only_http_is_taken(url: str) -> None:
    with pytest.raises(ValueError, match="http:// or https://"):
        evm_dex.open(fork=url)


def test_a_url_may_name_the_block_and_keeps_its_secrets() -> None:
    fork = read_fork("https://me:secret@node.example/v2/0123456789abcdef0123?key=1@17")
    assert fork.block == 17
    assert fork.shown == "https://node.example/v2/…"
    with pytest.raises(ValueError, match="given twice"):
        read_fork("http://127.0.0.1:1@5", 6)


@pytest.mark.parametrize("ending", ["", "-1", "0x1", "latest", "safe"])
def test_a_block_in_a_url_is_a_height(ending: str) -> None:
    with pytest.raises(ValueError, match="must be a height"):
        read_fork(f"http://127.0.0.1:1@{ending}")


@pytest.mark.parametrize(
    "options",
    [{"block": wrong} for wrong in (-1, "0x5", True, 2.5, 2**63)]
    + [{"timeout": wrong} for wrong in (0, "5", float("nan"), float("inf"))]
    + [{"rate": wrong} for wrong in (0, -1.0, float("nan"), "1")]
    + [{"tries": wrong} for wrong in (0, 1.5, True)]
    + [
        {"headers": wrong}
        for wrong in ("x", {"X": 5}, {"X": "a\nb"}, {"X": "\u65e5"}, {"X Y": "1"})
    ]
    + [{"proofs": "no"}, {"url": b"http://127.0.0.1:1"}],
    ids=str,
)
def test_other_options_are_refused_at_the_door(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"a fork's {name} must be"):
        Fork(**{"url": "http://127.0.0.1:1", **options})


@pytest.mark.parametrize("wrong", [5, b"http://127.0.0.1:1", {}])
def test_only_a_url_or_a_fork_is_taken(wrong: Any) -> None:
    with pytest.raises(ValueError, match="a URL or a Fork"):
        evm_dex.open(fork=wrong)
