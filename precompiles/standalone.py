"""Calling a precompile with no EVM at all: a context, calldata in, bytes out."""

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
    """A world in which every call to a contract fails and every payment succeeds."""
    del to
    return value > 0 and not calldata, b""


@dataclass(slots=True)
class StandaloneContext:
    """A call context kept in plain fields; `logs` and `gas` tell afterwards what happened."""

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
        """Take gas; raises OutOfGas."""
        if gas > self.gas:
            raise OutOfGas
        self.gas -= gas

    def gas_remaining(self) -> int:
        """Gas left."""
        return self.gas

    def lose(self, reason: str) -> NoReturn:
        """Lose all gas."""
        self.gas = 0
        raise OutOfGas(reason)

    def emit(self, topics: tuple[int, ...], data: bytes) -> None:
        """Keep a log."""
        self.logs.append((topics, data))

    def call(self, to: Address, value: int, calldata: bytes) -> tuple[bool, bytes]:
        """Ask `contracts`."""
        return self.contracts(to, value, calldata)

    def has_code(self, address: Address) -> bool:
        """Without an EVM, whoever answers calls counts as a contract."""
        del address
        return self.contracts is not no_contracts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to."""

    success: bool
    output: bytes
    """Encoded outputs, or the encoded custom error; empty when gas ran out."""
    logs: tuple[tuple[tuple[int, ...], bytes], ...]


def call(precompile: Precompile, context: StandaloneContext, calldata: bytes) -> Outcome:
    """Run one call; when it fails, everything it did to the ledger is taken back."""
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
