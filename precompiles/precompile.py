"""Precompiles: methods declared once, and the steps of every call.

A call is charged, checked against the call rules, decoded, executed, logged, and encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from precompiles.abi.codec import Layout, Malformed
from precompiles.abi.signature import Signature, parse
from precompiles.context import CallContext
from precompiles.errors import (
    ActsThroughCoreWriter,
    DelegateCallNotAllowed,
    LimitTooLarge,
    MalformedCalldata,
    ReentrantCall,
    StaticCallNotAllowed,
    UnknownMethod,
    ValueNotAccepted,
)
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

UNKNOWN_METHOD_GAS = 1_000
MAX_DEPTH_LEVELS = 100
MAX_BATCH = 100
MAX_PAGE = 100

_ATTRIBUTE = "__abi_method__"
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def check_limit(value: int, limit: int) -> None:
    """Bound what one call asks for. Raises LimitTooLarge."""
    if value > limit:
        raise LimitTooLarge(value, limit)


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


class ReentrancyGuard:
    """Closed while a mutating method runs, for all precompiles on one ledger.

    A token that is called by `deposit` may look at the exchange, not change it.
    """

    __slots__ = ("is_closed",)

    def __init__(self) -> None:
        self.is_closed = False


class Precompile:
    """An address with native code behind it. Subclasses declare methods with `@method`."""

    address: ClassVar[Address]
    methods: ClassVar[dict[bytes, Method]]

    def __init_subclass__(cls) -> None:
        cls.methods = declared_methods(cls)

    def __init__(self, ledger: Ledger, guard: ReentrancyGuard) -> None:
        self.ledger = ledger
        self.guard = guard
        self._functions: dict[bytes, tuple[Method, Callable[..., Any]]] = {
            selector: (declared, getattr(self, declared.attribute))
            for selector, declared in self.methods.items()
        }

    def run(self, context: CallContext, calldata: bytes) -> bytes:
        """Execute one call and return its ABI-encoded outputs.

        Raises ContractError for the caller's mistakes and lets the context's out-of-gas through;
        then the caller of `run` reverts the journal to where it was before.
        """
        selector = calldata[:4]
        found = self._functions.get(selector)
        if found is None:
            context.charge(UNKNOWN_METHOD_GAS)
            raise UnknownMethod(selector.ljust(4, b"\0"))
        declared, function = found
        context.charge(declared.gas)
        self._check_rules(context, declared)
        try:
            inputs = declared.inputs.decode(calldata, base=4)
        except Malformed as error:
            raise MalformedCalldata(error.offset) from error
        execution = Execution.of_call(self.ledger, context)
        if declared.signature.is_view:
            outputs = function(execution, *inputs)
        else:
            self.guard.is_closed = True
            try:
                outputs = function(execution, *inputs)
                for event in execution.events:
                    context.emit(*event.encode())
            finally:
                self.guard.is_closed = False
        return declared.outputs.encode(outputs if isinstance(outputs, tuple) else (outputs,))

    def _check_rules(self, context: CallContext, declared: Method) -> None:
        """Refuse delegate calls, unwanted value, and changes in a static or reentrant call."""
        signature = declared.signature
        if context.is_delegate:
            raise DelegateCallNotAllowed
        if context.value and not signature.is_payable:
            raise ValueNotAccepted(context.value)
        if signature.is_view:
            return
        if self.ledger.core.settings is not None:
            raise ActsThroughCoreWriter(signature.selector)
        if context.is_static:
            raise StaticCallNotAllowed(signature.selector)
        if self.guard.is_closed:
            raise ReentrantCall
