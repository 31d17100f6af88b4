"""A node for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.running import started_node


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with started_node() as address:
        yield address
