"""4byteTracer: how often each function was called, with how much behind its selector."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from evm_dex.evm.tracer import Frame
from evm_dex.node.node import Node
from evm_dex.node.rpc_json import Json
from evm_dex.node.tracers.kinds import Traced

_SELECTOR_BYTES = 4
_CALLS = ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")


class FourByteTracer(msgspec.Struct, frozen=True):
    """Counts selectors, but for those given to creations and Ethereum's precompiles."""

    needs_prestate: bool = False

    @classmethod
    def read(cls, config: Any) -> FourByteTracer:  # noqa: ARG003 - it has no options
        """Return it."""
        return cls()

    def write(self, node: Node, traced: Traced) -> Json:
        """Return counts by `selector-size`."""
        functions = node.chain.call_runner.machine.ethereum_precompiles
        counts: Counter[str] = Counter()
        waiting: list[Frame] = [traced.trace.frame]
        while waiting:
            frame = waiting.pop()
            waiting.extend(frame.calls)
            is_counted = frame.kind in _CALLS and frame.to not in functions
            if is_counted and len(frame.input) >= _SELECTOR_BYTES:
                selector = frame.input[:_SELECTOR_BYTES].hex()
                counts[f"0x{selector}-{len(frame.input) - _SELECTOR_BYTES}"] += 1
        return dict(sorted(counts.items()))
