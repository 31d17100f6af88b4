"""Events against eth_abi: topics and data as Solidity encodes them, and the same values back."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from precompiles.abi.event import Event, Indexed, Uint256
from precompiles.perp import events as perp
from precompiles.spot import events as spot

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "address": st.binary(min_size=20, max_size=20),
    "bool": st.booleans(),
    "bytes32": st.binary(min_size=32, max_size=32),
    "int256": st.integers(-(2**255), 2**255 - 1),
    "uint8": st.integers(0, 2**8 - 1),
    "uint128": st.integers(0, 2**128 - 1),
    "uint256": st.integers(0, 2**256 - 1),
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    event = draw(st.sampled_from(sorted({*spot.EVENTS, *perp.EVENTS}, key=str)))
    return event(*(draw(VALUES[field.type]) for field in event.signature.inputs))


@given(events())
def test_a_log_is_that_of_solidity_and_comes_back(event: Event) -> None:
    inputs = event.signature.inputs
    values = [getattr(event, name) for name in event.__struct_fields__]
    words = [encode([field.type], [value]) for field, value in zip(inputs, values, strict=True)]
    topics, data = event.encode()
    hashed = [event.topic] + [w for w, field in zip(words, inputs, strict=True) if field.indexed]
    assert [topic.to_bytes(32, "big") for topic in topics] == hashed
    assert data == b"".join(w for w, field in zip(words, inputs, strict=True) if not field.indexed)
    assert type(event).decode(hashed, data) == event


def test_indexed_fields_come_first() -> None:
    with pytest.raises(AssertionError, match="indexed fields are first"):

        class Wrong(Event, frozen=True):
            amount: Uint256
            order_id: Indexed[Uint256]
