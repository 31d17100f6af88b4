"""The OpenRPC document (specification 1.3.2), made from the methods themselves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from evm_dex.node.registry import Method, Parameter


def document(methods: Mapping[str, Method]) -> dict[str, Any]:
    """What every method takes and gives."""
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


def _described(method: Method) -> dict[str, Any]:
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


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "required": parameter.required,
        "description": parameter.kind.expected,
        "schema": parameter.kind.schema,
    }
