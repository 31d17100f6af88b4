"""The archive for followers that begin: however it is let go of, its file is closed."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evm_dex.node.archive_shelf import Archive
from evm_dex.node.node import Node
from evm_dex.node.node_config import NodeConfig
from evm_dex.node.turns import Use
from tests.waiting import until


def held() -> list[str]:
    """Files of archives that this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue
        if target.removesuffix(" (deleted)").endswith("/archive"):
            found.append(target)
    return found


@pytest.fixture
def node() -> Iterator[Node]:
    assert held() == []
    with NodeConfig().open() as (_, server):
        yield server.node
    assert held() == []
    assert "archive" not in {thread.name for thread in threading.enumerate()}


def made(node: Node) -> Archive:
    """An archive, once it is there."""
    found: list[Archive] = []

    def is_there() -> bool:
        archive = node.archives.get()
        if archive is not None:
            found.append(archive)
        return bool(found)

    until(is_there)
    return found[0]


def test_a_node_closes_its_archive(node: Node) -> None:
    assert node.archives.part(made(node).archive_id, 0)
    assert len(held()) == 1


def test_a_node_is_closed_once_no_archive_is_being_made(node: Node) -> None:
    closing = threading.Thread(target=node.archives.close)
    with node.turns.taken(Use.ALONE):
        assert node.archives.get() is None
        closing.start()
        closing.join(0.05)
        assert closing.is_alive()  # the archive waits for a turn
    closing.join()
    assert held() == []


def test_no_archive_is_left_of_a_chain_that_another_took_the_place_of(node: Node) -> None:
    first = made(node)
    assert node.reopen is not None
    node.chain.mine()
    with node.turns.taken(Use.ALONE):
        node.archives.follow(node.dex)
        assert first.file.closed
        assert node.archives.get() is None  # and it waits for a turn
        node.move_to(node.reopen(None))
    assert made(node).head.height == 0
    assert len(held()) == 1


def test_an_archive_that_fails_when_it_is_there_is_closed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(tempfile.TemporaryDirectory[str]):
        def cleanup(self) -> None:
            super().cleanup()
            raise OSError("it can't be removed")

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryDirectory", Stuck)

        def fails() -> bool:
            try:
                return node.archives.get() is not None
            except OSError as error:
                return "can't be removed" in str(error)

        until(fails)
        node.archives.close()
        assert held() == []
