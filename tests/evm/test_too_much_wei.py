"""Cheats can give an account nearly 2**256 wei; what would make it more can't be done at all."""

from __future__ import annotations

import pytest

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.client.cheats.state_cheats import StateCheats
from evm_dex.errors import CallRefused
from evm_dex.evm.calls import Call
from precompiles.types import SPOT_ADDRESS, Address
from tests.bytecode import assemble
from tests.chain.support import ADD, World

RICH = Address(b"\x77" * 20)
BOB = default_accounts()[1]
ADD_FIRST = (  # row of the ledger changed before wei move
    f"0x{(ADD + bytes((5,))).hex()} 0xf0 SHL PUSH0 MSTORE "
    f"PUSH0 PUSH0 0x02 PUSH0 PUSH0 0x{SPOT_ADDRESS.hex()} GAS CALL POP "
)
PAY = f"PUSH0 PUSH0 PUSH0 PUSH0 0x01 0x{RICH.hex()} GAS CALL STOP"
DESTROY = f"0x{RICH.hex()} SELFDESTRUCT"


def world_with_riches(*, is_coinbase: bool) -> World:
    world = World(automine=False)
    StateCheats(world.chain).set_balance(RICH, 2**256 - 1)
    if is_coinbase:
        StateCheats(world.chain).set_coinbase(RICH)
    return world


@pytest.mark.parametrize(
    ("to", "code", "tip"),
    [(RICH, "", 0), (b"", ADD_FIRST + PAY, 0), (b"", ADD_FIRST + DESTROY, 0), (b"", ADD_FIRST, 1)],
    ids=["transfer", "call", "selfdestruct", "coinbase"],
)
def test_a_transaction_that_would_is_dropped_without_a_trace(
    to: bytes, code: str, tip: int
) -> None:
    """The block is the one in which nobody ever sent it; rows of the ledger included."""
    world, twin = (world_with_riches(is_coinbase=bool(tip)) for _ in range(2))
    impossible = world.signed(
        to, assemble(code), value=int(not tip), max_priority_fee_per_gas=tip, max_fee_per_gas=10**10
    )
    world.chain.send(impossible)
    for each in (world, twin):
        each.chain.send(each.signed(BOB.address, account=BOB, value=1))
    mined = world.chain.mine()
    assert [dropped.transaction_hash for dropped in mined.dropped] == [impossible.hash]
    assert mined.header.hash == twin.chain.mine().header.hash


def test_a_call_that_would_is_refused() -> None:
    chain = world_with_riches(is_coinbase=False).chain
    call = Call(sender=BOB.address, to=RICH, value=1)
    for attempt in (chain.attempt, chain.estimate_gas):
        with pytest.raises(CallRefused, match="exceeds maximum uint256"):
            attempt(call)
