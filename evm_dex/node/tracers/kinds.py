"""Parts that all tracers share: their watch over an execution, and reading of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from evm_dex.chain.block_store import IncludedTransaction
from evm_dex.chain.traces import Trace
from evm_dex.evm.prestate import Prestate
from evm_dex.evm.tracer import Tracer
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json

_GO_KINDS = ((bool, "bool"), (str, "string"), (int, "number"), (float, "number"), (list, "array"))


class Location(msgspec.Struct, frozen=True):
    """The place of a mined transaction."""

    block_hash: bytes
    block_number: int
    transaction_hash: bytes
    index: int


def place_of(included: IncludedTransaction) -> Location:
    """Return where a transaction is."""
    header = included.header
    name = included.transaction.hash
    return Location(header.hash, header.block_number, name, included.index)


class Watch(msgspec.Struct, frozen=True):
    """A tracer that watches an execution, and the prestate that it notes, if any."""

    tracer: Tracer
    prestate: Prestate | None = None


class Traced(msgspec.Struct, frozen=True):
    """An execution as it was seen."""

    trace: Trace
    watch: Watch
    place: Location | None = None
    """None for a call, which is nowhere."""


class NamedTracer(Protocol):
    """One tracer with its options."""

    @property
    def needs_prestate(self) -> bool:
        """True for one that tells of accounts as they were before."""

    def write(self, node: Node, traced: Traced) -> Json:
        """Return the result in its JSON form."""


def read_flags(config: Any, struct: str, names: tuple[str, ...]) -> dict[str, bool]:
    """Read a tracer's options that are true or false; others are ignored, as there.

    `struct` is what go-ethereum calls them, for its words. Raises RpcError.
    """
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise failed(f"json: cannot unmarshal {go_kind(config)} into Go value of type {struct}")
    given = {name: config[name] for name in names if config.get(name) is not None}
    for name, value in given.items():
        if not isinstance(value, bool):
            raise failed(
                f"json: cannot unmarshal {go_kind(value)} into Go struct field {struct}.{name} "
                "of type bool"
            )
    return given


def go_kind(value: Any) -> str:
    """Return the kind of a JSON value as Go names it."""
    return next((name for kind, name in _GO_KINDS if isinstance(value, kind)), "object")
