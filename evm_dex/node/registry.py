"""Methods, declared once: a name, typed parameters, a result.

    @rpc("eth_getBalance")
    def get_balance(node: Node, address: HexAddress, block: Block = "latest") -> Quantity:
        "Wei of an account after a block."
        return node.state(block).get_balance(address)

Every parameter after `node` is annotated with a type of `rpc_types`; one with a default may be left
out or be null. `cheat=True` marks what only a test chain has: it is off where the node runs
without cheats. A parameter named `subscriptions` is no part of the call: those of the WebSocket
connection that the call came over. A file of methods in `methods/` needs nothing else to be found.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_types import ParamType, unchanged

_Function = TypeVar("_Function", bound=Callable[..., Any])
_PARTS = ("node", "subscriptions")
_declared: dict[str, tuple[Callable[..., Any], bool]] = {}


class RpcParameter(msgspec.Struct, frozen=True):
    """One parameter, by position."""

    name: str
    kind: ParamType
    required: bool
    default: Any = None


class RpcMethod:
    """One method as callers see it. What its function's hints say is read when it is asked for."""

    def __init__(self, name: str, function: Callable[..., Any], *, is_cheat: bool) -> None:
        """`is_cheat` marks what only a test chain has."""
        self.name = name
        self.function = function
        self.is_cheat = is_cheat

    @property
    def summary(self) -> str:
        """The function's docstring."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @cached_property
    def parameters(self) -> tuple[RpcParameter, ...]:
        """Its parameters, by position."""
        return tuple(
            RpcParameter(
                name=_camel(parameter.name),
                kind=_kind(self._hints[parameter.name], f"{self.name}: {parameter.name}"),
                required=parameter.default is parameter.empty,
                default=None if parameter.default is parameter.empty else parameter.default,
            )
            for parameter in self._signature.parameters.values()
            if parameter.name not in _PARTS
        )

    @cached_property
    def result(self) -> ParamType:
        """The kind of what it gives."""
        return _kind(self._hints["return"], f"{self.name}: its result")

    @cached_property
    def over_sockets(self) -> bool:
        """Whether it needs a connection's subscriptions, and so is there on WebSockets alone."""
        return "subscriptions" in self._signature.parameters

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def arguments(self, params: Any) -> list[Any]:
        """Check and read the parameters of a request. Raises RpcError (-32602)."""
        given = self._in_order(params)
        if len(given) > len(self.parameters):
            raise invalid_params(
                f"{self.name} takes at most {len(self.parameters)} parameters, got {len(given)}"
                f" ({self.usage})"
            )
        return [self._read(at, given) for at in range(len(self.parameters))]

    @property
    def usage(self) -> str:
        """Names of its parameters; those in brackets may be left out."""
        names = (item.name if item.required else f"[{item.name}]" for item in self.parameters)
        return f"{self.name}({', '.join(names)})"

    def _in_order(self, params: Any) -> list[Any]:
        if params is None:
            return []
        if isinstance(params, list):
            return params
        known = [parameter.name for parameter in self.parameters]
        unknown = [name for name in params if name not in known]
        if unknown:
            raise invalid_params(f"{self.name} has no parameter {unknown[0]!r} ({self.usage})")
        return [params.get(name) for name in known]

    def _read(self, at: int, given: list[Any]) -> Any:
        parameter = self.parameters[at]
        value = given[at] if at < len(given) else None
        if value is None and not parameter.required:
            return parameter.default
        try:
            return parameter.kind.read(value)
        except (ValueError, TypeError, KeyError, AttributeError):
            found = "nothing" if at >= len(given) else _shown(value)
            raise invalid_params(
                f"{self.name}: parameter {at} ({parameter.name}) must be "
                f"{parameter.kind.expected}, got {found}"
            ) from None


def rpc(*names: str, cheat: bool = False) -> Callable[[_Function], _Function]:
    """Declare a function as a method, under one name or several."""

    def declare(function: _Function) -> _Function:
        for name in names:
            assert name not in _declared, f"{name} is declared twice"
            _declared[name] = (function, cheat)
        return function

    return declare


@cache
def all_methods() -> dict[str, RpcMethod]:
    """Return every method of every file in `methods/`, by name, in alphabetical order."""
    from evm_dex.node import methods  # noqa: PLC0415 - its modules import this one

    for module in iter_modules(methods.__path__):
        import_module(f"{methods.__name__}.{module.name}")
    return {
        name: RpcMethod(name, function, is_cheat=is_cheat)
        for name, (function, is_cheat) in sorted(_declared.items())
    }


def _kind(hint: Any, where: str) -> ParamType:
    if isinstance(hint, type(None)) or hint is type(None):
        return ParamType("Null", "null", {"type": "null"}, unchanged)
    for part in (hint, *get_args(hint)):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, ParamType):
                return extra
    raise AssertionError(f"{where} is not annotated with a kind")


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def document(methods: Mapping[str, RpcMethod]) -> dict[str, Any]:
    """Describe every method's parameters and result."""
    return {
        "openrpc": "1.3.2",
        "info": {
            "title": "evm-dex node",
            "description": "An Ethereum test chain with exchanges as precompiles.",
            "version": version("evm-dex"),
            "license": {"name": "MIT"},
        },
        "methods": [_described(method) for method in methods.values()],
    }


def _described(method: RpcMethod) -> dict[str, Any]:
    summary, _, description = method.summary.partition("\n\n")
    found: dict[str, Any] = {
        "name": method.name,
        "summary": " ".join(summary.split()),
        "params": [_parameter(parameter) for parameter in method.parameters],
        "result": {"name": method.result.name, "schema": method.result.schema},
        "paramStructure": "either",
    }
    if description:
        found["description"] = description
    tags = [name for name, has in (("cheat", method.is_cheat), ("ws", method.over_sockets)) if has]
    if tags:
        found["tags"] = [{"name": tag} for tag in tags]
    return found


def _parameter(parameter: RpcParameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "required": parameter.required,
        "description": parameter.kind.expected,
        "schema": parameter.kind.schema,
    }
