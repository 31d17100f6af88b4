"""One node for all tests that leave others alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.served import Served, served


@pytest.fixture(scope="session")
def shared_node() -> Iterator[Served]:
    with served() as node:
        yield node


@pytest.fixture
def fresh_node() -> Iterator[Served]:
    with served() as node:
        yield node
