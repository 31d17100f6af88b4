"""Talking to the precompiles as a contract would: by compiled interfaces, through eth_abi.

Nothing here uses the precompiles' own codec or declarations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from precompiles.precompile import Precompile
from precompiles.standalone import StandaloneContext, TokenCall, call, no_contracts
from precompiles.types import Address

ARTIFACTS = Path(__file__).parents[2] / "contracts" / "artifacts"
GAS = 30_000_000

Entry = Mapping[str, Any]


def abi_of(contract: str) -> list[Entry]:
    """The compiled ABI of a contract."""
    entries: list[Entry] = json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]
    return entries


def canonical(parameter: Entry) -> str:
    """A parameter's type as it is hashed."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    members = ",".join(canonical(member) for member in parameter["components"])
    return f"({members}){kind.removeprefix('tuple')}"


def types(parameters: list[Entry]) -> list[str]:
    """The types of several parameters."""
    return [canonical(parameter) for parameter in parameters]


def topic(entry: Entry) -> bytes:
    """The hash that names a method, event or error."""
    return keccak(f"{entry['name']}({','.join(types(entry['inputs']))})".encode())


class Interface(NamedTuple):
    """What a contract understands."""

    methods: Mapping[str, Entry]
    """By name."""
    events: Mapping[bytes, Entry]
    """By topic."""
    errors: Mapping[bytes, Entry]
    """By selector."""


def interface_of(abi: list[Entry]) -> Interface:
    """An ABI, sorted by kind."""
    return Interface(
        {entry["name"]: entry for entry in abi if entry["type"] == "function"},
        {topic(entry): entry for entry in abi if entry["type"] == "event"},
        {topic(entry)[:4]: entry for entry in abi if entry["type"] == "error"},
    )


ISPOT = abi_of("ISpot")
SPOT = interface_of(ISPOT)
METHODS, EVENTS, ERRORS = SPOT
PERP = interface_of(abi_of("IPerp"))


class Reply(NamedTuple):
    """What a call came to, decoded."""

    error: str | None
    """Name of the custom error, or None where the call succeeded."""
    values: tuple[Any, ...]
    """Outputs of the method, or fields of the error."""
    events: tuple[tuple[Any, ...], ...] = ()
    """(name, fields in order) of each log."""
    gas: int = 0


def calldata(name: str, *arguments: Any, interface: Interface = SPOT) -> bytes:
    """Selector and arguments of a method."""
    entry = interface.methods[name]
    return topic(entry)[:4] + encode(types(entry["inputs"]), arguments)


def plain(value: Any) -> Any:
    """eth_abi's addresses as bytes, its sequences as tuples."""
    if isinstance(value, str):
        return bytes.fromhex(value[2:])
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    return value


def decode_error(output: bytes, interface: Interface = SPOT) -> tuple[str, tuple[Any, ...]]:
    """Name and fields of a custom error; it must be a known one, encoded to the byte."""
    entry = interface.errors[output[:4]]
    values = decode(types(entry["inputs"]), output[4:])
    assert encode(types(entry["inputs"]), values) == output[4:]
    return entry["name"], plain(values)


def decode_log(
    topics: tuple[int, ...], data: bytes, interface: Interface = SPOT
) -> tuple[Any, ...]:
    """Name and fields of an event whose indexed fields come first."""
    entry = interface.events[topics[0].to_bytes(32, "big")]
    indexed = [canonical(p) for p in entry["inputs"] if p["indexed"]]
    others = [canonical(p) for p in entry["inputs"] if not p["indexed"]]
    words = [word.to_bytes(32, "big") for word in topics[1:]]
    firsts = [decode([kind], word)[0] for kind, word in zip(indexed, words, strict=True)]
    return (entry["name"], *plain(firsts), *plain(decode(others, data)))


def send(
    precompile: Precompile,
    caller: Address,
    name: str,
    *arguments: Any,
    value: int = 0,
    block_number: int = 0,
    timestamp: int = 0,
    contracts: TokenCall = no_contracts,
    interface: Interface = SPOT,
) -> Reply:
    """Call a method; a failed call leaves no trace."""
    context = StandaloneContext(
        caller,
        value,
        block_number=block_number,
        timestamp=timestamp,
        gas=GAS,
        contracts=contracts,
    )
    outcome = call(precompile, context, calldata(name, *arguments, interface=interface))
    spent = GAS - context.gas
    if not outcome.success:
        return Reply(*decode_error(outcome.output, interface), gas=spent)
    outputs = plain(decode(types(interface.methods[name]["outputs"]), outcome.output))
    logs = tuple(decode_log(*log, interface) for log in outcome.logs)
    return Reply(None, outputs, logs, spent)
