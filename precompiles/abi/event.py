"""An event is declared once and turned into topics and data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from precompiles.abi.codec import Layout
from precompiles.abi.signature import parse

_TOPICS: dict[str, Callable[[Any], int]] = {"address": int.from_bytes, "uint256": int}
"""The types that indexed values have here, and the number that stands for a value."""


class Event:
    """An event of the interface."""

    __slots__ = ("_as_topics", "_data", "_topic", "signature")

    def __init__(self, declaration: str) -> None:
        self.signature = parse(declaration)
        inputs = self.signature.inputs
        indexed = sum(parameter.indexed for parameter in inputs)
        assert all(parameter.indexed for parameter in inputs[:indexed])
        self._topic = int.from_bytes(self.signature.topic, "big")
        self._as_topics = [_TOPICS[parameter.type] for parameter in inputs[:indexed]]
        self._data = Layout([parameter.type for parameter in inputs[indexed:]])

    def encode(self, values: Sequence[Any]) -> tuple[tuple[int, ...], bytes]:
        """Topics as numbers, and data; indexed values come first in the declaration."""
        topics = [as_topic(value) for as_topic, value in zip(self._as_topics, values, strict=False)]
        return (self._topic, *topics), self._data.encode(values[len(topics) :])
