"""Validators with the engine itself: four on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.validator.network import evm_dex, network
from tests.validator.orders import order

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validators")]


def test_four_agree_while_one_is_killed_and_comes_back(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        first, second, *_ = net.homes
        net.wait_for_height(1)
        sent = net.send(first, [order(0, nonce, price=1_990 + nonce) for nonce in range(20)])
        sent += net.send(
            second, [order(1, nonce, price=2_030 - nonce, buys=False) for nonce in range(20)]
        )
        net.wait_for_receipts(net.homes[3], sent)

        net.kill(second, "application", "engine")
        more = net.send(first, [order(2, nonce) for nonce in range(5)])
        net.wait_for_receipts(net.homes[2], more)
        net.wait_for_receipts(second, more)
        assert "starting both again" in net.said()
        assert net.check_equal() >= 3

        told = evm_dex("validator", "status", net.path, "--json")
        states = json.loads(told.stdout)
        assert [state["is_running"] for state in states] == [True] * 4
        assert [state["votes"] for state in states] == [1] * 4
        assert "validator3" in evm_dex("validator", "status", net.path).stdout
