"""Contract interfaces as compilers write them: encoding calls, decoding what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from evm_dex.abi.abi_values import (
    Entry,
    decode_values,
    encode_arguments,
    names_of,
    record,
    type_of,
    undecodable,
    value_text,
)
from precompiles.errors import ContractError

_SELECTOR_BYTES = 4
ERROR_STRING = bytes.fromhex("08c379a0")
"""Error(string): what `require` and `revert` with a message produce."""
PANIC = bytes.fromhex("4e487b71")
"""Panic(uint256): failed assertions, overflows, and what else the compiler checks."""
_SOLIDITYS: dict[bytes, Entry] = {
    ERROR_STRING: {"name": "Error", "inputs": [{"type": "string", "name": "message"}]},
    PANIC: {"name": "Panic", "inputs": [{"type": "uint256", "name": "code"}]},
}


class EventLog(Protocol):
    """A log of any making: a receipt's or one that readers are shown."""

    @property
    def address(self) -> bytes | str:
        """The contract that emitted it."""

    @property
    def topics(self) -> tuple[bytes, ...]:
        """The event's hash and its indexed values, 32 bytes each."""

    @property
    def data(self) -> bytes:
        """The other values, encoded."""


class Event(NamedTuple):
    """A decoded log."""

    name: str
    args: dict[str, Any]
    """By name, or place where there is none; indexed strings, bytes and arrays are hashes."""
    address: str


class DecodedError(NamedTuple):
    """A decoded custom error."""

    name: str
    args: dict[str, Any]

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value_text(value)}" for name, value in self.args.items())
        return f"{self.name}({shown})"


class Interface:
    """The functions, events and errors of one ABI."""

    def __init__(self, abi: Iterable[Entry]) -> None:
        entries = list(abi)
        self.functions: dict[str, Entry] = {}
        for entry in entries:
            if entry["type"] == "function":
                self.functions[signature(entry)] = entry
        self._by_name: dict[str, list[Entry]] = {}
        for entry in self.functions.values():
            self._by_name.setdefault(entry["name"], []).append(entry)
        self._names: dict[bytes, str] | None = None
        self._constructor = next((e for e in entries if e["type"] == "constructor"), None)
        self._events = {
            keccak(signature(entry).encode()): entry
            for entry in entries
            if entry["type"] == "event" and not entry.get("anonymous")
        }
        self._errors = {selector(entry): entry for entry in entries if entry["type"] == "error"}

    def function(self, name: str, count: int) -> Entry:
        """Return a function by name, or by signature where several share the name.

        Raises LookupError that tells what there is.
        """
        if name in self.functions:
            return self.functions[name]
        named = self._by_name.get(name, [])
        fitting = [entry for entry in named if len(entry["inputs"]) == count]
        if len(fitting) == 1:
            return fitting[0]
        known = ", ".join(signature(entry) for entry in named) or ", ".join(sorted(self._by_name))
        raise LookupError(f"no single function {name!r} with {count} arguments; there are {known}")

    def encode_call(self, entry: Entry, args: Sequence[Any]) -> bytes:
        """Calldata for a function."""
        return selector(entry) + encode_arguments(entry["inputs"], args)

    def decode_call(self, calldata: bytes) -> tuple[Entry, dict[str, Any]]:
        """Return the function that calldata calls, and its arguments by name.

        Raises LookupError for none of this interface's, eth_abi's DecodingError for what does not
        decode.
        """
        wanted = calldata[:_SELECTOR_BYTES]
        for entry in self.functions.values():
            if selector(entry) == wanted:
                values = decode_values(entry["inputs"], calldata[_SELECTOR_BYTES:])
                return entry, dict(zip(names_of(entry["inputs"]), values, strict=True))
        raise LookupError(f"no function with selector 0x{wanted.hex()}")

    def function_name(self, calldata: bytes) -> str:
        """Return the name of the function that calldata calls; empty for none of this interface's.

        It is the signature where several share the name.
        """
        if self._names is None:
            self._names = {
                selector(entry): name if len(entries) == 1 else signature(entry)
                for name, entries in self._by_name.items()
                for entry in entries
            }
        return self._names.get(calldata[:_SELECTOR_BYTES], "")

    def topic(self, name: str) -> bytes:
        """Return the hash that stands for an event in its logs. Raises LookupError."""
        for topic, entry in self._events.items():
            if entry["name"] == name:
                return topic
        raise LookupError(f"no event {name!r}")

    def encode_constructor(self, args: Sequence[Any]) -> bytes:
        """Return what follows the bytecode when a contract is created."""
        inputs = self._constructor["inputs"] if self._constructor else ()
        return encode_arguments(inputs, args)

    def decode_event(self, log: EventLog) -> Event | None:
        """Return a log of one of this interface's events; None for any other."""
        entry = self._events.get(log.topics[0]) if log.topics else None
        if entry is None:
            return None
        inputs = entry["inputs"]
        if len(log.topics) != 1 + sum(field["indexed"] for field in inputs):
            return None  # one of the same name and types, with other fields indexed
        topics = iter(log.topics[1:])
        plain = iter(decode_values([field for field in inputs if not field["indexed"]], log.data))
        args = {
            name: _decode_topic(field, next(topics)) if field["indexed"] else next(plain)
            for name, field in zip(names_of(inputs), inputs, strict=True)
        }
        return Event(entry["name"], args, str(to_checksum_address(log.address)))

    def decode_error(self, output: bytes) -> DecodedError | None:
        """Revert data as an error by name; None where it is none that is known."""
        found = output[:_SELECTOR_BYTES]
        entry = _SOLIDITYS.get(found) or self._errors.get(found)
        if entry is None:
            return None
        return _error(entry["name"], entry["inputs"], output[_SELECTOR_BYTES:])


def exchange_error(output: bytes | str) -> DecodedError | None:
    """Revert data, or its hex, as an error of one of the exchanges; None where it is none."""
    if isinstance(output, str):
        output = bytes.fromhex(output.removeprefix("0x"))
    known = ContractError.known.get(output[:_SELECTOR_BYTES])
    if known is None:
        return None
    inputs = [{"type": field.type, "name": field.name} for field in known.signature.inputs]
    return _error(known.signature.name, inputs, output[_SELECTOR_BYTES:])


def signature(entry: Entry) -> str:
    """Name and types, as they are hashed."""
    return f"{entry['name']}({','.join(map(type_of, entry['inputs']))})"


def selector(entry: Entry) -> bytes:
    """Return the four bytes that call a function or mark an error."""
    return keccak(signature(entry).encode())[:_SELECTOR_BYTES]


def decode_outputs(entry: Entry, output: bytes) -> Any:
    """Return what a function returned: nothing, one value, or a tuple with the outputs' names."""
    outputs = entry["outputs"]
    values = decode_values(outputs, output)
    if len(values) <= 1:
        return values[0] if values else None
    return record(entry["name"], tuple(field["name"] for field in outputs))(*values)


def _decode_topic(field: Entry, topic: bytes) -> Any:
    kind = field["type"]
    if kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple"):
        return topic
    return decode_values([field], topic)[0]


def _error(name: str, inputs: Sequence[Entry], data: bytes) -> DecodedError | None:
    """None for data that a contract has made up, and that is not what the error says."""
    try:
        values = decode_values(inputs, data)
    except undecodable():
        return None
    return DecodedError(name, dict(zip(names_of(inputs), values, strict=True)))
