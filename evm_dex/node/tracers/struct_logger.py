"""The tracer without a name: every step of an execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from evm_dex.evm.tracer import TracedStep, Tracer
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data
from evm_dex.node.tracers.kinds import Traced, go_kind, read_flags

MOST_STEPS = 200_000
_WORD = 32
_STORAGE_WORDS = {"SLOAD": 1, "SSTORE": 2}
"""Words on the stack that opcodes take which show storage."""
_FLAGS = ("disableStack", "enableMemory", "disableStorage", "enableReturnData")
_encode = msgspec.json.Encoder().encode


class StructLogger(msgspec.Struct, frozen=True):
    """Writes steps, with what of the machine is asked for."""

    with_stack: bool = True
    with_memory: bool = False
    with_storage: bool = True
    with_return_data: bool = False
    limit: int = 0
    """Most steps that are shown; 0 for all."""
    needs_prestate: bool = False

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> StructLogger:
        """Read its options, which are not apart from others. Raises RpcError."""
        flags = read_flags(config, "TraceConfig", _FLAGS)
        no_stack, memory, no_storage, return_data = (flags.get(name, False) for name in _FLAGS)
        limit = config.get("limit") or 0
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise invalid_params(
                f"json: cannot unmarshal {go_kind(limit)} into Go struct field TraceConfig.limit "
                "of type int"
            )
        return cls(not no_stack, memory, not no_storage, return_data, limit)

    def tracer(self, before: Sequence[Tracer] = ()) -> Tracer:
        """Return a tracer that keeps what is asked for, within what those before it leave."""
        return Tracer(
            most_steps=MOST_STEPS,
            limit=self.limit,
            before=before,
            keep_stack=self.with_stack or self.with_storage,  # slots that are used are there
            keep_memory=self.with_memory,
            keep_return_data=self.with_return_data,
        )

    def write(self, node: Node, traced: Traced) -> Json:  # noqa: ARG002 - as all tracers
        """Return the steps and what came of them."""
        storage: dict[bytes, dict[str, str]] = {}
        frame = traced.trace.frame
        return {
            "gas": traced.trace.gas_used,
            "failed": bool(frame.error),
            "returnValue": data(frame.output),
            "structLogs": _listed(self._step(it, storage) for it in traced.watch.tracer.steps),
        }

    def _step(self, step: TracedStep, storage: dict[bytes, dict[str, str]]) -> Json:
        written: Json = {
            "pc": step.program_counter,
            "op": step.opcode,
            "gas": step.gas,
            "gasCost": step.gas_cost,
            "depth": step.depth,
        }
        if step.error:
            written["error"] = step.error
        if self.with_stack:
            written["stack"] = [hex(word) for word in step.stack]
        if self.with_memory and step.memory:
            words = range(0, len(step.memory), _WORD)
            written["memory"] = [data(step.memory[at : at + _WORD]) for at in words]
        if self.with_return_data and step.return_data:
            written["returnData"] = data(step.return_data)
        if self.with_storage and 0 < _STORAGE_WORDS.get(step.opcode, 0) <= len(step.stack):
            slots = storage.setdefault(step.address, {})
            word = step.loaded if step.opcode == "SLOAD" else step.stack[-2]
            slots[f"{step.stack[-1]:#066x}"] = f"{word:#066x}"
            written["storage"] = dict(slots)
        if step.refund:
            written["refund"] = step.refund
        return written


def _listed(items: Iterable[Json]) -> msgspec.Raw:
    """Write a JSON array as its items come: as objects they take several times as much."""
    written = bytearray(b"[")
    for item in items:
        written += _encode(item) + b","
    if len(written) > 1:
        del written[-1]
    return msgspec.Raw(bytes(written + b"]"))
