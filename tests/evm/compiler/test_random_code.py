"""Random code does the same compiled as interpreted, to the last unit of gas."""

from __future__ import annotations

from random import Random

import pytest

from precompiles.types import Address
from tests.conftest import PROFILE, fuller
from tests.evm.compiler.random_code import RandomCode
from tests.evm.compiler.support import CONTRACT, GAS, OTHERS, Machines, hot_after

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

ROUNDS = 400 if PROFILE == "nightly" else 4
PROGRAMS = 8
NEVER = 255
DELEGATED = Address(b"\xdd" * 20)
NOBODY = Address(b"\xee" * 20)
PRECOMPILES = tuple(Address(number.to_bytes(20, "big")) for number in (1, 2, 4, 5, 6, 9, 0x0B))
CALLDATA = (bytes(32), b"\xff" * 32, bytes(31) + b"\x07", b"", bytes(range(100)))


@pytest.mark.parametrize("seed", [0, *fuller(*range(1, ROUNDS))])
def test_it_comes_to_the_same(seed: int) -> None:
    """Compiled at once, after a while, so that both go over into each other, or never."""
    random, machines = Random(seed), Machines()
    with hot_after((0, 1, 2, NEVER)[seed % 4]):
        for _ in range(PROGRAMS):
            for place, address in enumerate(OTHERS):
                called = (*OTHERS[place + 1 :], *PRECOMPILES, NOBODY)
                machines.put(address, RandomCode(random, called).make(6))
            called = (*OTHERS, *OTHERS, CONTRACT, DELEGATED, *PRECOMPILES, NOBODY)
            machines.put(DELEGATED, b"\xef\x01\x00" + random.choice(called))
            machines.put(CONTRACT, RandomCode(random, called).make(random.choice((5, 20, 50))))
            for data in random.sample(CALLDATA, 2):
                found = machines.agree(data, value=random.choice((0, 1)))
                used = max(GAS - found.total.gas_left, 1)
                for _ in range(4):
                    machines.agree(data, gas=random.randrange(min(used, 200_000)))


@pytest.mark.parametrize("seed", [0, *fuller(*range(1, ROUNDS))])
def test_it_runs_out_at_every_amount_of_gas_alike(seed: int) -> None:
    """A few statements, with every amount of gas up to what they need, and at what they stop."""
    random, machines = Random(seed), Machines()
    with hot_after((0, NEVER)[seed % 2]):
        machines.put(CONTRACT, RandomCode(random).make(8))
        found = machines.agree(CALLDATA[0])
        used = min(GAS - found.total.gas_left, 60_000)
        step = max(used // 100, 1)
        for gas in range(0, used + step, step):
            machines.agree(CALLDATA[0], gas=gas)
