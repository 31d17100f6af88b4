"""Generated flow is the same for the same seed, down to the state root."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import evm_dex
from evm_dex.replay.order_flow import generate
from evm_dex.replay.runner import Replay


def state_root(seed: int) -> bytes:
    with evm_dex.open() as dex:
        replay = Replay(dex, dex.tokens["WETH"], maker=dex.accounts[0], taker=dex.accounts[1])
        for instruction in islice(generate(seed), 60):
            replay.apply(instruction)
        assert dex.self_check() == []
        return dex.head.state_root


def test_the_same_seed_gives_the_same_instructions() -> None:
    assert list(islice(generate(3), 500)) == list(islice(generate(3), 500))
    assert list(islice(generate(3), 500)) != list(islice(generate(4), 500))


def test_the_mix_is_half_placing_and_a_tenth_crossing() -> None:
    kinds = Counter(type(instruction).__name__ for instruction in islice(generate(1), 10_000))
    assert 4_800 < kinds["Place"] < 5_200
    assert 3_800 < kinds["Cancel"] + kinds["Reduce"] < 4_200
    assert 900 < kinds["Take"] < 1_100


def test_the_same_flow_gives_the_same_state_root() -> None:
    assert state_root(5) == state_root(5)
    assert state_root(5) != state_root(6)
