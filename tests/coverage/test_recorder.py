"""Recording changes nothing, and takes in what was meant to happen, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex import Dex, Recorder, Reverted
from evm_dex.coverage.gas_report import figures
from tests.sources.compiling import written

SOURCE = Path(__file__).with_name("Counter.sol")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build")
    (directory / SOURCE.name).write_text(SOURCE.read_text())
    return written(directory, SOURCE)


def counter(dex: Dex, build: Path) -> Any:
    maths = dex.deploy(f"{build}:Maths")
    return dex.deploy(f"{build}:Counter", 3, libraries={"Maths": maths})


def play(dex: Dex, build: Path) -> list[Any]:
    """Do a bit of everything; what came of it."""
    made = counter(dex, build)
    weth = dex.tokens["WETH"]
    dex.spot.send("placeOrder", weth, 10**18, 3_000 * 10**6, False, sender=dex.accounts[1])
    trader = dex.deploy("Trader")
    dex.cheats.deal_on_spot("USDC", trader, 3_000 * 10**6)
    receipts = [
        made.send("set", 5),
        made.send("set", 7, gas=60_000),
        made.send("never", 4),
        made.send("set", 9, gas=26_000),
        trader.send("trade", weth, 10**18, 3_000 * 10**6, True),
        dex.send(to=made, value=1, gas=50_000),
        dex.send(to=dex.accounts[2], value=5),
    ]
    calls = [made.call("classify", number) for number in (1, 6, 11) for _ in range(30)]
    with suppress(Reverted):
        made.call("set", 7)
    return [dex.head.hash, dex.head.state_root, [it.gas_used for it in receipts], calls]


def test_nothing_differs_with_it(build: Path) -> None:
    found = []
    for recorder in (nullcontext(), Recorder(), Recorder(gas=False), Recorder(coverage=False)):
        with recorder, evm_dex.open() as dex:
            found.append(play(dex, build))
            assert dex.self_check() == []
    assert all(it == found[0] for it in found)


def hits(build: Path, do: Callable[[Dex, Any], object]) -> dict[str, int]:
    """Counts of the functions that ran."""
    with Recorder() as recorder, evm_dex.open() as dex:
        do(dex, counter(dex, build))
    (file,) = recorder.coverage(build.parent).files.values()
    return {name: count for name, (_, count) in file.functions.items() if count}


MADE = {"Base.constructor": 1, "Counter.constructor": 1}


def test_estimates_count_only_where_they_fail(build: Path) -> None:
    def sends(_: Dex, made: Any) -> None:
        made.send("set", 5)
        with pytest.raises(Reverted):
            made.send("set", 7)

    assert hits(build, sends) == {**MADE, "Counter.set": 2, "Base.onlyOwner": 2}


def test_traces_and_trees_do_not_count(build: Path) -> None:
    def looks(dex: Dex, made: Any) -> None:
        made.send("set", 5).trace()
        with pytest.raises(Reverted) as failure:
            made.call("set", 7)
        assert failure.value.tree
        assert dex.head.number < dex.block("pending").number

    assert hits(build, looks) == {**MADE, "Counter.set": 2, "Base.onlyOwner": 2}


def test_what_is_taken_back_did_run(build: Path) -> None:
    def reverts(dex: Dex, made: Any) -> None:
        for _ in range(3):
            snapshot = dex.snapshot()
            made.send("set", 5)
            dex.revert(snapshot)

    assert hits(build, reverts) == {**MADE, "Counter.set": 3, "Base.onlyOwner": 3}


def test_a_creation_that_is_tried_out_first_counts_once(build: Path) -> None:
    def salted(dex: Dex, _: Any) -> None:
        maths = dex.deploy(f"{build}:Maths")
        dex.deploy(f"{build}:Counter", 3, libraries={"Maths": maths}, salt=1)

    assert hits(build, salted) == {"Base.constructor": 2, "Counter.constructor": 2}


def test_a_library_and_a_call_to_oneself_count(build: Path) -> None:
    found = hits(build, lambda _, made: made.send("never", 4))
    assert found == {**MADE, "Counter.never": 1, "Counter.classify": 1, "Maths.half": 1}


def test_what_a_proxy_hands_on_is_of_the_contract_behind_it(build: Path) -> None:
    """A minimal proxy (EIP-1167), called with the ABI of what it stands for."""
    with Recorder() as recorder, evm_dex.open() as dex:
        made = counter(dex, build)
        runtime = f"363d3d373d3d3d363d73{made.raw_address.hex()}5af43d82803e903d91602b57fd5bf3"
        code = bytes.fromhex(f"602d8060093d393df3{runtime}")
        address = dex.send(data=code).contract_address
        assert address is not None
        proxy = dex.contract(address, f"{build}:Counter")
        proxy.send("set", 5)
        assert proxy.call("classify", 6) == 6
    (file,) = recorder.coverage(build.parent).files.values()
    assert file.functions["Counter.set"][1] == file.functions["Counter.classify"][1] == 1
    assert recorder.gas().contracts["Counter"].functions.keys() == {"set", "classify"}


def test_loops_are_counted_whether_compiled_or_not(build: Path) -> None:
    def many(made: Any) -> None:
        for _ in range(100):
            made.call("classify", 6)

    with Recorder() as recorder, evm_dex.open() as dex:
        many(counter(dex, build))
    (file,) = recorder.coverage(build.parent).files.values()
    lines = {text.strip(): n for n, text in enumerate(SOURCE.read_text().splitlines(), 1)}
    assert file.lines[lines["r += i;"]] == 300
    assert file.lines[lines["} else if (x > 5) {"]] == 100


def test_figures_are_those_of_all_amounts() -> None:
    found = figures({10: 2, 40: 1, 20: 1})
    assert (found.calls, found.min, found.median, found.mean, found.max) == (4, 10, 15, 20, 40)
    assert figures({7: 3}).median == 7


def test_gas_is_what_transactions_pay(build: Path) -> None:
    with Recorder(coverage=False) as recorder, evm_dex.open() as dex:
        made = counter(dex, build)
        paid = [made.send("set", number).gas_used for number in (5, 6)]
        made.send("never", 4)
        size = len(dex.code(made))
    gas = recorder.gas().contracts["Counter"]
    assert gas.functions["set"] == {amount: paid.count(amount) for amount in paid}
    assert "classify" not in gas.functions, "what is called inside is part of the call"
    assert gas.size == size
