"""`console.log` in Python: receipts, trees, tests that fail, and nothing that it changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evm_dex import Reverted
from evm_dex.abi.console_log import console_lines
from evm_dex.blocks.addresses import to_address
from evm_dex.chain.traces import trace_transaction
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.evm.prestate import Prestate
from evm_dex.evm.tracer import Tracer
from precompiles.types import Address
from tests.bytecode import assemble
from tests.printing import calling, prints

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
PRINTER, OUTER = Address(b"\xc0" * 20), Address(b"\xc1" * 20)
ABI = [
    {"type": "function", "name": "run", "inputs": [], "outputs": [], "stateMutability": "payable"}
]


def put(dex: Dex, address: Address, code: bytes) -> Contract:
    dex.cheats.set_code(address, code)
    return Contract(dex, address, ABI, "Printer")


def test_a_receipt_has_the_lines_of_its_transaction(dex: Dex) -> None:
    printer = put(dex, PRINTER, prints("%d of %d", 1, 2) + prints("second"))
    receipt = printer.send("run")
    assert receipt.console == ("1 of 2", "second")
    assert dex.send(to=dex.accounts[1], value=1).console == ()
    lines = receipt.trace().splitlines()
    assert [line for line in lines if "console.log" in line] == [
        "├─ console.log: 1 of 2",
        "└─ console.log: second",
    ]


def test_lines_of_an_older_transaction_are_found_by_executing_it_again(dex: Dex) -> None:
    printer = put(dex, PRINTER, prints("here"))
    with dex.chain.mining_at_once():
        receipts = [printer.send("run") for _ in range(2)]
    dex.chain.blocks.forget_recent()
    assert [dex.receipt(it.transaction_hash).console for it in receipts] == [("here",)] * 2


def test_frames_that_are_taken_back_printed_all_the_same(dex: Dex) -> None:
    fails = prints("before it failed") + assemble("PUSH0 PUSH0 REVERT")
    put(dex, PRINTER, fails)
    outer = put(dex, OUTER, calling(PRINTER, b""))
    assert outer.send("run").console == ("before it failed",)
    printer = Contract(dex, PRINTER, ABI, "Printer")
    assert printer.send("run", gas=100_000).console == ("before it failed",)
    with pytest.raises(Reverted) as refused:
        printer.call("run")
    assert "├─ console.log: before it failed" in refused.value.tree.splitlines()


def test_a_call_tells_whoever_listens(dex: Dex) -> None:
    printer = put(dex, PRINTER, prints("seen"))
    heard: list[tuple[bytes | None, tuple[str, ...]]] = []

    def listen(name: bytes | None, calls: tuple[bytes, ...]) -> None:
        heard.append((name, console_lines(calls)))

    dex.chain.console.add(listen)
    printer.call("run")
    receipt = printer.send("run")
    dex.chain.console.remove(listen)
    printer.call("run")
    assert heard == [(None, ("seen",)), (receipt.transaction_hash, ("seen",))]


def test_it_costs_and_changes_what_a_call_of_an_empty_account_does(dex: Dex) -> None:
    """The console's address has as many bytes that are not zero as the other one's."""
    empty = bytes(20 - 11) + b"\xee" * 11
    quiet = put(dex, OUTER, prints("%d", 5, to=empty)).send("run")
    printed = put(dex, PRINTER, prints("%d", 5)).send("run")
    assert (quiet.console, printed.console) == ((), ("5",))
    assert printed.gas_used == quiet.gas_used
    for receipt, callee in ((quiet, OUTER), (printed, PRINTER)):
        touched = Prestate()
        trace_transaction(dex.chain, receipt.transaction_hash, Tracer(accesses=touched))
        left = touched.after()
        assert set(left) == {to_address(dex.accounts[0]), callee, bytes(20)}  # and the coinbase
        assert left[callee] == touched.before[callee]


def test_interpreted_code_prints_too() -> None:
    program = (
        "import evm_dex; from tests.client.test_console import *\n"
        "with evm_dex.open() as dex:\n"
        "    print(put(dex, PRINTER, prints('plain')).send('run').console)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "EVM_DEX_COMPILE": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "('plain',)\n", done.stderr


def test_what_code_prints_is_bounded(dex: Dex) -> None:
    loop = prints("again")
    forever = assemble("JUMPDEST") + loop + assemble("PUSH0 JUMP")
    receipt = put(dex, PRINTER, forever).send("run", gas=5_000_000)
    assert receipt.console == ("again",) * 1_000


def test_pytest_shows_the_lines_of_a_test_that_fails(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(f"import sys; sys.path.insert(0, {str(ROOT)!r})")
    pytester.makepyfile(
        """
        from tests.client.test_console import PRINTER, prints, put

        def test_it(dex):
            printer = put(dex, PRINTER, prints("as far as here"))
            printer.send("run")
            printer.call("run")
            assert False

        def test_another(dex):
            assert False
        """
    )
    shown = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").stdout.str()
    assert shown.count("console.log") == 1
    assert shown.count("\nas far as here\nas far as here\n") == 1
