"""Validators with the engine itself: four on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.validator import show
from tests.validator.network import Network, evm_dex, network

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
