"""Executions that stand still for others: each sees one block, however the chain goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from eth_hash.auto import keccak

from evm_dex.node.request_limits import Limits
from evm_dex.node.turns import Baton, Turns, Use
from tests.bytecode import COPY_CALLDATA, COPY_RETURNDATA, assemble
from tests.node.served import OTHER, OWNER, SPOT, Served, served
from tests.waiting import until

USER = "0x00000000000000000000000000000000deadbeef"
CALLER = "0x00000000000000000000000000000000000c0de5"
GAS = 10**11
LOOKS = f"PUSH0 PUSH0 CALLDATASIZE PUSH0 0x{SPOT[2:]} GAS STATICCALL POP"
RETURNS = f"{COPY_RETURNDATA} RETURNDATASIZE PUSH0 RETURN"


def counting(turns: int) -> str:
    """A loop, which leaves the stack as it was; it must stand first in the code."""
    return f"0x{turns:08x} JUMPDEST 0x01 SWAP1 SUB DUP1 0x05 JUMPI POP"


def reverting_look() -> str:
    """Looks at the exchange in a frame of its own that fails."""
    return "PUSH0 PUSH0 CALLDATASIZE PUSH0 ADDRESS GAS STATICCALL POP"


@pytest.fixture
def node() -> Iterator[Served]:
    with served(Limits(call_gas=GAS, call_seconds=100), gas_limit=GAS) as node:
        yield node


def balance_of(node: Served) -> str:
    """Calldata that asks for the user's balance on the exchange."""
    token = node.dex.tokens["USDC"].address[2:].lower()
    selector = keccak(b"getBalance(address,address)")[:4].hex()
    return f"0x{selector}{USER[2:].rjust(64, '0')}{token.rjust(64, '0')}"


def called(node: Served, program: str, block: str = "latest") -> Any:
    """What a call to code of ours gives, with the calldata of a balance."""
    call = {"to": CALLER, "data": balance_of(node), "gas": hex(GAS)}
    return node.ask("eth_call", call, block, {CALLER: {"code": "0x" + assemble(program).hex()}})


def beside(
    node: Served, work: Callable[[], Any], meanwhile: Callable[[], Any], *, is_within: bool = True
) -> tuple[Any, Any]:
    """What comes of two things of which the second begins while the first is at work.

    Where `is_within` the second must be over before the first; else the first has the exchanges
    when the second begins.
    """
    turns = node.node.turns

    def has_begun() -> bool:
        return (turns._at_chain if is_within else turns._at_exchanges) is not None

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(work)
        until(lambda: first.done() or has_begun())
        assert not first.done(), "it is too quick to be interrupted"
        found = meanwhile()
        assert not (is_within and first.done()), "it has waited for the other"
        return first.result(), found


def first_word(answer: Any) -> int:
    return int(answer["result"][2:66], 16)


def deal(node: Served, amount: int) -> None:
    """Give to an account on the exchange."""
    node.result("dex_dealOnSpot", "USDC", USER, hex(amount))


def test_a_call_that_comes_to_look_at_the_exchanges_sees_them_as_of_its_block(
    node: Served,
) -> None:
    deal(node, 5)
    program = f"{counting(10_000_000)} {COPY_CALLDATA} {LOOKS} {RETURNS}"
    answer, _ = beside(node, lambda: called(node, program), lambda: deal(node, 7))
    assert first_word(answer) == 5
    assert first_word(called(node, f"{COPY_CALLDATA} {LOOKS} {RETURNS}")) == 12


def test_a_look_that_was_taken_back_is_made_again(node: Served) -> None:
    """The frame of the first look fails, which takes back how the ledger got to the block."""
    deal(node, 5)
    fails = f"CALLER ADDRESS EQ ISZERO 0x%02x JUMPI {COPY_CALLDATA} {LOOKS} PUSH0 PUSH0 REVERT"
    start = len(assemble(counting(1)))
    skip = start + len(assemble(fails % 0))
    again = f"JUMPDEST {COPY_CALLDATA} {reverting_look()} {LOOKS} {RETURNS}"
    program = f"{counting(10_000_000)} {fails % skip} {again}"
    answer, _ = beside(node, lambda: called(node, program), lambda: deal(node, 7))
    assert "result" in answer, answer
    assert first_word(answer) == 5
    assert first_word(called(node, f"{COPY_CALLDATA} {LOOKS} {RETURNS}")) == 12


def test_a_call_that_has_the_exchanges_keeps_them_from_others_for_less_than_a_second(
    node: Served,
) -> None:
    program = f"JUMPDEST {COPY_CALLDATA} {LOOKS} GAS POP PUSH0 JUMP"
    answer, _ = beside(node, lambda: called(node, program), lambda: deal(node, 7), is_within=False)
    assert "kept others from the exchanges" in answer["error"]["message"]


def test_while_a_block_is_made_others_see_the_one_before(node: Served) -> None:
    code = assemble(f"{counting(10_000_000)} 0x01 PUSH0 SSTORE STOP")
    node.result("anvil_setCode", CALLER, "0x" + code.hex())
    height = node.result("eth_blockNumber")
    sent = {"from": OWNER, "to": CALLER, "gas": hex(GAS), "value": "0x5"}

    def look() -> list[Any]:
        return [
            node.result("eth_blockNumber"),
            node.result("eth_getBalance", CALLER, "latest"),
            node.result("eth_getStorageAt", CALLER, "0x0", "latest"),
            node.result("eth_call", {"to": OTHER}, "latest"),
        ]

    _, found = beside(node, lambda: node.result("eth_sendTransaction", sent), look)
    assert found == [height, "0x0", "0x" + "00" * 32, "0x"]
    assert node.result("eth_getStorageAt", CALLER, "0x0", "latest")[-1] == "1"
    assert node.result("eth_getBalance", CALLER, "latest") == "0x5"


def test_a_baton_goes_to_those_that_come_anew_in_order_then_to_those_back() -> None:
    baton, order = Baton(), []

    def take(name: str, *, is_back: bool) -> None:
        baton.take(is_back=is_back)
        order.append(name)
        baton.give()

    assert baton.try_take()
    assert not baton.try_take()
    threads = []
    for name, is_back in (("back", True), ("first", False), ("second", False)):
        thread = threading.Thread(target=take, args=(name,), kwargs={"is_back": is_back})
        thread.start()
        threads.append(thread)
        until(lambda: len(baton._new) + len(baton._back) == len(threads))
        if name == "first":
            waits = time.monotonic()
    time.sleep(0.01)
    since = time.monotonic()
    assert baton.wanted_for() >= since - waits > 0
    baton.give()
    for thread in threads:
        thread.join()
    assert order == ["first", "second", "back"]
    assert not baton.is_wanted
    assert baton.try_take()


def test_seconds_that_something_outside_took_are_those_of_the_next_look() -> None:
    turns = Turns()
    with turns.taken(Use.CALLING):
        with turns.while_waiting():
            assert turns.try_take(), "others have their turns meanwhile"
            turns.give()
            time.sleep(0.02)
        assert turns.give_way() >= 0.02
        assert turns.give_way() == 0
        with turns.while_waiting():
            time.sleep(0.01)
    with turns.taken(Use.CALLING):
        assert turns.give_way() == 0, "that was another request's"
