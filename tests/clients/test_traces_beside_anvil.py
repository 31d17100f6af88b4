"""Random transactions on our node and on anvil: what their tracers tell is the same.

Where anvil itself differs from go-ethereum, which is the reference, it is put right first; each
such place is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from tests.clients.anvil import Rpc, anvil
from tests.evm.differential.programs import LIBRARY, Grammar
from tests.evm.differential.world import AUTHORITIES, SENDERS, Transactions, World, make_world
from tests.node.served import Served, served

TRANSACTIONS = 200
PRECOMPILED = [f"0x{number:040x}" for number in range(1, 18)]
COINBASE = "0x" + "cb" * 20
FEE = 10**9
BEGINNING = 2_000_000_000
TRACERS: dict[str, dict[str, Any]] = {
    "call": {"tracer": "callTracer", "tracerConfig": {"withLog": True}},
    "top call": {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}},
    "prestate": {"tracer": "prestateTracer"},
    "bare prestate": {
        "tracer": "prestateTracer",
        "tracerConfig": {"disableCode": True, "disableStorage": True},
    },
    "difference": {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}},
    "selectors": {"tracer": "4byteTracer"},
    "nothing": {"tracer": "noopTracer"},
    "steps": {"enableMemory": True, "enableReturnData": True},
}


class SameEverywhere(Grammar):
    """Programs that do not ask for what the two nodes have otherwise."""

    def value(self) -> str:
        own = ("PREVRANDAO", "BLOCKHASH", "GASLIMIT", "TIMESTAMP")
        return next(it for it in iter(super().value, None) if not any(name in it for name in own))


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, Rpc, World]]:
    monkeypatch.setattr("tests.evm.differential.world.Grammar", SameEverywhere)
    world = make_world(Random(7))
    with anvil() as theirs, served() as ours:
        for node in (ours, theirs):
            fill(node, world)
        behind = int(ours.result("eth_blockNumber"), 16) - int(theirs.result("eth_blockNumber"), 16)
        theirs.result("anvil_mine", hex(behind))
        yield ours, theirs, world


def fill(node: Served | Rpc, world: World) -> None:
    """The same accounts on a node."""
    node.result("anvil_setCoinbase", COINBASE)
    node.result("evm_setAutomine", False)
    node.result("anvil_setCode", f"0x{LIBRARY.hex()}", f"0x{world.library.hex()}")
    for address, code in world.codes.items():
        name = f"0x{address.hex()}"
        node.result("anvil_setCode", name, f"0x{code.hex()}")
        node.result("anvil_setNonce", name, "0x1")
        node.result("anvil_setBalance", name, "0x5")
        for slot, word in world.storage[address].items():
            node.result("anvil_setStorageAt", name, f"{slot:#066x}", f"{word:#066x}")
    for account in (*SENDERS, *AUTHORITIES):
        node.result("anvil_setBalance", f"0x{account.address.hex()}", hex(10**22))


@pytest.mark.slow
def test_random_transactions(both: tuple[Served, Rpc, World]) -> None:
    ours, theirs, world = both
    transactions = Transactions(Random(8), world)
    chain: Any = ours.dex.chain
    sent, kinds = 0, set[str]()
    for height in range(4 * TRANSACTIONS):
        for node in (ours, theirs):
            node.result("anvil_setNextBlockBaseFeePerGas", hex(FEE))
            node.result("evm_setNextBlockTimestamp", hex(BEGINNING + height))
        transaction = transactions.next(chain.state, FEE)
        is_next = transaction.nonce == chain.state.get_nonce(transaction.sender)
        if transaction.type_id == 3 or not is_next:
            continue  # anvil wants the blobs with it
        raw = f"0x{transaction.raw.hex()}"
        told = [node.ask("eth_sendRawTransaction", raw) for node in (ours, theirs)]
        assert len({"error" in it for it in told}) == 1, told
        if "error" in told[0]:
            continue
        for node in (ours, theirs):
            node.result("evm_mine")
        name = told[0]["result"]
        receipts = [node.result("eth_getTransactionReceipt", name) for node in (ours, theirs)]
        assert len({receipt and receipt["gasUsed"] for receipt in receipts}) == 1
        kinds |= compare(ours, theirs, name)
        sent += 1
        if sent == TRANSACTIONS:
            break
    assert sent == TRANSACTIONS
    assert kinds >= {"CALL", "DELEGATECALL", "STATICCALL", "CALLCODE", "CREATE2", "SELFDESTRUCT"}


def compare(ours: Served, theirs: Rpc, name: str) -> set[str]:
    """Hold everything told of a transaction against anvil's; the kinds of calls in it."""
    calls = list(frames(ours.result("debug_traceTransaction", name, TRACERS["call"])))
    ran_short = any("gas" in it.get("error", "") for it in calls)
    has_precompiled = any(it.get("to") in PRECOMPILED for it in calls)
    for kind, options in TRACERS.items():
        if "prestate" in kind and ran_short:
            continue  # an opcode that can't pay has looked at a place in one, not in the other
        mine, other = (
            node.result("debug_traceTransaction", name, options) for node in (ours, theirs)
        )
        if kind == "selectors" and has_precompiled:
            continue  # which go-ethereum leaves out, and anvil counts
        if kind == "steps":
            put_steps_right(mine["structLogs"], other["structLogs"])
            for step, beside in zip(mine["structLogs"], other["structLogs"], strict=True):
                assert step == beside, (name, kind)
        put_right = PUT_RIGHT.get(kind, dict)
        assert put_right(mine) == put_right(other), (name, kind)
    if not has_precompiled:
        mine, other = (node.result("trace_transaction", name) for node in (ours, theirs))
        assert [flat(it) for it in mine] == [flat(it) for it in other], name
    return {it["type"] for it in calls}


