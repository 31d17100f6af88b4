"""Followers that are killed, and networks that are cut, come back to what their node has.

A few here; a hundred kills and fifty cuts with EVM_DEX_PROFILE=torture.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.follower.running import Network, ask, killable, torture
from tests.follower.test_follow import cheat, same, trade
from tests.node.served import served

pytestmark = pytest.mark.slow
KILLS, CUTS = (100, 50) if torture() else (3, 3)


def test_kills_and_cuts_leave_no_difference(tmp_path: Path) -> None:
    chance = random.Random(7)
    done = threading.Event()
    with served() as node, Network(node.port) as network:

        def write() -> None:
            number = 0
            while not done.is_set():
                trade(node.url, 5, number)
                number += 5
                if number % 20 == 0:
                    with suppress(AssertionError):  # a call that gave way to others
                        cheat(node.url)
                if number % 65 == 0:
                    ask(node.url, "anvil_reorg", 2, [])

        writer = threading.Thread(target=write, daemon=True)
        with killable(network.url, tmp_path / "chain") as follower:
            writer.start()
            try:
                events = ["kill"] * KILLS + ["cut"] * CUTS
                chance.shuffle(events)
                for event in events:
                    time.sleep(chance.uniform(0.0, 0.5))
                    if event == "kill":
                        follower.kill()
                        follower.start()
                    else:
                        network.cut()
                        time.sleep(chance.uniform(0.0, 0.3))
                        network.mend()
            finally:
                done.set()
                writer.join()
            follower.wait_for(ask(node.url, "dex_head")["hash"])
            same(node.url, follower.url)
            assert follower.ask("dex_selfCheck")["violations"] == []
