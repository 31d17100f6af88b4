"""Transactions and calls as trees of decoded calls, events and errors.

Trader.trade(asset=0x…, amount=5, isBuy=True)  [84,120 gas]
├─ ISpot.placeOrder(…)  [61,000 gas]
│  └─ reverted: InsufficientBalance(token=0x…, available=0, needed=3000000000)
└─ reverted: InsufficientBalance(token=0x…, available=0, needed=3000000000)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from evm_dex.abi.abi_values import undecodable, value_text
from evm_dex.abi.console_log import console_line
from evm_dex.abi.contract_interface import DecodedError, Interface, exchange_error
from evm_dex.blocks.addresses import checksum
from evm_dex.evm.console_calls import CONSOLE
from evm_dex.evm.tracer import Frame, FrameLog
from evm_dex.sources.failure_lines import failure_lines
from evm_dex.sources.known_code import KNOWN_CODE
from evm_dex.sources.source_file import SourceLine
from precompiles.types import Address

LONGEST_VALUE = 80
"""Characters of a value that are shown."""
MOST_LINES = 400
_PANICS = {
    0x01: "a failed assertion",
    0x11: "an arithmetic overflow or underflow",
    0x12: "a division by zero",
    0x21: "a number outside the range of an enum",
    0x22: "a storage byte array that is encoded wrongly",
    0x31: "pop() on an empty array",
    0x32: "an index out of bounds",
    0x41: "too much memory",
    0x51: "a call of an uninitialized internal function",
}
"""Codes of Panic(uint256). Source: Solidity documentation, "Panic via assert and Error"."""


class NamedContract(NamedTuple):
    """A contract whose interface is known."""

    name: str
    interface: Interface


class KnownContracts:
    """The contracts of a chain that somebody gave an interface of, by address."""

    def __init__(self) -> None:
        self._contracts: dict[Address, NamedContract] = {}

    def add(self, address: Address, name: str, interface: Interface) -> None:
        """Remember a contract; the interface given last counts."""
        if address.strip(b"\0"):
            self._contracts[address] = NamedContract(name, interface)

    def name(self, address: bytes) -> str:
        """Return a contract's name, or the address where none is known."""
        known = self._contracts.get(Address(address))
        return known.name if known else checksum(Address(address))

    def error(self, output: bytes, address: bytes = b"") -> DecodedError | None:
        """Return an error as the contract at an address, an exchange, or any other knows it."""
        own = self._contracts.get(Address(address))
        for known in (own, *self._contracts.values()) if own else self._contracts.values():
            found = known.interface.decode_error(output) if known else None
            if found is not None:
                return found
        return exchange_error(output)

    def tree(self, frame: Frame) -> str:
        """Return what happened in an execution, a line each, `MOST_LINES` at most."""
        lines: list[str] = []
        for line in self._frame(frame, "", ""):
            if len(lines) == MOST_LINES:
                lines.append("… and more")
                break
            lines.append(line)
        return "\n".join(lines)

    def _frame(self, frame: Frame, first: str, rest: str) -> Iterator[str]:
        if frame.to == CONSOLE and (line := console_line(frame.input)) is not None:
            start, *others = line.split("\n")
            yield f"{first}console.log: {start}"
            yield from (rest + other for other in others)
            return
        value = f" with {frame.value:,} wei" if frame.value else ""
        kind = "" if frame.kind == "CALL" else f"{frame.kind.lower()} "
        yield f"{first}{kind}{self._call(frame)}{value}  [{frame.gas_used:,} gas]"
        parts = self._parts(frame)
        if frame.error:
            lines = (f"at {line}" for line in lines_of(frame))
            parts.append("\n".join((self._failure(frame), *lines)))
        for place, part in enumerate(parts):
            is_last = place == len(parts) - 1
            branch, below = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            if isinstance(part, str):
                line, *others = part.split("\n")
                yield rest + branch + line
                yield from (rest + below + other for other in others)
            else:
                yield from self._frame(part, rest + branch, rest + below)

    def _of(self, frame: Frame) -> NamedContract | None:
        """Return the contract that a frame is of, by its address or by its code."""
        known = self._contracts.get(Address(frame.to))
        if known is None and (match := KNOWN_CODE.find(frame.code)) is not None:
            known = NamedContract(match.contract.name, Interface(match.contract.abi))
            self._contracts[Address(frame.to)] = known
        return known

    def _parts(self, frame: Frame) -> list[Frame | str]:
        """Return calls and events in the order in which they happened."""
        parts: list[Frame | str] = []
        logs, told = frame.logs, 0
        for place, call in enumerate(frame.calls):
            while told < len(logs) and logs[told].position <= place:
                parts.append(self._event(logs[told]))
                told += 1
            parts.append(call)
        return [*parts, *map(self._event, logs[told:])]

    def _call(self, frame: Frame) -> str:
        known = self._of(frame)
        name = self.name(frame.to)
        if frame.kind.startswith("CREATE"):
            return f"{name}.constructor"
        if known is not None:
            try:
                entry, arguments = known.interface.decode_call(frame.input)
            except (LookupError, *undecodable()):
                pass
            else:
                return f"{name}.{entry['name']}({_shown(arguments)})"
        if not frame.input:
            return f"{name}()"
        return f"{name}.0x{frame.input[:4].hex()}({_short('0x' + frame.input[4:].hex())})"

    def _event(self, log: FrameLog) -> str:
        address, topics, data = log.address, log.topics, log.data
        words = tuple(topic.to_bytes(32, "big") for topic in topics)
        known = self._contracts.get(Address(address))
        event = known.interface.decode_event(_Log(Address(address), words, data)) if known else None
        if event is not None:
            return f"emit {event.name}({_shown(event.args)})"
        shown = ", ".join(f"0x{word.hex()}" for word in words)
        return f"emit log of {self.name(address)}({shown}; {_short('0x' + data.hex())})"

    def _failure(self, frame: Frame) -> str:
        if frame.error != "execution reverted":
            return f"failed: {frame.problem}"
        error = self.error(frame.output, frame.to)
        if error is None:
            return f"reverted: {_short('0x' + frame.output.hex())}" if frame.output else "reverted"
        return f"reverted: {explained(error)}"


def lines_of(frame: Frame) -> tuple[SourceLine, ...]:
    """Return the lines where a frame failed, innermost first; none where that is not known."""
    match = KNOWN_CODE.find(frame.code) if frame.trail else None
    return failure_lines(match.contract, match.code, frame.trail) if match else ()


def explained(error: DecodedError) -> str:
    """Return an error in words: a Solidity string alone, a panic by what its code means."""
    if error.name == "Error":
        return str(error.args.get("message", ""))
    if error.name == "Panic":
        code = int(error.args["code"])
        return f"Panic(0x{code:02x}): {_PANICS.get(code, 'an unknown code')}"
    return f"{error.name}({_shown(error.args)})"


class _Log(NamedTuple):
    """A log as interfaces decode it."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


def _shown(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value_text(value, LONGEST_VALUE)}" for name, value in values.items())


def _short(text: str) -> str:
    return value_text(text, LONGEST_VALUE)
