"""The application is killed at any step of a block, and comes to the same hashes again."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from evm_dex.chain.genesis.genesis_file import default_genesis_file
from evm_dex.validator.genesis_document import new_document
from evm_dex.validator.home import Home, ValidatorSettings
from tests.conftest import LONG
from tests.ports import free_ports
from tests.validator.fake_engine import FakeEngine, Refused
from tests.validator.orders import order
from tests.validator.served import BEGAN, ONE, served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("validators")]
KILLS = 220 if LONG else 4
STEPS = ("finalize", "between", "commit", "process", "after", "before", "prepare")


@contextmanager
def application(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The process of an application, which ends in the context or with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "evm_dex.validator.application_process", str(home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def made_home(path: Path) -> Home:
    home, port = Home(path), free_ports(3)
    home.config.mkdir(parents=True)
    content = msgspec.to_builtins(default_genesis_file())
    settings = ValidatorSettings(
        name="one", port=port, engine_port=port + 1, peer_port=port + 2, checkpoint_interval=7
    )
    # In the past: an application looks at the clock before it begins.
    home.write(settings, new_document(content, [ONE], BEGAN - 10**9, 0))
    return home


def dies_within(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let a process be killed a little later, while it is at work."""
    threading.Timer(seconds, kill, [process]).start()


def kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def test_killed_at_any_step_it_comes_to_the_same_hashes(tmp_path: Path) -> None:
    """The engine has decided a block before it is executed, and hands it in again."""
    chance = random.Random(7)
    home = made_home(tmp_path / "one")
    genesis = home.genesis()
    decided: list[list[bytes]] = []
    hashes: list[bytes] = []
    nonces = [0] * 6
    kills = 0
    with served(tmp_path / "twin", genesis) as twin:
        while kills < KILLS:
            with application(home) as process:
                engine = FakeEngine(home.socket, genesis.chain_id, genesis.seconds)
                engine.begin()
                assert len(decided) - 1 <= engine.height <= len(decided)
                if engine.height:
                    assert engine.app_hash == hashes[engine.height - 1]
                for txs in decided[engine.height :]:
                    engine.finalize(txs, engine.place())
                    assert engine.commit() == hashes[engine.height - 1]
                for _ in range(chance.randrange(3)):
                    made = next_block(chance, nonces)
                    hashes.append(twin.engine.block(made))
                    decided.append(made)
                    assert engine.block(made) == hashes[-1]
                made = next_block(chance, nonces)
                hashes.append(twin.engine.block(made))
                decided.append(made)
                step = STEPS[kills % len(STEPS)]
                with suppress(Refused, OSError):
                    up_to(step, engine, made, process, chance)
                    process.kill()
                kills += 1
                engine.close()
        assert twin.engine.height == len(decided)
        heights = range(1, len(hashes) + 1)
        assert twin.alone(lambda: [twin.chain.header(at).hash for at in heights]) == hashes


def next_block(chance: random.Random, nonces: list[int]) -> list[bytes]:
    made = []
    for _ in range(chance.randrange(12)):
        account = chance.randrange(len(nonces))
        price, buys = chance.randrange(1_990, 2_010), chance.random() < 0.5
        made.append(order(account, nonces[account], price=price, buys=buys))
        nonces[account] += 1
    return made


def up_to(
    step: str,
    engine: FakeEngine,
    txs: list[bytes],
    process: subprocess.Popen[bytes],
    chance: random.Random,
) -> None:
    """Go on to a step of the block, at a random time of which the process is killed."""
    place = engine.place()

    def at(name: str) -> None:
        if name == step:
            dies_within(process, chance.random() * 0.03)

    at("before")
    for raw in txs:
        engine.check(raw)
    at("prepare")
    engine.prepare(txs, place)
    at("process")
    engine.blocks.ask("process_proposal", txs=txs, **place)
    at("finalize")
    engine.finalize(txs, place)
    if step == "between":
        process.kill()
        process.wait()
    at("commit")
    engine.commit()


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    home = made_home(tmp_path / "one")
    with application(home) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdin = None


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    home = made_home(tmp_path / "one")
    genesis = home.genesis()
    other = served(tmp_path / "other", genesis, port=home.settings().port)
    with other, application(home) as process:
        engine = FakeEngine(home.socket, genesis.chain_id, genesis.seconds)
        with pytest.raises(Refused, match="can't listen at"):
            engine.begin()
        assert process.wait(60) == 3
        engine.close()
