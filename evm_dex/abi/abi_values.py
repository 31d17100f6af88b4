"""ABI values as people hold them: structs by their fields' names, accounts for their addresses.

eth_abi is loaded by the first value that is encoded or decoded: its grammar takes long to build.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address

if TYPE_CHECKING:
    from eth_abi.exceptions import DecodingError, EncodingError

Entry = Mapping[str, Any]
"""One element of a JSON ABI, or one of its inputs, outputs or components."""


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Values as arguments or results. Raises eth_abi's EncodingError."""
    from eth_abi.abi import encode as encoded  # noqa: PLC0415 - its grammar takes long to build

    return encoded(types, values)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Arguments or results as values. Raises one of `undecodable()`."""
    from eth_abi.abi import decode as decoded  # noqa: PLC0415 - its grammar takes long to build

    return decoded(types, data)


def unencodable() -> tuple[type[EncodingError], type[OverflowError]]:
    """Return what values of a wrong type raise, for an `except`, which only then asks for it."""
    from eth_abi.exceptions import EncodingError  # noqa: PLC0415 - its grammar takes long to build

    return EncodingError, OverflowError


def undecodable() -> tuple[type[DecodingError], type[OverflowError], type[UnicodeDecodeError]]:
    """Return what data that does not decode raises, for an `except` that only then asks."""
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415 - its grammar takes long to build

    return DecodingError, OverflowError, UnicodeDecodeError


def type_of(field: Entry) -> str:
    """Return a type as signatures have it: a struct is its components in brackets."""
    kind: str = field["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(type_of, field['components']))}){kind.removeprefix('tuple')}"


def names_of(fields: Iterable[Entry]) -> list[str]:
    """Return what fields are called; those without a name by their place, from 0 on."""
    return [field["name"] or str(place) for place, field in enumerate(fields)]


def encode_arguments(inputs: Sequence[Entry], args: Sequence[Any]) -> bytes:
    """Arguments for some inputs; accounts and contracts stand for their addresses.

    A struct is a sequence, or a mapping by the names of its fields. Raises TypeError for a wrong
    count or wrong names, ValueError for a value that is none of its type, both by name.
    """
    if len(args) != len(inputs):
        names = ", ".join(f"{type_of(field)} {field['name']}".strip() for field in inputs)
        raise TypeError(f"the arguments must be ({names}), got {len(args)}")
    types = [type_of(field) for field in inputs]
    values = [_given(field, arg) for field, arg in zip(inputs, args, strict=True)]
    try:
        return encode(types, values)
    except unencodable() as error:
        raise ValueError(_blamed(inputs, values) or str(error)) from error


def decode_values(fields: Sequence[Entry], data: bytes) -> tuple[Any, ...]:
    """Return what some fields hold; addresses with a checksum. Raises one of `undecodable()`."""
    values = decode([type_of(field) for field in fields], data)
    return tuple(_shown(field, value) for field, value in zip(fields, values, strict=True))


def value_text(value: Any, longest: int | None = None) -> str:
    """Return a decoded value as people read it, bytes in hex, each part cut to some letters."""
    if isinstance(value, bytes):
        text = f"0x{value.hex()}"
    elif isinstance(value, tuple | list):
        text = "[" + ", ".join(value_text(part, longest) for part in value) + "]"
    else:
        text = str(value)
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


@lru_cache(maxsize=1000)
def record(name: str, names: tuple[str, ...]) -> Callable[..., tuple[Any, ...]]:
    """Make tuples of values with names, or plain ones where there are no names for all."""
    if names and name.isidentifier() and all(each.isidentifier() for each in names):
        return namedtuple(name, names, rename=True)
    return lambda *values: values


def _given(field: Entry, value: Any) -> Any:
    kind = field["type"]
    if kind.endswith("]") and isinstance(value, list | tuple):
        return [_given(_element(field), item) for item in value]
    if kind == "tuple" and isinstance(value, Mapping):
        return _by_name(field, value)
    if kind == "tuple" and isinstance(value, list | tuple):
        if len(value) == len(field["components"]):
            return [_given(part, it) for part, it in zip(field["components"], value, strict=True)]
        return value
    return getattr(value, "address", value)


def _by_name(field: Entry, value: Mapping[str, Any]) -> list[Any]:
    names = [part["name"] for part in field["components"]]
    if set(value) != set(names):
        found, wanted = ", ".join(map(str, value)), ", ".join(names)
        raise TypeError(f"{field['name'] or 'a struct'} has the fields {wanted}, not {found}")
    return [_given(part, value[part["name"]]) for part in field["components"]]


def _blamed(inputs: Sequence[Entry], values: Sequence[Any]) -> str:
    """Return the error for the first argument that can't be encoded; empty where all can."""
    for place, (field, value) in enumerate(zip(inputs, values, strict=True), start=1):
        try:
            encode([type_of(field)], [value])
        except unencodable() as error:
            name = field["name"] or f"argument {place}"
            return f"{name} must be {type_of(field)}, got {value!r}: {error}"
    return ""


def _shown(field: Entry, value: Any) -> Any:
    kind = field["type"]
    if kind.endswith("]"):
        return tuple(_shown(_element(field), item) for item in value)
    if kind == "tuple":
        parts = field["components"]
        name = str(field.get("internalType", "")).rpartition(" ")[2].rpartition(".")[2]
        make = record(name.partition("[")[0], tuple(part["name"] for part in parts))
        return make(*(_shown(part, item) for part, item in zip(parts, value, strict=True)))
    return to_checksum_address(value) if kind == "address" else value


def _element(field: Entry) -> Entry:
    return {**field, "type": field["type"].rpartition("[")[0]}
