"""Contract interfaces as compilers write them: encoding calls, decoding what comes back."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from eth_hash.auto import keccak
from eth_utils.address import is_address, to_checksum_address

from evm_dex.abi_codec import decode, encode, undecodable
from evm_dex.chain.receipts import Log
from precompiles.errors import ContractError

Entry = Mapping[str, Any]
"""One element of a JSON ABI."""

_SELECTOR_BYTES = 4
ERROR_STRING = bytes.fromhex("08c379a0")
"""Error(string): what `require` and `revert` with a message produce."""
PANIC = bytes.fromhex("4e487b71")
"""Panic(uint256): failed assertions, overflows, and what else the compiler checks."""


class Event(NamedTuple):
    """A decoded log."""

    name: str
    args: dict[str, Any]
    """By name; indexed strings, bytes and arrays are their hashes."""
    address: str


class DecodedError(NamedTuple):
    """A decoded custom error."""

    name: str
    args: dict[str, Any]

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.args.items())
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
        self._constructor = next((e for e in entries if e["type"] == "constructor"), None)
        self._events = {
            keccak(signature(entry).encode()): entry
            for entry in entries
            if entry["type"] == "event" and not entry.get("anonymous")
        }
        self._errors = {selector(entry): entry for entry in entries if entry["type"] == "error"}

    def function(self, name: str, count: int) -> Entry:
        """A function by name, or by signature where several share the name.

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
        """Which function calldata calls, and with what, by name.

        Raises LookupError for none of this interface's, eth_abi's DecodingError for what does not
        decode.
        """
        wanted = calldata[:_SELECTOR_BYTES]
        for entry in self.functions.values():
            if selector(entry) == wanted:
                values = _decode(entry["inputs"], calldata[_SELECTOR_BYTES:])
                return entry, dict(zip(map(_name, entry["inputs"]), values, strict=True))
        raise LookupError(f"no function with selector 0x{wanted.hex()}")

    def topic(self, name: str) -> bytes:
        """The hash that stands for an event in its logs. Raises LookupError."""
        for topic, entry in self._events.items():
            if entry["name"] == name:
                return topic
        raise LookupError(f"no event {name!r}")

    def encode_constructor(self, args: Sequence[Any]) -> bytes:
        """What follows the bytecode when a contract is created."""
        inputs = self._constructor["inputs"] if self._constructor else ()
        return encode_arguments(inputs, args)

    def decode_event(self, log: Log) -> Event | None:
        """A log of one of this interface's events; None for any other."""
        entry = self._events.get(log.topics[0]) if log.topics else None
        if entry is None:
            return None
        indexed = [field for field in entry["inputs"] if field["indexed"]]
        plain = [field for field in entry["inputs"] if not field["indexed"]]
        values = dict(zip(map(_name, plain), _decode(plain, log.data), strict=True))
        for field, topic in zip(indexed, log.topics[1:], strict=True):
            values[_name(field)] = _decode_topic(field, topic)
        args = {_name(field): values[_name(field)] for field in entry["inputs"]}
        return Event(entry["name"], args, str(to_checksum_address(log.address)))

    def decode_error(self, output: bytes) -> DecodedError | None:
        """Revert data as an error by name; None where it is none that is known."""
        found = output[:_SELECTOR_BYTES]
        if found == ERROR_STRING:
            return DecodedError("Error", {"message": decode(["string"], output[4:])[0]})
        if found == PANIC:
            return DecodedError("Panic", {"code": decode(["uint256"], output[4:])[0]})
        entry = self._errors.get(found)
        if entry is None:
            return None
        values = _decode(entry["inputs"], output[4:])
        names = [field["name"] or str(index) for index, field in enumerate(entry["inputs"])]
        return DecodedError(entry["name"], dict(zip(names, values, strict=True)))


def exchange_error(output: bytes) -> DecodedError | None:
    """Revert data as an error of one of the exchanges; None where it is none."""
    known = ContractError.known.get(output[:_SELECTOR_BYTES])
    if known is None:
        return None
    inputs = known.signature.inputs
    try:
        values = decode([field.type for field in inputs], output[_SELECTOR_BYTES:])
    except undecodable():
        return None
    names = [field.name for field in inputs]
    return DecodedError(known.signature.name, dict(zip(names, map(_shown, values), strict=True)))


def signature(entry: Entry) -> str:
    """Name and types, as they are hashed."""
    return f"{entry['name']}({','.join(map(_type, entry['inputs']))})"


def selector(entry: Entry) -> bytes:
    """The four bytes that call a function or mark an error."""
    return keccak(signature(entry).encode())[:_SELECTOR_BYTES]


def encode_arguments(inputs: Sequence[Entry], args: Sequence[Any]) -> bytes:
    """Arguments for some inputs; accounts and contracts stand for their addresses."""
    if len(args) != len(inputs):
        names = ", ".join(f"{_type(field)} {field['name']}".strip() for field in inputs)
        raise TypeError(f"{len(args)} arguments given, expected ({names})")
    return encode([_type(field) for field in inputs], [_plain(arg) for arg in args])


def decode_outputs(entry: Entry, output: bytes) -> Any:
    """What a function returned: nothing, one value, or a tuple with the outputs' names."""
    outputs = entry["outputs"]
    values = _decode(outputs, output)
    if len(values) <= 1:
        return values[0] if values else None
    names = [field["name"] for field in outputs]
    if all(name.isidentifier() for name in names):
        return namedtuple(entry["name"], names, rename=True)(*values)
    return values


def _decode(fields: Sequence[Entry], data: bytes) -> tuple[Any, ...]:
    types = [_type(field) for field in fields]
    return tuple(_shown(value) for value in decode(types, data))


def _decode_topic(field: Entry, topic: bytes) -> Any:
    kind = field["type"]
    if kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple"):
        return topic
    return _decode([field], topic)[0]


def _type(field: Entry) -> str:
    kind: str = field["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_type, field['components']))}){kind.removeprefix('tuple')}"


def _name(field: Entry) -> str:
    name: str = field["name"]
    return name


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [_plain(item) for item in value.values()]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "address", value)


def _shown(value: Any) -> Any:
    if isinstance(value, str) and is_address(value):
        return to_checksum_address(value)
    if isinstance(value, list | tuple):
        return type(value)(_shown(item) for item in value)
    return value
