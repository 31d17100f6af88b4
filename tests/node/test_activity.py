"""A node's lines about its callers' transactions and calls."""

from __future__ import annotations

import os

import pytest

from evm_dex.node.activity import CallNews, MinedNews, News
from evm_dex.terminal.node_news import NewsPrinter, lines_of
from tests.bytecode import assemble, deployment
from tests.node.served import OTHER, OWNER, SPOT, Served
from tests.printing import prints

PRINTER = "0x" + "ca" * 20


@pytest.fixture
def heard(fresh_node: Served) -> list[News]:
    found: list[News] = []
    fresh_node.node.activity.listen(found.append)
    return found


def send(node: Served, **fields: str) -> str:
    return str(node.result("eth_sendTransaction", {"from": OWNER, **fields}))


def test_a_transaction_is_told_with_what_came_of_it(fresh_node: Served, heard: list[News]) -> None:
    node = fresh_node
    name = send(node, to=OTHER, value="0x1")
    receipt = node.result("eth_getTransactionReceipt", name)
    (news,) = heard
    assert isinstance(news, MinedNews)
    assert f"0x{news.transaction_hash.hex()}" == name
    assert (news.gas_used, news.created, news.failure, news.console) == (21_000, None, "", ())
    assert news.block_number == int(receipt["blockNumber"], 16)
    code = deployment(prints("at work"))
    created = node.result("eth_getTransactionReceipt", send(node, data=f"0x{code.hex()}"))[
        "contractAddress"
    ]
    send(node, to=created, gas="0x30d40")
    made, printed = heard[1:]
    assert isinstance(made, MinedNews)
    assert isinstance(printed, MinedNews)
    assert made.created is not None
    assert f"0x{made.created.hex()}" == created
    assert printed.console == ("at work",)
    lines = list(lines_of(printed))
    assert lines[0] == "at work"
    assert lines[2] == f"Gas used: {printed.gas_used}"
    assert any(line.startswith("Contract created: 0x") for line in lines_of(made))


def test_failures_have_the_names_of_their_errors(fresh_node: Served, heard: list[News]) -> None:
    node = fresh_node
    order = node.dex.spot.encode("cancelOrder", 7)
    request = {"from": OWNER, "to": SPOT, "data": f"0x{order.hex()}"}
    node.error("eth_call", request)
    node.error("eth_estimateGas", request)
    send(node, to=SPOT, data=f"0x{order.hex()}", gas="0x186a0")
    words = "reverted: OrderNotFound(orderId=7)"
    called, estimated, mined = heard
    assert called == CallNews("eth_call", words)
    assert estimated == CallNews("eth_estimateGas", words)
    assert isinstance(mined, MinedNews)
    assert mined.failure == words
    assert f"Error: {words}" in lines_of(mined)
    assert list(lines_of(called)) == [f"eth_call failed: {words}", ""]


def test_what_stops_code_is_told_in_words(fresh_node: Served, heard: list[News]) -> None:
    node = fresh_node
    for code, words in (
        ("JUMPDEST PUSH0 JUMP", "out of gas"),
        ("POP", "stack underflow"),
        ("PUSH0 JUMP", "invalid jump destination"),
        ("INVALID", "invalid opcode"),
    ):
        node.result("anvil_setCode", PRINTER, f"0x{assemble(code).hex()}")
        name = send(node, to=PRINTER, gas="0xc350")
        mined = heard.pop()
        assert isinstance(mined, MinedNews)
        assert mined.failure == words
        (told,) = node.result("dex_blocks", 1)[0]["transactions"]
        assert (told["hash"], told["reason"]) == (name, words)


def test_what_calls_print_is_told_before_why_they_fail(
    fresh_node: Served, heard: list[News]
) -> None:
    fails = prints("%d left", 3) + assemble("PUSH0 PUSH0 REVERT")
    fresh_node.result("anvil_setCode", PRINTER, f"0x{fails.hex()}")
    for method in ("eth_call", "eth_estimateGas"):
        heard.clear()
        fresh_node.error(method, {"from": OWNER, "to": PRINTER})
        assert heard == [
            CallNews("eth_call", console=("3 left",)),
            CallNews(method, "reverted"),
        ]


def test_it_is_told_when_a_block_has_it_and_not_while_switched_off(
    fresh_node: Served, heard: list[News]
) -> None:
    node = fresh_node
    node.result("evm_setAutomine", False)
    names = [send(node, to=OTHER, value="0x1", gas="0x5208") for _ in range(2)]
    assert heard == []
    node.result("evm_mine")
    assert [f"0x{it.transaction_hash.hex()}" for it in heard if isinstance(it, MinedNews)] == names
    node.result("anvil_setLoggingEnabled", False)
    send(node, to=OTHER, value="0x1", gas="0x5208")
    node.result("evm_mine")
    assert len(heard) == 2
    node.dex.cheats.deal_on_spot("USDC", OTHER, 5)  # nobody's transaction
    assert len(heard) == 2


def test_another_chain_is_followed(fresh_node: Served, heard: list[News]) -> None:
    fresh_node.result("anvil_reset")
    send(fresh_node, to=OTHER, value="0x1")
    assert len(heard) == 1


def test_a_printer_keeps_nobody_waiting() -> None:
    """Not even where the pipe is full, and says how much it left out."""
    reading, writing = os.pipe()
    printer = NewsPrinter(writing)
    for number in range(20_000):
        printer.tell(CallNews("eth_call", f"number {number}"))
    assert os.read(reading, 100).startswith(b"eth_call failed: number 0\n\n")
    os.close(reading)
    printer.close()
    os.close(writing)


def test_a_printer_prints_what_waits_at_the_end() -> None:
    reading, writing = os.pipe()
    printer = NewsPrinter(writing)
    printer.tell(CallNews("eth_call", "first"))
    printer.tell(CallNews("eth_call", console=("a\nb",)))
    printer.close()
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() == "eth_call failed: first\n\na\nb\n"
