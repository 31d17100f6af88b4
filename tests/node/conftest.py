"""One node for all tests that leave others alone, and one that browsers look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.node.served import Served, served
from tests.node.trading import ask

if TYPE_CHECKING:
    from tests.node.browser import Page


@pytest.fixture(scope="session")
def shared_node() -> Iterator[Served]:
    with served() as node:
        yield node


@pytest.fixture
def fresh_node() -> Iterator[Served]:
    with served() as node:
        yield node


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    from tests.node.browser import browser  # noqa: PLC0415 - it loads selenium

    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def running_node() -> Iterator[str]:
    from tests.cli.test_node_command import running  # noqa: PLC0415 - with its tests

    with running() as (url, _):
        yield url


@pytest.fixture
def node(running_node: str) -> Iterator[str]:
    """A node with nothing in its books."""
    snapshot = ask(running_node, "evm_snapshot")
    yield running_node
    ask(running_node, "evm_revert", snapshot)


@pytest.fixture
def page(shown: Page, node: str) -> Iterator[Page]:
    """The page of that node; in the end it has complained of nothing and asked nobody else."""
    shown.driver.get("about:blank")  # a test that failed has left a page of a node that is gone
    shown.size(1440, 1000)
    shown.prefer()
    shown.console()
    shown.hosts()
    yield shown
    assert shown.console() == []
    assert shown.hosts() == {node.removeprefix("http://")}
