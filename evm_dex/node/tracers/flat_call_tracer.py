"""flatCallTracer: the calls of an execution one after another, as `trace_…` tells them.

Shapes and words are OpenEthereum's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from evm_dex.evm.tracer import Frame
from evm_dex.node.node import Node
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data, quantity
from evm_dex.node.tracers.call_tracer import CREATIONS, REVERTED
from evm_dex.node.tracers.kinds import Location, Traced, read_flags

_PARITY_ERRORS = {
    REVERTED: "Reverted",
    "contract creation code storage out of gas": "Out of gas",
    "max code size exceeded": "Out of gas",
    "invalid jump destination": "Bad jump destination",
    "return data out of bounds": "Out of bounds",
    "stack limit reached 1024 (1023)": "Out of stack",
    "write protection": "Mutable Call In Static Context",
    "precompiled failed": "Built-in failed",
}
_PARITY_BEGINNINGS = (
    ("out of gas", "Out of gas"),
    ("invalid opcode:", "Bad instruction"),
    ("stack underflow", "Stack underflow"),
)


class FlatCallTracer(msgspec.Struct, frozen=True):
    """Writes a list of calls, each with its place in the tree."""

    converts_errors: bool = False
    with_precompiles: bool = False
    needs_prestate: bool = False

    @classmethod
    def read(cls, config: Any) -> FlatCallTracer:
        """Read its options. Raises RpcError."""
        names = "convertParityErrors", "includePrecompiles"
        flags = read_flags(config, "flatCallTracerConfig", names)
        return cls(*(flags.get(name, False) for name in names))

    def write(self, node: Node, traced: Traced) -> Any:
        """Return all calls; the gas of the outermost is the transaction's."""
        keeps = _keeps_all if self.with_precompiles else _without_precompiles(node)
        located = {} if traced.place is None else _located(traced.place)
        calls = flat_calls(traced.trace.whole, keeps, converts_errors=self.converts_errors)
        return [{**call, **located} for call in calls]


def parity_calls(node: Node, traced: Traced) -> list[Json]:
    """Return the calls of an execution as `trace_…` has them; gas is that of execution alone.

    Of those of Ethereum's precompiles only such that move wei.
    """
    is_other = _without_precompiles(node)
    located = {} if traced.place is None else _located(traced.place)

    def keeps(frame: Frame) -> bool:
        return frame.value > 0 or is_other(frame)

    calls = flat_calls(traced.trace.frame, keeps, converts_errors=True)
    return [{"result": None, **call, **located} for call in calls]


def flat_calls(
    frame: Frame,
    keeps: Callable[[Frame], bool],
    address: tuple[int, ...] = (),
    *,
    converts_errors: bool,
) -> Iterator[Json]:
    """Yield a call and those inside it, depth first; `address` is its place in the tree."""
    calls = [call for call in frame.calls if keeps(call)]
    written: Json = {"action": _action(frame)}
    if frame.error:
        written["error"] = parity_error(frame.error) if converts_errors else frame.error
    if not frame.error or frame.error == REVERTED:
        written["result"] = _result(frame)
    written["subtraces"] = len(calls)
    written["traceAddress"] = list(address)
    written["type"] = _type(frame)
    yield written
    for place, call in enumerate(calls):
        yield from flat_calls(call, keeps, (*address, place), converts_errors=converts_errors)


def parity_error(error: str) -> str:
    """Return why a call failed in OpenEthereum's words."""
    named = next((told for start, told in _PARITY_BEGINNINGS if error.startswith(start)), error)
    return _PARITY_ERRORS.get(error, named)


def _located(place: Location) -> Json:
    return {
        "blockHash": data(place.block_hash),
        "blockNumber": place.block_number,
        "transactionHash": data(place.transaction_hash),
        "transactionPosition": place.index,
    }


def _type(frame: Frame) -> str:
    if frame.kind == "SELFDESTRUCT":
        return "suicide"
    return "create" if frame.kind in CREATIONS else "call"


def _action(frame: Frame) -> Json:
    if frame.kind == "SELFDESTRUCT":
        return {
            "address": data(frame.sender),
            "balance": quantity(frame.value),
            "refundAddress": data(frame.to),
        }
    action: Json = {
        "from": data(frame.sender),
        "gas": quantity(frame.gas),
        "value": quantity(frame.value),
    }
    if frame.kind in CREATIONS:
        return {**action, "creationMethod": frame.kind.lower(), "init": data(frame.input)}
    call_type = frame.kind.lower()
    return {**action, "callType": call_type, "input": data(frame.input), "to": data(frame.to)}


def _result(frame: Frame) -> Json | None:
    if frame.kind == "SELFDESTRUCT":
        return None
    used = quantity(frame.gas_used)
    if frame.kind in CREATIONS:
        return {"address": data(frame.to), "code": data(frame.output), "gasUsed": used}
    return {"gasUsed": used, "output": data(frame.output)}


def _keeps_all(_: Frame) -> bool:
    return True


def _without_precompiles(node: Node) -> Callable[[Frame], bool]:
    """Leave out calls of Ethereum's precompiles, not those of exchanges."""
    functions = node.chain.call_runner.machine.ethereum_precompiles

    def keeps(frame: Frame) -> bool:
        return frame.kind not in ("CALL", "STATICCALL") or frame.to not in functions

    return keeps
