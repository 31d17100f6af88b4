"""What a transaction is billed is what its sender pays."""

from __future__ import annotations

from evm_dex.client.cheats.state_cheats import StateCheats
from evm_dex.evm.calls import Call, Prepare
from evm_dex.evm.machine import State
from tests.bytecode import assemble, deployment
from tests.chain.support import World

SLOTS = [f"0x{slot:02x}" for slot in range(10)]
CLEAR = assemble(" ".join(f"PUSH0 {slot} SSTORE" for slot in SLOTS) + " STOP")
FILL = assemble(" ".join(f"0x01 {slot} SSTORE" for slot in SLOTS))


def test_the_calldata_floor_holds_when_the_refund_is_capped() -> None:
    """EIP-7623 with EIP-3529: 21,000 + 40 per non-zero byte, whatever would be refunded."""
    world = World()
    # The copying part of `deployment` counts from the start of the code, so it is moved along.
    copying = deployment(CLEAR)
    moved = copying[:3] + assemble(f"0x{13 + len(FILL):04x}") + copying[6:]
    contract = world.deploy(FILL + moved)
    assert world.chain.state.get_storage(contract, 9) == 1
    before = world.chain.state.get_balance(world.account.address)
    included = world.send(contract, b"\x01" * 3000)
    paid = before - world.chain.state.get_balance(world.account.address)
    assert included.gas_used == 21_000 + 40 * 3000
    assert paid == included.gas_used * included.header.base_fee_per_gas


def test_a_refund_is_at_most_a_fifth() -> None:
    world = World()
    copying = deployment(CLEAR)
    moved = copying[:3] + assemble(f"0x{13 + len(FILL):04x}") + copying[6:]
    contract = world.deploy(FILL + moved)
    included = world.send(contract)
    executed = 21_000 + 10 * (2 + 3 + 5_000)
    assert included.gas_used == executed - executed // 5


def test_a_call_finds_what_was_put_into_its_state_as_if_it_were_stored() -> None:
    """Writing 7 over a stored 6 costs as much as over a 6 that the call only pretends is there."""
    world = World()
    contract = world.deploy(deployment(assemble("0x07 PUSH0 SSTORE")))
    write = Call(to=contract)

    def gas(prepare: Prepare | None = None) -> tuple[int, int]:
        used = world.chain.attempt(write, prepare=prepare).gas_used
        return used, world.chain.estimate_gas(write, prepare=prepare)

    def put(word: int) -> Prepare:
        def prepare(state: State) -> None:
            state.set_storage(contract, 0, word)

        return prepare

    StateCheats(world.chain).set_storage(contract, 0, 5)
    pretended = [gas(put(word)) for word in (0, 6, 7)]
    stored = []
    for word in (0, 6, 7):
        world.chain.write_state(put(word))
        stored.append(gas())
    assert pretended == stored
    assert len(set(stored)) == len(stored)
