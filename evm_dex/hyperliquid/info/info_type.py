"""Types of /info: a function each, and the fields that a request of it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from evm_dex.chain.chain_reader import ChainReader
from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.listings import Listing, Listings
from evm_dex.hyperliquid.tape import Tape
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.signed.order_wires import AddressText, address_of
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

Answer = Any
_Function = TypeVar("_Function", bound=Callable[..., Answer])


class Info(NamedTuple):
    """The sources of answers."""

    chain: ChainReader
    ledger: Ledger
    listings: Listings
    tape: Tape

    @property
    def now(self) -> int:
        """Block time of the head, in seconds."""
        return self.chain.head.timestamp

    @property
    def now_ms(self) -> int:
        """Block time of the head, in milliseconds."""
        return self.chain.head.timestamp * 1_000

    def listing(self, coin: str) -> Listing:
        """Return what is traded under a name. Raises BadRequest."""
        found = self.listings.by_coin.get(coin)
        if found is None:
            raise BadRequest(f"unknown coin {coin!r}: take one of meta or spotMeta")
        return found


class User(msgspec.Struct, rename="camel"):
    """A request about an account."""

    user: AddressText

    @property
    def address(self) -> Address:
        """The account."""
        return address_of(self.user)


class Coin(msgspec.Struct):
    """A request about a coin."""

    coin: str


class Nothing(msgspec.Struct):
    """A request without fields."""


class Span(msgspec.Struct, rename="camel"):
    """A request about a time, in milliseconds; without an end, until now."""

    start_time: int = 0
    end_time: int | None = None


class UserSpan(User):
    """A request about an account and a time."""

    start_time: int = 0
    end_time: int | None = None


class _InfoType(NamedTuple):
    function: Callable[[Info, Any], Answer]
    fields: type[msgspec.Struct]


_TYPES: dict[str, _InfoType] = {}


def info_type(
    name: str, fields: type[msgspec.Struct] = Nothing
) -> Callable[[_Function], _Function]:
    """Declare the function that answers a type."""

    def declare(function: _Function) -> _Function:
        assert name not in _TYPES, f"{name} is declared twice"
        _TYPES[name] = _InfoType(function, fields)
        return function

    return declare


def served_types() -> list[str]:
    """Return the names of all types."""
    return sorted(_TYPES)


def answer(info: Info, request: Any) -> Answer:
    """Answer a decoded request. Raises BadRequest."""
    if not isinstance(request, dict) or not isinstance(request.get("type"), str):
        raise BadRequest('a request must be an object with a "type"')
    name = request["type"]
    found = _TYPES.get(name)
    if found is None:
        raise BadRequest(f"unknown type {name!r}: served are {', '.join(served_types())}")
    body: Json = request["req"] if isinstance(request.get("req"), dict) else request
    try:
        fields = msgspec.convert(body, found.fields)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{name}: {error}") from error
    info.listings.refresh()
    return found.function(info, fields)
