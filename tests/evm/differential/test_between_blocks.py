"""Whatever happens between blocks, the long-lived state stays that of the head.

Calls and estimates at any height, previews, blocks that fail half-way, state written by hand,
rollbacks: after each of them a chain that is opened afresh from the same store reads the same, and
the next block has the same effect on ours, on that one, and on py-evm's own state at that root.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from evm_dex.chain.simulated_blocks import simulate_blocks
from evm_dex.errors import CallFailed, InvalidBlock, TransactionRejected
from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.calls import Call
from evm_dex.evm.config import MINING
from precompiles.types import Address
from tests.conftest import PROFILE
from tests.evm.compiler.support import hot_after
from tests.evm.differential.programs import SLOTS
from tests.evm.differential.test_transactions import chosen_header
from tests.evm.differential.twins import Ours, Theirs, outcome, seen
from tests.evm.differential.world import (
    CONTRACTS,
    EMPTY,
    SENDERS,
    Transactions,
    World,
    make_world,
)

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

WORLDS = 500 if PROFILE == "nightly" else 6
STEPS = 14


class Broken(Exception):  # noqa: N818 - thrown to end a block half-way
    """What goes wrong in a block on purpose."""


class Run:
    """One world on both sides, and what may happen to it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world: World = make_world(self.random)
        self.ours = Ours()
        self.ours.chain.write_state(self.world.write)
        self.theirs = Theirs(self.ours)
        self.transactions = Transactions(self.random, self.world)

    def step(self) -> None:
        """Let something happen between blocks, then see that nothing was disturbed."""
        looking = (self.call, self.simulate, self.preview)
        events = (*looking, self.fail, self.write, self.go_back, self.mine, self.change_over)
        for _ in range(self.random.randrange(3)):
            self.random.choice(events)()
        fresh = Ours(self.ours.world.store)
        assert self.ours.root == self.theirs.root == fresh.root
        sample = self.random.sample(self.world.places, 8)
        looked_at = self.random.choice((sample, [*CONTRACTS, *EMPTY]))
        self.theirs.begin(self.ours.chain.next_header())
        for side in (self.ours, fresh):
            assert seen(side.state, looked_at) == seen(self.theirs.state, looked_at)
        self.block((self.ours, fresh, self.theirs))

    def block(self, sides: tuple[Any, ...]) -> None:
        """The same random block everywhere; its root must be the same."""
        header = chosen_header(self.random, self.ours.chain.head)
        for side in sides:
            side.begin(header)
        for _ in range(self.random.randint(1, 3)):
            transaction = self.transactions.next(self.ours.state, header.base_fee_per_gas)
            outcomes = [outcome(side, transaction, ()) for side in sides]
            assert all(found == outcomes[0] for found in outcomes)
        ours, fresh, theirs = sides
        sealed = fresh.sealer.seal()
        for side in (ours, theirs):
            side.end()
        assert ours.root == theirs.root == sealed.header.state_root

    # Events

    def call(self) -> None:
        """Try a call out, and its gas, at the head or before; the state may be altered for it."""
        chain = self.ours.chain
        height = self.random.choice((chain.head.block_number, self._earlier()))
        data = self.random.choice((1, 2, 4)).to_bytes(32, "big")
        to = self.random.choice((*CONTRACTS, b""))
        call = Call(sender=SENDERS[0].address, to=to, data=data, gas=2_000_000)
        prepare = self.random.choice((None, self._change()))
        with suppress(CallFailed):
            chain.attempt(call, height, prepare)
        with suppress(CallFailed):
            chain.estimate_gas(call, height, prepare)

    def simulate(self) -> None:
        """Make blocks that are never kept."""
        with simulate_blocks(self.ours.chain, "latest", MINING) as found:
            self._change()(found.state)
            for _ in range(2):
                found.open(BlockOverride(), is_free=False)
                transaction = self.transactions.next(found.state, found.header.base_fee_per_gas)
                with suppress(TransactionRejected):
                    found.execute(transaction, is_checked=True)
                found.close()

    def preview(self) -> None:
        """Look at the next block before it is made."""
        chain = self.ours.chain
        transaction = self.transactions.next(
            chain._sealer.state, chain.next_header().base_fee_per_gas
        )
        with suppress(TransactionRejected):
            chain.send(transaction)
        header = chain.pending_block.header
        seen(chain.call_runner.state_at(header), self.world.places)
        chain.drop_transactions(lambda _: True)

    def fail(self) -> None:
        """Begin a block, and give it up before it is sealed, or just after."""
        change = self._change()

        def changed_in_vain(state: Any) -> None:
            change(state)
            for _ in range(2):
                transaction = self.transactions.next(state, 7)
                outcome(self.ours, transaction, self.world.places)
            if self.random.random() < 0.5:
                state.persist()
            raise Broken

        with suppress(Broken):
            self.ours.chain.write_state(changed_in_vain)

    def write(self) -> None:
        """Write state by hand."""
        change = self._change()
        self.theirs.begin(self.ours.chain.write_state(change))
        change(self.theirs.state)
        self.theirs.end()

    def go_back(self) -> None:
        """Make an earlier block the head."""
        self.ours.chain.rollback(self._earlier())
        self.theirs.root = self.ours.root

    def mine(self) -> None:
        """Make a block as the chain does it, and maybe once more out of its bytes."""
        chain = self.ours.chain
        transaction = self.transactions.next(
            chain._sealer.state, chain.next_header().base_fee_per_gas
        )
        with suppress(TransactionRejected):
            chain.send(transaction)
        mined = chain.mine()
        if self.random.random() < 0.5:
            encoded = chain.export_blocks("latest")
            chain.rollback(mined.header.block_number - 1)
            chain.import_blocks(encoded)
        self.theirs.begin(mined.header)
        for _ in mined.transaction_hashes:
            self.theirs.apply(transaction)
        self.theirs.end()

    def change_over(self) -> None:
        """Take over the last block once more, if it follows: most headers were chosen."""
        chain = self.ours.chain
        if chain.head.block_number == 1:
            return
        encoded = chain.export_blocks("latest")
        chain.rollback(chain.head.block_number - 1)
        with suppress(InvalidBlock):
            chain.import_blocks(encoded)
        self.theirs.root = self.ours.root

    def _earlier(self) -> int:
        head = self.ours.chain.head.block_number
        return self.random.randint(max(1, head - 3), head)

    def _change(self) -> Callable[[Any], None]:
        """Changes of a state, the same whenever they are made."""
        seed = self.random.random()

        def change(state: Any) -> None:
            random = Random(seed)
            for _ in range(random.randint(1, 4)):
                self._write_something(state, random)
                mark = state.snapshot()
                self._write_something(state, random)
                if random.random() < 0.5:
                    state.revert(mark)
            mark = state.snapshot()
            if random.random() < 0.4:
                state.delete_account(random.choice((*CONTRACTS, *EMPTY)))
            if random.random() < 0.5:
                state.revert(mark)

        return change

    def _write_something(self, state: Any, random: Random) -> None:
        place: Address = random.choice((*CONTRACTS, *EMPTY, *random.sample(self.world.places, 2)))
        match random.randrange(5):
            case 0:
                state.set_balance(place, random.choice((0, 1, 10**18)))
            case 1:
                state.set_nonce(place, state.get_nonce(place) + 1)
            case 2:
                code = self.world.codes[random.choice(CONTRACTS)]
                state.set_code(place, random.choice((b"", code, b"\x00")))
            case 3:
                state.touch_account(place)
            case _:
                state.set_storage(place, random.choice(SLOTS), random.choice((0, 1, 2**200)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(WORLDS))
def test_the_state_stays_that_of_the_head(seed: int) -> None:
    with hot_after(seed % 3):
        run = Run(seed)
        for _ in range(STEPS):
            run.step()
