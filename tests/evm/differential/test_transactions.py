"""Random transactions have the same effect on our long-lived state as on py-evm's own classes.

After each transaction gas, refunds, logs, output and kind of error are the same in every frame, and
so is what code can find out; after each block the root is. Code is compiled from the start on, or
after it was interpreted once or twice.
"""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from evm_dex.blocks.header import Header
from precompiles.types import ZERO_ADDRESS
from tests.conftest import PROFILE
from tests.evm.compiler.support import hot_after
from tests.evm.differential.twins import Ours, Theirs, outcome
from tests.evm.differential.world import CONTRACTS, EMPTY, SENDERS, Transactions, make_world

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

WORLDS = 1_000 if PROFILE == "nightly" else 12
BLOCKS = 8
_COINBASES = (ZERO_ADDRESS, ZERO_ADDRESS, SENDERS[0].address, CONTRACTS[0], *EMPTY[:2])


def chosen_header(random: Random, parent: Header) -> Header:
    """A block whose coinbase may be anybody."""
    coinbase = random.choice(_COINBASES)
    return msgspec.structs.replace(parent.child(), coinbase=coinbase, base_fee_per_gas=7)


def run_both(random: Random) -> None:
    """A world's random blocks on both sides."""
    ours, world = Ours(), make_world(random)
    ours.chain.write_state(world.write)
    theirs = Theirs(ours)
    transactions = Transactions(random, world)
    for _ in range(BLOCKS):
        header = chosen_header(random, ours.chain.head)
        for side in (ours, theirs):
            side.begin(header)
        for _ in range(random.randint(1, 6)):
            transaction = transactions.next(ours.state, header.base_fee_per_gas)
            places = world.places if random.random() < 0.5 else ()
            assert outcome(ours, transaction, places) == outcome(theirs, transaction, places)
        for side in (ours, theirs):
            side.end()
        assert ours.root == theirs.root


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(WORLDS))
def test_a_chain_does_what_py_evm_does(seed: int) -> None:
    with hot_after(seed % 3):
        run_both(Random(seed))
