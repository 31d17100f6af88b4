"""The codec against eth_abi: the same bytes out, the same bytes accepted, nothing else raised."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from eth_abi.abi import decode as peer_decode
from eth_abi.abi import encode as peer_encode
from hypothesis import example, given, settings
from hypothesis import strategies as st

from precompiles.abi.codec import WORD, Layout, ListType, Malformed
from precompiles.errors import ContractError
from precompiles.spot.interface import Spot
from tests.precompiles.client import ISPOT, plain, types

FOREIGN = [["int256", "bytes32", "bool"], ["(int256,bool,bytes4)[]", "address[]", "bool[]"]]
NAMES = sorted(
    {
        tuple(types(entry[part]))
        for entry in ISPOT
        for part in ("inputs", "outputs")
        if entry.get(part)
    }
    | {tuple(names) for names in FOREIGN}
)


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Any value of a type."""
    if name.endswith("[]"):
        element = name.removesuffix("[]")
        if not element.startswith("("):
            return st.lists(values_of(element), max_size=4)
        members = [values_of(member) for member in element.strip("()").split(",")]
        return st.lists(st.tuples(*members), max_size=3)
    if name == "address":
        return st.binary(min_size=20, max_size=20)
    if name == "bool":
        return st.booleans()
    if name.startswith("bytes"):
        size = int(name.removeprefix("bytes"))
        return st.binary(min_size=size, max_size=size)
    if name == "int256":
        return st.integers(-(2**255), 2**255 - 1)
    return st.integers(0, 2 ** int(name.removeprefix("uint")) - 1)


@st.composite
def encoded(draw: st.DrawFn) -> tuple[tuple[str, ...], list[Any], bytes]:
    """Types, values, and eth_abi's encoding of them."""
    names = draw(st.sampled_from(NAMES))
    values = [draw(values_of(name)) for name in names]
    return names, values, peer_encode(names, values)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[tuple[str, ...], bytes]:
    """An encoding with words replaced, bits flipped, cut short or made longer."""
    names, _, data = draw(encoded())
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        if not changed:
            break
        place = draw(st.integers(0, len(changed) - 1))
        if draw(st.booleans()):
            changed[place] ^= 1 << draw(st.integers(0, 7))
        else:
            start = place // WORD * WORD
            word = draw(st.one_of(st.integers(0, 12 * WORD), st.integers(0, 2**256 - 1)))
            changed[start : start + WORD] = word.to_bytes(WORD, "big")
    end = draw(st.one_of(st.just(len(changed)), st.integers(0, len(changed))))
    return names, bytes(changed[:end]) + draw(st.binary(max_size=40))


def outcome(names: tuple[str, ...], data: bytes) -> list[Any] | None:
    """What our codec makes of it; None where it refuses."""
    try:
        return Layout(names).decode(data)
    except Malformed as error:
        assert 0 <= error.offset <= len(data)  # noqa: PT017  # any refusal must say where
        return None


def peer_outcome(names: tuple[str, ...], data: bytes) -> tuple[Any, ...] | None:
    """What eth_abi makes of it; however it fails, None."""
    try:
        return tuple(peer_decode(names, data))
    except Exception:  # OverflowError and others leave it on hostile input
        return None


def points_into_head(names: tuple[str, ...], data: bytes) -> bool:
    """Whether a list's offset names a place among the offsets.

    The one documented difference: eth_abi refuses such data, Solidity's decoder and ours read it.
    """
    return any(
        name.endswith("[]")
        and int.from_bytes(data[start : start + WORD], "big") < WORD * len(names)
        for name, start in zip(names, range(0, len(data), WORD), strict=False)
    )


@given(encoded())
def test_encodes_and_decodes_as_eth_abi_does(
    case: tuple[tuple[str, ...], list[Any], bytes],
) -> None:
    """The same bytes; and decoding them, behind any prefix, gives the values back."""
    names, values, data = case
    assert Layout(names).encode(values) == data
    assert Layout(names).decode(data) == values
    assert Layout(names).decode(b"abcd" + data, base=4) == values


@settings(max_examples=10 * settings().max_examples)
@given(damaged())
@example((("uint256[]",), (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big")))
@example((("uint256[]",), bytes(32)))
@example((("bool",), (2).to_bytes(32, "big")))
@example((("bytes4",), b"abcd" + bytes(27) + b"\x01"))
@example((("uint256[]", "uint256[]"), (64).to_bytes(32, "big") * 2 + bytes(32)))
def test_refuses_exactly_what_eth_abi_refuses(case: tuple[tuple[str, ...], bytes]) -> None:
    """And reads what both accept as the same values."""
    names, data = case
    ours, peers = outcome(names, data), peer_outcome(names, data)
    assert (ours is None) == (peers is None) or points_into_head(names, data)
    if peers is not None:
        assert plain(ours) == plain(peers)


@given(st.sampled_from(NAMES), st.binary(max_size=400))
def test_random_bytes_are_values_or_malformed(names: tuple[str, ...], data: bytes) -> None:
    refused = outcome(names, data) is None
    assert refused == (peer_outcome(names, data) is None) or points_into_head(names, data)


def test_a_list_may_begin_among_the_offsets() -> None:
    """As in Solidity; a list whose length is its own offset, 0, is empty."""
    assert Layout(["uint256[]"]).decode(bytes(32)) == [[]]


@pytest.mark.parametrize("claim", [2**20, 2**32, 2**63, 2**64, 2**255, 2**256 - 1])
@pytest.mark.parametrize("names", [names for names in NAMES if names[0].endswith("[]")])
def test_a_hostile_length_costs_no_memory(names: tuple[str, ...], claim: int) -> None:
    """An array that claims to be huge is refused before anything is made of it."""
    data = b"".join((WORD * len(names)).to_bytes(WORD, "big") for _ in names)
    data += claim.to_bytes(WORD, "big") + bytes(64 * WORD)
    layout = Layout(names)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            layout.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def test_lists_of_lists_are_not_spoken() -> None:
    """No type of the interface can expand to more than its calldata: lists never nest."""
    layouts = [m.inputs for m in Spot.methods.values()] + [
        error.layout for error in ContractError.known.values()
    ]
    for layout in layouts:
        for kind in layout.types:
            assert not isinstance(kind, ListType) or kind.name.count("[]") == 1
    with pytest.raises(AssertionError):
        Layout(["uint256[][]"])
