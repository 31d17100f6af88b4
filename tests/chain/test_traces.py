"""Traces: mined transactions again, step by step and call by call, without a trace left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evm_dex
from evm_dex.blocks.addresses import to_address
from evm_dex.chain.traces import trace_call, trace_transaction
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.errors import TraceTooLong
from evm_dex.evm.calls import Call
from evm_dex.evm.tracer import Tracer
from precompiles.errors import InsufficientBalance
from precompiles.types import SPOT_ADDRESS

WETH, USDC = 10**18, 10**6


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open(automine=True) as opened:
        yield opened


@pytest.fixture
def trader(dex: Dex) -> Contract:
    contract, weth = dex.deploy("Trader"), dex.tokens["WETH"]
    weth.send("mint", contract, 100 * WETH)
    contract.send("deposit", weth, 100 * WETH)
    return contract


def test_a_transaction_runs_again_as_it_ran(dex: Dex, trader: Contract) -> None:
    """Gas to the unit, calls in order, logs where they were emitted; the chain as it was."""
    receipt = trader.send("placeLimit", dex.tokens["WETH"], WETH, 3_000 * USDC, False)
    dex.spot.send("placeOrder", dex.tokens["WETH"], WETH, 3_000 * USDC, True)
    commitment = dex.chain.ledger.commitment
    depth = dex.spot.call("getDepth", dex.tokens["WETH"], 5)
    tracer = Tracer(most_steps=10_000)
    trace = trace_transaction(dex.chain, receipt.transaction_hash, tracer)
    assert trace.gas_used == receipt.gas_used
    (call,) = trace.frame.calls
    assert (call.kind, call.to, call.error, len(call.logs)) == ("CALL", SPOT_ADDRESS, "", 1)
    assert int.from_bytes(call.output, "big") == 1
    assert tracer.steps[0].opcode == "PUSH1"
    assert tracer.steps[-1].opcode in ("RETURN", "STOP")
    assert all(step.depth == 1 for step in tracer.steps)
    outer = sum(step.gas_cost for step in tracer.steps)
    came_back = call.gas - call.gas_used
    assert outer - came_back == trace.frame.gas_used
    assert dex.chain.ledger.commitment == commitment
    assert dex.spot.call("getDepth", dex.tokens["WETH"], 5) == depth
    assert dex.self_check() == []


def test_what_came_before_in_the_block_is_there_again() -> None:
    """The second of a block's transactions meets what the first left."""
    with evm_dex.open(automine=False) as dex:
        weth = dex.tokens["WETH"]
        first = dex.spot.submit("placeOrder", weth, WETH, 3_000 * USDC, False)
        second = dex.spot.submit(
            "placeOrder", weth, WETH, 3_000 * USDC, True, sender=dex.accounts[1], gas=400_000
        )
        dex.mine()
        for transaction_hash, logs in ((first, 1), (second, 2)):
            trace = trace_transaction(dex.chain, transaction_hash, Tracer())
            assert len(trace.frame.logs) == logs
            assert trace.gas_used == dex.receipt(transaction_hash).gas_used


def test_a_failed_call_is_a_trace_that_says_why(dex: Dex, trader: Contract) -> None:
    """Down to the call that failed; nothing is raised and nothing stays."""
    data = trader.encode("placeLimit", dex.tokens["WETH"], 10**30, 3_000 * USDC, False)
    call = Call(sender=to_address(dex.accounts[0]), to=trader.raw_address, data=data)
    trace = trace_call(dex.chain, call, "latest", Tracer())
    assert trace.frame.error == "execution reverted"
    (inner,) = trace.frame.calls
    assert inner.error == "execution reverted"
    assert inner.output[:4] == InsufficientBalance.signature.selector
    assert inner.logs == ()


def test_a_trace_that_grows_too_long_ends(dex: Dex, trader: Contract) -> None:
    receipt = trader.send("placeLimit", dex.tokens["WETH"], WETH, 3_000 * USDC, False)
    with pytest.raises(TraceTooLong, match="more than 20 steps"):
        trace_transaction(dex.chain, receipt.transaction_hash, Tracer(most_steps=20))
    assert dex.self_check() == []


def test_memory_and_stack_are_kept_when_asked_for(dex: Dex, trader: Contract) -> None:
    receipt = trader.send("placeLimit", dex.tokens["WETH"], WETH, 3_000 * USDC, False)
    bare = Tracer(most_steps=10_000, keep_stack=False)
    full = Tracer(most_steps=10_000, keep_memory=True)
    for tracer in (bare, full):
        trace_transaction(dex.chain, receipt.transaction_hash, tracer)
    assert not any(step.stack or step.memory for step in bare.steps)
    assert any(step.stack for step in full.steps)
    assert any(step.memory for step in full.steps)
    assert [step.opcode for step in bare.steps] == [step.opcode for step in full.steps]
