"""Talking to the precompile as a contract would: by the compiled interface, through eth_abi.

Nothing here uses the precompile's own codec or declarations.
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


ISPOT = abi_of("ISpot")
METHODS = {entry["name"]: entry for entry in ISPOT if entry["type"] == "function"}
EVENTS = {topic(entry): entry for entry in ISPOT if entry["type"] == "event"}
ERRORS = {topic(entry)[:4]: entry for entry in ISPOT if entry["type"] == "error"}


class Reply(NamedTuple):
    """What a call came to, decoded."""

    error: str | None
    """Name of the custom error, or None where the call succeeded."""
    values: tuple[Any, ...]
    """Outputs of the method, or fields of the error."""
    events: tuple[tuple[Any, ...], ...] = ()
    """(name, fields in order) of each log."""
    gas: int = 0


def calldata(name: str, *arguments: Any) -> bytes:
    """Selector and arguments of a method."""
    entry = METHODS[name]
    return topic(entry)[:4] + encode(types(entry["inputs"]), arguments)


def plain(value: Any) -> Any:
    """eth_abi's addresses as bytes, its sequences as tuples."""
    if isinstance(value, str):
        return bytes.fromhex(value[2:])
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    return value


def decode_error(output: bytes) -> tuple[str, tuple[Any, ...]]:
    """Name and fields of a custom error; it must be a known one, encoded to the byte."""
    entry = ERRORS[output[:4]]
    values = decode(types(entry["inputs"]), output[4:])
    assert encode(types(entry["inputs"]), values) == output[4:]
    return entry["name"], plain(values)


def decode_log(topics: tuple[int, ...], data: bytes) -> tuple[Any, ...]:
    """Name and fields of an event whose indexed fields come first."""
    entry = EVENTS[topics[0].to_bytes(32, "big")]
    indexed = [canonical(p) for p in entry["inputs"] if p["indexed"]]
    others = [canonical(p) for p in entry["inputs"] if not p["indexed"]]
    words = [word.to_bytes(32, "big") for word in topics[1:]]
    firsts = [decode([kind], word)[0] for kind, word in zip(indexed, words, strict=True)]
    return (entry["name"], *plain(firsts), *plain(decode(others, data)))


def send(
    spot: Precompile,
    caller: Address,
    name: str,
    *arguments: Any,
    value: int = 0,
    block_number: int = 0,
    contracts: TokenCall = no_contracts,
) -> Reply:
    """Call a method; a failed call leaves no trace."""
    context = StandaloneContext(
        caller, value, block_number=block_number, gas=GAS, contracts=contracts
    )
    outcome = call(spot, context, calldata(name, *arguments))
    spent = GAS - context.gas
    if not outcome.success:
        return Reply(*decode_error(outcome.output), gas=spent)
    outputs = plain(decode(types(METHODS[name]["outputs"]), outcome.output))
    return Reply(None, outputs, tuple(decode_log(*log) for log in outcome.logs), spent)
