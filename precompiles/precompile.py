"""Steps of every call into a precompile: gas, call rules, decoding, execution, logs, encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from precompiles.abi.codec import Malformed
from precompiles.abi.method import Method, declared_methods
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


def check_limit(value: int, limit: int) -> None:
    """Bound what one call asks for. Raises LimitTooLarge."""
    if value > limit:
        raise LimitTooLarge(value, limit)


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
