"""Nodes that go far back, come from elsewhere or answer oddly; disks that are full."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evm_dex
from evm_dex.cli.app import app
from evm_dex.node.methods import dex_following
from tests.chain.test_full_disk import full_disk
from tests.clients.running import started_node
from tests.follower.running import Network, RunningFollower, ask, following, refused
from tests.follower.test_follow import OWNER, cheat, same, trade
from tests.node.served import served
from tests.waiting import until

pytestmark = pytest.mark.slow


def test_a_node_goes_back_beyond_what_a_follower_has(tmp_path: Path) -> None:
    """A follower has no block before its archive, so it takes another one; as often as it must."""
    with served() as node:
        beginning = node.result("evm_snapshot")
        trade(node.url, 6)
        cheat(node.url)
        with following(node.url, tmp_path / "chain") as follower:
            for number in range(5):
                assert node.result("evm_revert", beginning) is True
                beginning = node.result("evm_snapshot")
                trade(node.url, 2 + number, number)
                follower.wait_for(node.result("dex_head")["hash"])
                same(node.url, follower.url)


def test_a_follower_that_is_promoted_keeps_its_chain(tmp_path: Path) -> None:
    """Also where another one is fetched just then, to take its place."""
    with served() as node, Network(node.port) as network:
        beginning = node.result("evm_snapshot")
        trade(node.url, 6)
        with following(network.url, tmp_path / "chain") as follower:
            follower.wait_for(node.result("dex_head")["hash"])
            network.bytes_per_second = 4_000
            assert node.result("evm_revert", beginning) is True
            trade(node.url, 2, 1)
            until((tmp_path / "chain.incoming").exists)
            assert follower.ask("dex_promote") is True
            network.bytes_per_second = 0
            trade(follower.url, 1, 3)
            head = follower.ask("dex_head")
            until(lambda: not (tmp_path / "chain.incoming").exists())
            trade(follower.url, 1, 4)
            assert follower.ask("dex_head")["number"] == head["number"] + 1
            assert follower.ask("dex_selfCheck")["violations"] == []
            assert follower.ask("dex_following") is None
        said = refused(network.url, tmp_path / "chain")
        assert "was promoted" in said


def test_a_followers_chain_that_was_served_by_itself_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    with served() as node:
        trade(node.url, 2)
        with following(node.url, path) as follower:
            follower.wait_for(node.result("dex_head")["hash"])
        with started_node("--chain", str(path)) as url:
            trade(url, 3, 2)
            head = ask(url, "dex_head")["hash"]
        trade(node.url, 8, 5)
        assert "was promoted" in refused(node.url, path)
        (path / "follows.json").write_text("{")
        assert "is damaged, so whether" in refused(node.url, path)
    with evm_dex.open(path) as dex:
        assert f"0x{dex.chain.head.hash.hex()}" == head


def test_stores_on_both_sides_are_restored(tmp_path: Path) -> None:
    home, path = tmp_path / "node", tmp_path / "follower"
    with Network(1) as network:
        with served(path=home) as node:
            network.mend(node.port)
            trade(node.url, 4)
            with following(network.url, path) as follower:
                trade(node.url, 2, 4)
                follower.wait_for(node.result("dex_head")["hash"])
            with evm_dex.open(path) as dex:
                kept = dex.create_checkpoint().height
            with following(network.url, path) as follower:
                trade(node.url, 3, 6)
                follower.wait_for(node.result("dex_head")["hash"])
            # The follower's own, while it is away.
            restored(path, kept)
            with following(network.url, path) as follower:
                follower.wait_for(node.result("dex_head")["hash"])
                same(node.url, follower.url)
            height = node.dex.create_checkpoint().height
            trade(node.url, 4, 9)
            follower = RunningFollower(network.url, path)
            follower.wait_for(node.result("dex_head")["hash"])
        # The node's, while it is followed.
        try:
            restored(home, height)
            with served(path=home) as node:
                network.cut()
                network.mend(node.port)
                trade(node.url, 2, 20)
                follower.wait_for(node.result("dex_head")["hash"])
                same(node.url, follower.url)
        finally:
            follower.stop()
        assert follower.problem is None


def restored(path: Path, height: int) -> None:
    said = CliRunner().invoke(app, ["checkpoint", "restore", "--chain", str(path), str(height)])
    assert said.exit_code == 0, said.output


def test_a_full_disk_is_told_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as node, following(node.url, tmp_path / "chain") as follower:
        before = node.result("dex_head")
        follower.wait_for(before["hash"])
        with full_disk(monkeypatch):
            trade(node.url, 3)  # the node is in memory
            until(lambda: "make room" in (follower.ask("dex_following")["problem"] or ""))
            until(lambda: follower.ask("dex_following")["blocksBehind"] == 3)
            assert follower.ask("dex_head") == before
        follower.wait_for(node.result("dex_head")["hash"])
        same(node.url, follower.url)
        until(lambda: follower.ask("dex_following")["problem"] is None)


def test_a_disk_that_is_full_at_the_beginning_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as node:
        trade(node.url, 2)
        with full_disk(monkeypatch):
            said = refused(node.url, tmp_path / "chain")
        assert "No space left" in said
        assert list(tmp_path.iterdir()) == []


def test_clocks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block's time is its chain's: an hour before the follower's clock, or after it."""
    real = time.time
    with served() as node:
        trade(node.url, 2)
        for offset in (-3_600, 3_600):
            monkeypatch.setattr(time, "time", lambda moved=offset: real() + moved)
            with following(node.url, tmp_path / f"chain{offset}") as follower:
                node.result("evm_increaseTime", hex(3_600))
                trade(node.url, 2, 5)
                follower.wait_for(node.result("dex_head")["hash"])
                same(node.url, follower.url)
                assert follower.ask("eth_syncing") is False


def test_a_node_that_answers_oddly_is_told_to_be_of_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as node, served() as other:
        trade(node.url, 2)
        of_this_version = other.node.methods["dex_head"]
        other.node.methods["dex_head"] = other.node.methods["eth_chainId"]
        assert "otherwise than this version expects" in refused(other.url, tmp_path / "odd")
        other.node.methods["dex_head"] = of_this_version
        assert list(tmp_path.iterdir()) == []
        with following(node.url, tmp_path / "chain") as follower:
            follower.wait_for(node.result("dex_head")["hash"])
            until(lambda: follower.ask("dex_following")["connected"])
            with monkeypatch.context() as patch:
                patch.setattr(dex_following, "_place", lambda _node: {"number": "many"})
                until(lambda: "update both" in (follower.ask("dex_following")["problem"] or ""))
                assert follower.ask("dex_account", OWNER) == node.result("dex_account", OWNER)
            trade(node.url, 2)
            follower.wait_for(node.result("dex_head")["hash"])
            same(node.url, follower.url)
