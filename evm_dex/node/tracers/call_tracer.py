"""callTracer: the calls of an execution, each inside the one that made it."""

from __future__ import annotations

from typing import Any

import msgspec

from evm_dex.abi.abi_values import undecodable
from evm_dex.abi.contract_interface import decode_outputs
from evm_dex.evm.tracer import Frame, FrameLog
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import revert_reason
from evm_dex.node.rpc_json import Json, to_json
from evm_dex.node.rpc_types import data, quantity
from evm_dex.node.tracers.kinds import Traced, read_flags

CREATIONS = ("CREATE", "CREATE2")
REVERTED = "execution reverted"
_WITHOUT_VALUE = "STATICCALL"


class CallTracer(msgspec.Struct, frozen=True):
    """Writes a frame inside another."""

    only_top_call: bool = False
    with_log: bool = False
    needs_prestate: bool = False

    @classmethod
    def read(cls, config: Any) -> CallTracer:
        """Read its options. Raises RpcError."""
        flags = read_flags(config, "callTracerConfig", ("onlyTopCall", "withLog"))
        return cls(flags.get("onlyTopCall", False), flags.get("withLog", False))

    def write(self, node: Node, traced: Traced) -> Json:
        """Return the outermost call; its gas is the transaction's."""
        return self._frame(node, traced.trace.whole, has_logs=self.with_log)

    def _frame(self, node: Node, frame: Frame, *, has_logs: bool) -> Json:
        has_logs = has_logs and not frame.error
        written: Json = {
            "from": data(frame.sender),
            "gas": quantity(frame.gas),
            "gasUsed": quantity(frame.gas_used),
        }
        if not (frame.error and frame.kind in CREATIONS):
            written["to"] = data(frame.to)
        written["input"] = data(frame.input)
        if frame.output:
            written["output"] = data(frame.output)
        if frame.error:
            written["error"] = frame.error
            reason = node.contracts.reason(frame.output) or revert_reason(frame.output)
            if reason:
                written["revertReason"] = reason
        decoded = _decoded(node, frame)
        if decoded:
            written["decoded"] = decoded
        if frame.calls and not self.only_top_call:
            written["calls"] = [self._frame(node, call, has_logs=has_logs) for call in frame.calls]
        if frame.logs and has_logs:
            written["logs"] = [_log(log) for log in frame.logs]
        if frame.kind != _WITHOUT_VALUE:
            written["value"] = quantity(frame.value)
        written["type"] = frame.kind
        return written


def _log(log: FrameLog) -> Json:
    return {
        "address": data(log.address),
        "topics": [f"{topic:#066x}" for topic in log.topics],
        "data": data(log.data),
        "index": quantity(log.number),
        "position": quantity(log.position),
    }


def _decoded(node: Node, frame: Frame) -> Json | None:
    """Return a call by name; None for one of a contract or function that is not known."""
    found = node.contracts.call(b"" if frame.kind in CREATIONS else frame.to, frame.input)
    if found is None:
        return None
    decoded: Json = {
        "contract": found.contract,
        "function": found.function,
        "arguments": to_json(found.arguments),
    }
    if frame.error:
        decoded["error"] = node.contracts.reason(frame.output) or frame.error
    elif found.entry is not None:
        try:
            decoded["result"] = to_json(decode_outputs(found.entry, frame.output))
        except undecodable():
            pass  # another contract's function, under the same selector
    return decoded
