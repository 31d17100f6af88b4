"""The options of `debug_trace…`: a tracer by name, and on what state and in what block it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from evm_dex.evm.block_override import BlockOverride
from evm_dex.evm.prestate import Prestate
from evm_dex.evm.tracer import Tracer
from evm_dex.node.node import Node
from evm_dex.node.overrides import Overrides, read_block_overrides, read_overrides
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import ParamType
from evm_dex.node.tracers.call_tracer import CallTracer
from evm_dex.node.tracers.flat_call_tracer import FlatCallTracer
from evm_dex.node.tracers.four_byte_tracer import FourByteTracer
from evm_dex.node.tracers.kinds import NamedTracer, Traced, Watch, go_kind
from evm_dex.node.tracers.prestate_tracer import PrestateTracer
from evm_dex.node.tracers.struct_logger import StructLogger


class NoopTracer(msgspec.Struct, frozen=True):
    """Tells nothing: for how long an execution takes."""

    needs_prestate: bool = False

    @classmethod
    def read(cls, config: Any) -> NoopTracer:  # noqa: ARG003 - it has no options
        """Return it."""
        return cls()

    def write(self, node: Node, traced: Traced) -> Json:  # noqa: ARG002 - as all tracers
        """Return an empty object."""
        return {}


class MuxTracer(msgspec.Struct, frozen=True):
    """Several tracers of one execution."""

    tracers: dict[str, NamedTracer]

    @property
    def needs_prestate(self) -> bool:
        """True if one of them does."""
        return any(tracer.needs_prestate for tracer in self.tracers.values())

    @classmethod
    def read(cls, config: Any) -> MuxTracer:
        """Read the options of each, by its name. Raises RpcError."""
        if config is not None and not isinstance(config, Mapping):
            kind = go_kind(config)
            raise failed(f"json: cannot unmarshal {kind} into Go value of type muxTracerConfig")
        return cls({name: named_tracer(name, given) for name, given in (config or {}).items()})

    def write(self, node: Node, traced: Traced) -> Json:
        """Return the result of each by its name."""
        return {name: tracer.write(node, traced) for name, tracer in self.tracers.items()}


_READERS: dict[str, Callable[[Any], NamedTracer]] = {
    "callTracer": CallTracer.read,
    "flatCallTracer": FlatCallTracer.read,
    "prestateTracer": PrestateTracer.read,
    "4byteTracer": FourByteTracer.read,
    "noopTracer": NoopTracer.read,
    "muxTracer": MuxTracer.read,
}
_STEPS = (None, "", "structLog")


def named_tracer(name: str, config: Any) -> NamedTracer:
    """Return a tracer by its name. Raises RpcError."""
    read = _READERS.get(name)
    if read is None:
        raise failed(
            f"tracer not found: {name[:80]!r}; known are {', '.join(_READERS)}; tracers in "
            "JavaScript are not run"
        )
    return read(config)


class Options(msgspec.Struct, frozen=True):
    """The contents that a trace is asked to have."""

    tracer: NamedTracer = StructLogger()
    state: Overrides | None = None
    block: BlockOverride | None = None

    def watch(self, before: Sequence[Watch] = ()) -> Watch:
        """Return what has to look on, within the bounds that those before it leave."""
        tracers = [watch.tracer for watch in before]
        if isinstance(self.tracer, StructLogger):
            return Watch(self.tracer.tracer(tracers))
        if not self.tracer.needs_prestate:
            return Watch(Tracer())
        others = [watch.prestate for watch in before[-1:] if watch.prestate is not None]
        prestate = Prestate(others)
        return Watch(Tracer(accesses=prestate), prestate)


def _read_options(value: Any) -> Options:
    if not isinstance(value, Mapping):
        raise ValueError
    name, config = value.get("tracer"), value.get("tracerConfig")
    if name not in _STEPS and not isinstance(name, str):
        raise ValueError
    state, block = value.get("stateOverrides"), value.get("blockOverrides")
    return Options(
        tracer=StructLogger.read(value) if name in _STEPS else named_tracer(name, config),
        state=None if state is None else read_overrides(state),
        block=None if block is None else read_block_overrides(block),
    )


TraceOptions = Annotated[
    Options,
    ParamType(
        "TraceOptions",
        f"an object: tracer ({', '.join(_READERS)}, or none for steps), tracerConfig, limit, "
        "disableStack, enableMemory, disableStorage, enableReturnData, stateOverrides, "
        "blockOverrides",
        {"type": "object"},
        _read_options,
    ),
]
