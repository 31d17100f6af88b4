"""A transaction's sender that is delegated (EIP-7702) runs as any other contract does."""

from __future__ import annotations

from evm_dex.blocks.dev_accounts import default_accounts
from tests.bytecode import assemble
from tests.chain.support import World

SENDER = default_accounts()[0]
SIZE = 3_200
"""Bytes of init code, all zero: a STOP, so that the contract is empty."""


def test_init_code_is_paid_for_once() -> None:
    """A CREATE by the sender's own code is no creation by the transaction (EIP-3860)."""
    world = World()
    creator = b"\xc0" * 20
    code = assemble(f"{SIZE:#06x} PUSH0 PUSH0 CREATE STOP")
    world.chain.write_state(lambda state: state.set_code(creator, code))
    world.chain.write_state(lambda state: state.set_code(SENDER.address, b"\xef\x01\x00" + creator))
    world.send(SENDER.address, gas=1_000_000)
    words, pushes = SIZE // 32, 3 + 2 + 2
    memory = 3 * words + words**2 // 512
    expected = 21_000 + pushes + memory + 32_000 + 2 * words
    assert world.chain.head.gas_used == expected
