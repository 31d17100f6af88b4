"""An event is declared once and turned into topics and data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from precompiles.abi.codec import Layout, StaticType
from precompiles.abi.signature import parse


class Event:
    """An event of the interface."""

    __slots__ = ("_data", "_indexed", "_topic", "_topic_types", "signature")

    def __init__(self, declaration: str) -> None:
        self.signature = parse(declaration)
        inputs = self.signature.inputs
        self._topic = int.from_bytes(self.signature.topic, "big")
        self._indexed = sum(parameter.indexed for parameter in inputs)
        assert all(parameter.indexed for parameter in inputs[: self._indexed])
        self._topic_types = [StaticType(parameter.type) for parameter in inputs[: self._indexed]]
        self._data = Layout([parameter.type for parameter in inputs[self._indexed :]])

    def encode(self, *values: Any) -> tuple[tuple[int, ...], bytes]:
        """Topics as numbers, and data; indexed values come first in the declaration."""
        return (self._topic, *self._topics(values[: self._indexed])), self._data.encode(
            values[self._indexed :]
        )

    def _topics(self, values: Sequence[Any]) -> list[int]:
        return [
            int.from_bytes(kind.encode(value), "big")
            for kind, value in zip(self._topic_types, values, strict=True)
        ]