def frames(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield frame
    for call in frame.get("calls", ()):
        yield from frames(call)


def whole(frame: dict[str, Any]) -> dict[str, Any]:
    """Without the outermost gas, which anvil has less by what is paid before execution, and the
    outermost logs, which it tells of a transaction that failed too.
    """
    kept = {name: item for name, item in frame.items() if name != "gas"}
    if "error" in frame:
        kept.pop("logs", None)
    return call(kept)


def call(frame: dict[str, Any]) -> dict[str, Any]:
    """With anvil's own words for errors, and its empty heirs of contracts that are their own."""
    is_own = frame["type"] == "SELFDESTRUCT" and frame.get("to") in (None, frame["from"])
    if is_own:
        return {"type": frame["type"]}
    kept = {**frame, "calls": [call(it) for it in frame.get("calls", ())]}
    if "error" in frame:
        kept["error"] = frame["error"] == "execution reverted"
    return kept


def flat(told: dict[str, Any]) -> dict[str, Any]:
    """Likewise; the hash is another block's."""
    kept = {name: item for name, item in told.items() if name != "blockHash"}
    action = told["action"]
    if told["type"] == "suicide" and (
        action["refundAddress"] in (f"0x{0:040x}", action["address"])
    ):
        del kept["action"]
    if "error" in told:
        kept["error"] = told["error"] == "Reverted"
    return kept


def existing(accounts: dict[str, Any]) -> dict[str, Any]:
    """Without the empty accounts that anvil tells of."""
    parts = ("nonce", "code")
    return {
        name: account
        for name, account in accounts.items()
        if account.get("balance") != "0x0" or any(part in account for part in parts)
    }


def difference(told: dict[str, Any]) -> dict[str, Any]:
    return {"pre": existing(told["pre"]), "post": told["post"]}


def put_steps_right(mine: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """Take out what anvil writes where there is nothing, and what steps cost that fail or create:
    in anvil that is all the gas there was, or what the creation was given. It counts refunds call
    by call, and shows of a word that is warm what was stored last, be it in vain.
    """
    for step, beside in zip(mine, other, strict=True):
        if "error" in beside or step["op"] in ("CREATE", "CREATE2"):
            for name in ("gasCost", "error", "storage"):
                step.pop(name, None)
                beside.pop(name, None)
            if beside["op"] == "Unknown":
                beside["op"] = "INVALID"
    for step in (*mine, *other):
        if "storage" in step:
            slot = f"{int(step['stack'][-1], 16):#066x}"
            step["storage"] = step["storage"][slot] if step["op"] == "SSTORE" else "a word"
        step.pop("refund", None)
        for name, nothing in (("returnData", "0x"), ("memory", [])):
            if step.get(name) == nothing:
                del step[name]


PUT_RIGHT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "call": whole,
    "top call": whole,
    "prestate": existing,
    "bare prestate": existing,
    "difference": difference,
}
