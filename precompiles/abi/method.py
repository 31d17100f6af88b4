"""Methods, declared once: signature, gas, and the Python function behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from precompiles.abi.codec import Layout
from precompiles.abi.signature import Signature, parse

_ATTRIBUTE = "__abi_method__"
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Method:
    """Declaration of a method: what a call needs before it runs."""

    signature: Signature
    gas: int
    """Charged before the call is decoded; the function may charge more."""
    inputs: Layout
    outputs: Layout
    attribute: str
    """Name of the Python function."""


def method(declaration: str, *, gas: int) -> Callable[[FunctionT], FunctionT]:
    """Declare the decorated function as the method of that Solidity signature.

    It is called with the execution and the decoded inputs, and returns the output, or a tuple
    of outputs where there are several.
    """

    def decorate(function: FunctionT) -> FunctionT:
        signature = parse(declaration)
        setattr(
            function,
            _ATTRIBUTE,
            Method(
                signature,
                gas,
                Layout([parameter.type for parameter in signature.inputs]),
                Layout([parameter.type for parameter in signature.outputs]),
                function.__name__,
            ),
        )
        return function

    return decorate


def declared_methods(cls: type) -> dict[bytes, Method]:
    """Return all methods of a class and its bases, by selector."""
    methods: dict[bytes, Method] = {}
    for base in cls.__mro__:
        for attribute in vars(base).values():
            declared = getattr(attribute, _ATTRIBUTE, None)
            if declared is not None:
                assert declared.signature.selector not in methods
                methods[declared.signature.selector] = declared
    return methods
