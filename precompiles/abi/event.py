"""Events, declared once: the fields of a class are the event's ABI.

    class Deposit(Event):
        user: Indexed[AddressField]
        amount: Uint256

is `event Deposit(address indexed user, uint256 amount)`. Names go from snake_case to camelCase;
indexed fields come first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct as WordStruct
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

from msgspec import Struct
from msgspec.structs import astuple

from precompiles.abi.codec import WORD, Layout
from precompiles.abi.signature import Parameter, Signature
from precompiles.types import Address

_INDEXED = "indexed"
_T = TypeVar("_T")
_EventT = TypeVar("_EventT", bound="Event")

Indexed = Annotated[_T, _INDEXED]
"""A field that becomes a topic of the log, so that logs can be found by it."""
AddressField = Annotated[Address, "address"]
BoolField = Annotated[bool, "bool"]
Bytes32 = Annotated[bytes, "bytes32"]
Int256 = Annotated[int, "int256"]
Uint8 = Annotated[int, "uint8"]
Uint128 = Annotated[int, "uint128"]
Uint256 = Annotated[int, "uint256"]

_TOPICS: dict[str, Callable[[Any], int]] = {"address": int.from_bytes, "uint256": int}
"""Types that may be indexed, and the number that stands for a value."""
_READERS: dict[str, Callable[[bytes], Any]] = {
    "address": lambda word: word[-20:],
    "bool": lambda word: word[-1] == 1,
    "bytes32": bytes,
    "int256": lambda word: int.from_bytes(word, signed=True),
}
"""Types whose word is not simply an unsigned number."""


class Event(Struct, frozen=True, gc=False):
    """Something that happened, as contracts see it in the logs."""

    signature: ClassVar[Signature]
    topic: ClassVar[bytes]
    """First topic of every log of this event."""
    _topic: ClassVar[int]
    _as_topics: ClassVar[tuple[Callable[[Any], int], ...]]
    _data: ClassVar[Layout]
    _words: ClassVar[Callable[[bytes], tuple[bytes, ...]]]
    _readers: ClassVar[tuple[tuple[int, Callable[[bytes], Any]], ...]]

    def __init_subclass__(cls) -> None:
        inputs = tuple(
            Parameter(hint.__metadata__[0], _camel_case(name), _INDEXED in hint.__metadata__)
            for name, hint in get_type_hints(cls, include_extras=True).items()
            if hasattr(hint, "__metadata__")
        )
        types = [parameter.type for parameter in inputs]
        indexed = sum(parameter.indexed for parameter in inputs)
        assert all(parameter.indexed for parameter in inputs[:indexed]), "indexed fields are first"
        cls.signature = Signature(cls.__name__, inputs, (), is_view=False, is_payable=False)
        cls.topic = cls.signature.topic
        cls._topic = int.from_bytes(cls.topic)
        cls._as_topics = tuple(_TOPICS[kind] for kind in types[:indexed])
        cls._data = Layout(types[indexed:])
        cls._words = WordStruct(f"{WORD}s" * len(types)).unpack
        cls._readers = tuple(
            (place, _READERS[kind]) for place, kind in enumerate(types) if kind in _READERS
        )

    def encode(self) -> tuple[tuple[int, ...], bytes]:
        """Return topics as numbers, and data."""
        values = astuple(self)
        topics = [convert(value) for convert, value in zip(self._as_topics, values, strict=False)]
        return (self._topic, *topics), self._data.encode(values[len(topics) :])

    @classmethod
    def decode(cls: type[_EventT], topics: Sequence[bytes], data: bytes) -> _EventT:
        """Return the event of a log that `encode` made; every field takes one word."""
        words = cls._words(b"".join((*topics[1:], data)))
        values: list[Any] = list(map(int.from_bytes, words))
        for place, read in cls._readers:
            values[place] = read(words[place])
        return cls(*values)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
