"""Validators with the engine itself are killed at random while orders come, and lose nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from evm_dex.validator.home import Home
from tests.conftest import LONG
from tests.validator import faulty_application, show
from tests.validator.faulty_application import MOMENTS, STEPS, is_done, order_death
from tests.validator.network import Network, network, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validators")]
SEEDS = range(5 if LONG else 1)
KILLS = 45 if LONG else 4
VICTIMS = (("application",), ("engine",), ("application", "engine"))
SECONDS_TO_BE_ASKED = 20
"""A step may not be asked of a validator that is not there, or whose turn is far off."""


class Orders:
    """Orders that were sent, and the blocks in which validators said they are."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._sent: set[str] = set()
        self.block_of: dict[str, str] = {}

    def send(self, door: Home, account: int) -> None:
        """Send some; a validator that was just killed takes none."""
        with suppress(OSError, AssertionError):
            self._sent.update(show.trade(self._net, door, account, count=3))

    def look(self, home: Home) -> None:
        """Take in what a validator says of those that no block was told of yet."""
        with suppress(OSError):
            for each in self._sent - self.block_of.keys():
                receipt = self._net.ask(home, "eth_getTransactionReceipt", each)
                if receipt is not None:
                    self.block_of[each] = receipt["blockHash"]

    def check(self, homes: Iterable[Home]) -> None:
        """All that was in a block is in the same one, on all validators."""
        for home in homes:
            for each, block_hash in self.block_of.items():
                receipt = self._net.ask(home, "eth_getTransactionReceipt", each)
                assert receipt["blockHash"] == block_hash


def kill_one(net: Network, chance: random.Random) -> Home | None:
    """Kill what is of a validator, at any time or at a step of a block; None where it got away."""
    victim, which = chance.choice(net.homes), chance.choice(VICTIMS)
    if chance.random() < 0.3:
        time.sleep(chance.random())
        return victim if net.kill(victim, *which) else None
    order_death(victim, chance.choice((*STEPS, *STEPS[2:])), chance.choice(MOMENTS), *which)
    with suppress(AssertionError):
        wait_for(lambda: is_done(victim), "the step", SECONDS_TO_BE_ASKED)
        return victim
    (victim.path / "fault").unlink(missing_ok=True)
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_validators_killed_at_any_time_lose_nothing_that_was_in_a_block(
    tmp_path: Path, seed: int
) -> None:
    """Application, engine or both; most between the beginning of a block and its commit."""
    chance = random.Random(seed)
    options = ("--checkpoint-interval", 50)
    with network(tmp_path / "net", *options, starter=faulty_application.STARTER) as net:
        net.wait_for_height(1)
        orders, kills = Orders(net), 0
        while kills < KILLS:
            orders.send(chance.choice(net.homes), chance.randrange(10))
            victim = kill_one(net, chance)
            kills += victim is not None
            others = [home for home in net.homes if home is not victim]
            if kills % 5 == 0:
                net.wait_for_height(max(map(net.height_if_there, others)) + 1)
            orders.look(chance.choice(others))
        net.wait_for_height(max(map(net.height_if_there, net.homes)) + 2)
        last = net.check_equal()
        orders.check(net.homes)
        assert "stopped" not in net.said()
        print(f"{kills} kills, {last} blocks, {len(orders.block_of)} orders in them")
    assert orders.block_of
