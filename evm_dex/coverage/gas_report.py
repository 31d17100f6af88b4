"""A gas report: what calls of functions and deployments cost, as transactions of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evm_dex.abi.contract_interface import Interface
from evm_dex.client.deployment import CREATE2_DEPLOYER
from evm_dex.evm.tracer import Frame
from evm_dex.sources.compiled import CompiledContract
from evm_dex.sources.known_code import KnownCode


class GasFigures(msgspec.Struct, frozen=True):
    """Gas of several executions. Mean and median are rounded down."""

    calls: int
    min: int
    median: int
    mean: int
    max: int


class ContractGas(msgspec.Struct):
    """Gas that was used for one contract: how often each amount was, by function."""

    functions: dict[str, dict[int, int]] = {}
    deployments: dict[int, int] = {}
    size: int = 0
    """Bytes of its code; of the largest where they differ."""

    def add(self, other: ContractGas) -> None:
        """Add what was used elsewhere."""
        for name, amounts in other.functions.items():
            _add(self.functions.setdefault(name, {}), amounts)
        _add(self.deployments, other.deployments)
        self.size = max(self.size, other.size)


def _add(mine: dict[int, int], amounts: Mapping[int, int]) -> None:
    for gas, count in amounts.items():
        mine[gas] = mine.get(gas, 0) + count


def figures(amounts: Mapping[int, int]) -> GasFigures:
    """Return the figures of some amounts, of which there must be one."""
    calls, ordered = sum(amounts.values()), sorted(amounts)
    total = sum(gas * count for gas, count in amounts.items())
    low, high = _nth(ordered, amounts, (calls - 1) // 2), _nth(ordered, amounts, calls // 2)
    return GasFigures(calls, ordered[0], (low + high) // 2, total // calls, ordered[-1])


def _nth(ordered: list[int], amounts: Mapping[int, int], place: int) -> int:
    for gas in ordered:
        place -= amounts[gas]
        if place < 0:
            return gas
    raise AssertionError("the place is below the number of amounts")


class GasReport(msgspec.Struct):
    """Gas by contract."""

    contracts: dict[str, ContractGas] = {}

    def add(self, other: GasReport) -> None:
        """Add another report."""
        for name, contract in other.contracts.items():
            self.contracts.setdefault(name, ContractGas()).add(contract)

    def to_builtins(self) -> Any:
        """Return it in types that can be sent to another process."""
        return msgspec.to_builtins(self, str_keys=True)

    @classmethod
    def from_builtins(cls, found: Any) -> GasReport:
        """Return what was sent."""
        return msgspec.convert(found, cls, strict=False)

    def snapshot(self) -> dict[str, Any]:
        """Return the figures of all contracts, sorted by name, to be written and compared."""
        return {
            name: {
                **({"deployment": _named(contract.deployments)} if contract.deployments else {}),
                **({"size": contract.size} if contract.size else {}),
                "functions": {
                    function: _named(amounts)
                    for function, amounts in sorted(contract.functions.items())
                },
            }
            for name, contract in sorted(self.contracts.items())
        }


def _named(amounts: Mapping[int, int]) -> dict[str, int]:
    found: dict[str, int] = msgspec.to_builtins(figures(amounts))
    return found


class GasRecorder:
    """Makes a gas report of executions, told contracts by their code.

    A transaction counts with all that it pays for, and a call as a transaction would; what they
    call inside is part of it. What a proxy hands on counts for the contract behind it.
    """

    def __init__(self, known: KnownCode) -> None:
        self.report = GasReport()
        self._known = known
        self._interfaces: dict[int, Interface] = {}

    def executed(self, frame: Frame, gas_used: int) -> None:
        """Take in an execution."""
        if frame.kind == "CREATE":
            self._created(frame, gas_used)
        else:
            called = self._called(frame)
            if called is not None:
                contract, function = called
                functions = self._of(contract).functions
                _add(functions.setdefault(function, {}), {gas_used: 1})
        for child in _creations(frame):
            is_all = frame.to == CREATE2_DEPLOYER
            self._created(child, gas_used if is_all else child.gas_used)

    def _of(self, contract: CompiledContract) -> ContractGas:
        return self.report.contracts.setdefault(contract.name, ContractGas())

    def _created(self, frame: Frame, gas_used: int) -> None:
        match = self._known.find(frame.code)
        if match is None or frame.error:
            return
        self._known.learn(frame.output, match.contract)
        contract = self._of(match.contract)
        _add(contract.deployments, {gas_used: 1})
        contract.size = max(contract.size, len(frame.output))

    def _called(self, frame: Frame) -> tuple[CompiledContract, str] | None:
        """Return the function that a call reached, by way of proxies; None where nobody knows."""
        match = self._known.find(frame.code)
        name = self._function(match.contract, frame.input) if match else ""
        if match is not None and name:
            return match.contract, name
        for child in frame.calls:
            if child.kind == "DELEGATECALL" and child.input == frame.input:
                behind = self._called(child)
                if behind is not None:
                    return behind
        if match is None:
            return None
        return match.contract, "fallback" if frame.input else "receive"

    def _function(self, contract: CompiledContract, data: bytes) -> str:
        interface = self._interfaces.get(id(contract))
        if interface is None:
            interface = self._interfaces[id(contract)] = Interface(contract.abi)
        return interface.function_name(data)


def _creations(frame: Frame) -> Iterator[Frame]:
    """Return the contracts that were made inside, at any depth, and are there."""
    for child in frame.calls if not frame.error else ():
        if child.kind.startswith("CREATE"):
            yield child
        yield from _creations(child)
