"""Accounts that delegate to another (EIP-7702): a transaction's sender, and to a precompile."""

from __future__ import annotations

import pytest

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.evm.calls import Call
from precompiles.types import SPOT_ADDRESS
from tests.bytecode import assemble, deployment, forwarder
from tests.chain.support import ADD, World

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


@pytest.mark.parametrize("precompile", [(2).to_bytes(20, "big"), SPOT_ADDRESS], ids=["sha", "spot"])
@pytest.mark.parametrize("opcode", ["CALL", "CALLCODE", "STATICCALL", "DELEGATECALL"])
def test_an_account_that_delegates_to_a_precompile_has_no_code(
    precompile: bytes, opcode: str
) -> None:
    """A call to it succeeds, returns nothing, and takes no more than a call of no code."""
    world, data = World(), ADD + b"\x05"
    delegating = b"\xd0" * 20
    world.chain.write_state(lambda state: state.set_code(delegating, b"\xef\x01\x00" + precompile))
    included = world.send(delegating, data)
    assert included.receipt.succeeded
    assert included.gas_used == 21_000 + 2 * 40  # what its two bytes cost at least (EIP-7623)
    caller = world.deploy(deployment(forwarder(delegating, opcode)))
    output = world.chain.call(Call(sender=SENDER.address, to=caller, data=data))
    assert output == (1).to_bytes(32, "big")
    assert world.chain.call(Call(sender=SENDER.address, to=delegating, data=data)) == b""
    assert world.balance(SENDER.address) == 0
