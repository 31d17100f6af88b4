"""Trees of failing calls name the lines of the sources, whoever compiled them and how."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from evm_dex import Contract, Dex, Reverted
from tests.sources.compiling import written

LEDGER = Path(__file__).with_name("Ledger.sol")
LINES = {
    found[1]: number
    for number, text in enumerate(LEDGER.read_text().splitlines(), 1)
    if (found := re.search(r"// line: (\w+)$", text))
}
SETTINGS = {
    "plain": {},
    "optimized": {"optimizer": True},
    "via_ir": {"optimizer": True, "via_ir": True},
}


class World(NamedTuple):
    dex: Dex
    ledger: Contract
    build: Path
    is_exact: bool
    """False by way of Yul, where solc's maps tell the function, and not always the statement."""


@pytest.fixture(scope="module", params=SETTINGS)
def world(
    request: pytest.FixtureRequest, dex_module: Dex, tmp_path_factory: pytest.TempPathFactory
) -> World:
    place = written(tmp_path_factory.mktemp("build"), LEDGER, **SETTINGS[request.param])
    library = dex_module.deploy(f"{place}:Maths")
    ledger = dex_module.deploy(f"{place}:Ledger", libraries={"Maths": library})
    ledger.send("add", 7)
    return World(dex_module, ledger, place, request.param != "via_ir")


def places(call: Callable[[], object]) -> list[str]:
    """The lines that a failing call tells, as "function:mark", innermost first in each frame."""
    with pytest.raises(Reverted) as failure:
        call()
    marks = {str(number): mark for mark, number in LINES.items()}
    found = re.findall(r"at (\S+) \(Ledger\.sol:(\d+)\)", failure.value.tree)
    return [f"{function}:{marks.get(number, number)}" for function, number in found]


def test_the_line_of_a_require_and_of_the_call_that_led_there(world: World) -> None:
    found = places(lambda: world.ledger.call("deep", 5))
    assert {"Maths.third", "Ledger.deep"} & {it.partition(":")[0] for it in found}
    if world.is_exact:
        assert found == ["Maths.third:third", "Ledger.deep:deep"]


def test_what_the_compiler_checks_is_the_statement_that_it_checks(world: World) -> None:
    number = 2**256 - 1
    found = places(lambda: world.ledger.call("deep", number - number % 3))
    assert found[0] in ("Ledger._sum:overflow", "Ledger.deep:deep")
    assert found[-1] in ("Ledger.deep:sum", "Ledger.deep:deep")


def test_each_frame_has_its_lines(world: World) -> None:
    def ask(code: int) -> Callable[[], object]:
        return lambda: world.ledger.call("ask", 0, code)

    for code, line in ((7, "assert"), (0, "division")):
        found = places(ask(code))
        assert found[:2] == [
            f"Entry.fail:{line if world.is_exact else 'assert'}",
            "Ledger._ask:inner",
        ]
        assert found[2:] == ["Ledger.ask:ask"] * world.is_exact


def test_a_contract_made_by_a_contract_is_known_by_its_code(world: World) -> None:
    made = world.ledger.call("entries", 0)
    entry = world.dex.contract(made, f"{world.build}:Entry")
    owner = world.ledger.address
    with world.dex.cheats.acting_as(owner):
        for code, line in ((7, "assert"), (0, "division")):
            found = places(partial(entry.call, "fail", code, sender=owner))
            assert found == [f"Entry.fail:{line if world.is_exact else 'assert'}"]


def test_a_constructor_that_fails_inside_another_contract(world: World) -> None:
    found = places(lambda: world.ledger.send("add", 13))
    assert found[0] == "Entry.constructor:entry"
    assert found[-1] == "Ledger.add:create"
    assert "create Entry.constructor" in tree(lambda: world.ledger.send("add", 13))


def tree(call: Callable[[], object]) -> str:
    with pytest.raises(Reverted) as failure:
        call()
    return failure.value.tree


def test_a_constructor_that_fails(world: World) -> None:
    assert places(lambda: world.dex.deploy(f"{world.build}:Entry", 13)) == [
        "Entry.constructor:entry"
    ]
    salted = places(lambda: world.dex.deploy(f"{world.build}:Entry", 13, salt=1))
    assert salted == ["Entry.constructor:entry"]


def test_a_linked_library_and_a_modifier(world: World) -> None:
    found = places(lambda: world.ledger.call("halved", 1001))
    assert found == ["Maths.half:half", "Ledger.halved:halved"]
    other = world.dex.accounts[1]
    found = places(lambda: world.ledger.send("add", 1, sender=other))
    assert found[0] == "Owned.onlyOwner:onlyOwner"


def test_ether_that_is_refused(world: World) -> None:
    sent = world.dex.send(to=world.ledger, value=1, gas=100_000)
    assert f"at Ledger.receive (Ledger.sol:{LINES['receive']})" in sent.trace()


def test_a_transaction_that_failed_in_its_block(world: World) -> None:
    receipt = world.ledger.send("add", 13, gas=500_000)
    assert f"at Entry.constructor (Ledger.sol:{LINES['entry']})" in receipt.trace()


def test_our_own_contracts_have_lines(dex: Dex) -> None:
    token = dex.deploy("TestToken", "Gold", "AU", 3)
    with pytest.raises(Reverted) as failure:
        token.send("transfer", dex.accounts[1], 5)
    assert "at TestToken._move (contracts/TestToken.sol:" in failure.value.tree
    assert "at TestToken.transfer (contracts/TestToken.sol:" in failure.value.tree
