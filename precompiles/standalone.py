"""Call a precompile without an EVM: a context, calldata in, bytes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from precompiles.context import OutOfGas
from precompiles.errors import ContractError
from precompiles.precompile import Precompile
from precompiles.types import Address

TokenCall = Callable[[Address, int, bytes], tuple[bool, bytes]]


def no_contracts(to: Address, value: int, calldata: bytes) -> tuple[bool, bytes]:
    """Answer as a world without contracts: calls fail, payments succeed."""
    del to
    return value > 0 and not calldata, b""


@dataclass(slots=True)
class StandaloneContext:
    """A call context of plain fields; `logs` and `gas` show afterwards what happened."""

    caller: Address
    value: int = 0
    is_static: bool = False
    is_delegate: bool = False
    block_number: int = 0
    timestamp: int = 0
    gas: int = 30_000_000
    contracts: TokenCall = no_contracts
    logs: list[tuple[tuple[int, ...], bytes]] = field(default_factory=list)

    def charge(self, gas: int) -> None:
        """Take gas. Raises OutOfGas."""
        if gas > self.gas:
            raise OutOfGas
        self.gas -= gas

    def gas_remaining(self) -> int:
        """Return the gas left."""
        return self.gas

    def lose(self, reason: str) -> NoReturn:
        """Lose all gas."""
        self.gas = 0
        raise OutOfGas(reason)

    def emit(self, topics: tuple[int, ...], data: bytes) -> None:
        """Append a log."""
        self.logs.append((topics, data))

    def emit_at(self, address: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Append a log of another address."""
        del address
        self.emit(topics, data)

    def balance(self, address: Address) -> int:
        """Return 0: without an EVM there are no coins."""
        del address
        return 0

    def call(self, to: Address, value: int, calldata: bytes) -> tuple[bool, bytes]:
        """Ask `contracts`."""
        return self.contracts(to, value, calldata)

    def has_code(self, address: Address) -> bool:
        """Treat every address as a contract where `contracts` answers calls."""
        del address
        return self.contracts is not no_contracts


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a call."""

    success: bool
    output: bytes
    """Encoded outputs, or the encoded custom error; empty when gas ran out."""
    logs: tuple[tuple[tuple[int, ...], bytes], ...]


def call(precompile: Precompile, context: StandaloneContext, calldata: bytes) -> Outcome:
    """Run one call; a failed one leaves the ledger unchanged."""
    journal = precompile.ledger.journal
    mark = journal.mark()
    try:
        output = precompile.run(context, calldata)
    except ContractError as error:
        journal.revert(mark)
        return Outcome(success=False, output=error.encode(), logs=())
    except BaseException as error:
        journal.revert(mark)
        if isinstance(error, OutOfGas):
            return Outcome(success=False, output=b"", logs=())
        raise
    return Outcome(success=True, output=output, logs=tuple(context.logs))
