"""State sync: what is offered is the same everywhere, and what comes in is proven or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkpoint.archive import export_archive
from checkpoint.errors import StoreFailed
from evm_dex.chain.block_proof import inspect_block
from evm_dex.validator import state_archives
from evm_dex.validator.state_archives import Shelf
from tests.validator.fake_engine import Refused
from tests.validator.orders import order
from tests.validator.served import ServedApplication, served

ACCEPT, REJECT, REJECT_FORMAT, RETRY, REJECT_SNAPSHOT = 1, 3, 4, 3, 5
HEIGHT = 4


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_archives, "CHUNK_BYTES", 2_000)


def with_blocks(path: Path, price: int = 2_000) -> tuple[Shelf, bytes]:
    """A chain of some blocks with its archive on a shelf; its block hash."""
    with served(path) as app:
        for nonce in range(HEIGHT):
            app.engine.block([order(at, nonce, price=price + at) for at in range(5)])
        app_hash = app.engine.app_hash
    shelf = Shelf(path / "shelf")
    export_archive(path / "chain", shelf.archive(HEIGHT), inspect=inspect_block)
    shelf.add(HEIGHT)
    return shelf, app_hash


@pytest.fixture
def source(tmp_path: Path) -> tuple[Shelf, bytes]:
    return with_blocks(tmp_path / "source")


@pytest.fixture
def joining(tmp_path: Path) -> Iterator[ServedApplication]:
    with served(tmp_path / "joining", begin=False) as app:
        yield app


def offer(shelf: Shelf, **changes: Any) -> dict[str, Any]:
    (offered,) = shelf.offered()
    made = {
        "height": offered.height,
        "format": state_archives.FORMAT,
        "chunks": len(offered.chunk_hashes),
        "hash": offered.hash,
        "metadata": offered.metadata,
    }
    return made | changes


def take(app: ServedApplication, shelf: Shelf, app_hash: bytes) -> int:
    """Offer a snapshot, and hand in its chunks from the last to the first; the last verdict."""
    ask = app.engine.blocks.ask
    assert ask("offer_snapshot", snapshot=offer(shelf), app_hash=app_hash).result == ACCEPT
    found = ACCEPT
    for index in reversed(range(len(shelf.offered()[0].chunk_hashes))):
        assert found == ACCEPT
        chunk = shelf.chunk(HEIGHT, index)
        found = ask("apply_snapshot_chunk", index=index, chunk=chunk, sender="them").result
    return found


def test_a_state_comes_in_and_the_chain_goes_on(
    source: tuple[Shelf, bytes], joining: ServedApplication, tmp_path: Path
) -> None:
    shelf, app_hash = source
    assert len(shelf.offered()[0].chunk_hashes) > 2
    assert take(joining, shelf, app_hash) == ACCEPT
    joining.engine.begin()
    assert (joining.engine.height, joining.engine.app_hash) == (HEIGHT, app_hash)
    following = [order(0, HEIGHT), order(1, HEIGHT, buys=False)]
    joining.engine.block(following)
    with served(tmp_path / "source") as app:
        assert app.engine.block(following) == joining.engine.app_hash


def test_one_on_its_way_is_kept_while_newer_ones_are_offered(tmp_path: Path) -> None:
    """With blocks in quick succession an archive is old before a joiner has chosen it."""
    now = 0.0
    shelf = Shelf(tmp_path / "shelf", now=lambda: now)

    def make(height: int) -> None:
        shelf.archive(height).write_bytes(bytes(2_500))
        shelf.add(height)

    for height in (3, 6, 9, 12):
        make(height)
    assert [each.height for each in shelf.offered()] == [12, 9]
    now = 50.0
    assert shelf.chunk(3, 1) == bytes(500)
    now = 70.0
    make(15)
    assert [shelf.chunk(height, 0) != b"" for height in (3, 6, 9, 12, 15)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert not shelf.archive(6).exists()
    shelf.archive(3).unlink()
    assert shelf.chunk(3, 0) == b""
    assert [each.height for each in Shelf(tmp_path / "shelf").offered()] == [15, 12]


def test_all_offer_the_same_bytes_and_hand_them_out(
    source: tuple[Shelf, bytes], tmp_path: Path
) -> None:
    shelf, _ = source
    other, _ = with_blocks(tmp_path / "other")
    assert other.offered() == shelf.offered()
    with served(tmp_path / "source") as app:
        (listed,) = app.engine.checks.ask("list_snapshots").snapshots
        assert (listed.height, listed.hash) == (HEIGHT, shelf.offered()[0].hash)
        chunks = b""
        for index in range(listed.chunks):
            place = {"height": HEIGHT, "format": listed.format, "chunk": index}
            chunk = app.engine.checks.ask("load_snapshot_chunk", **place).chunk
            assert hashlib.sha256(chunk).digest() == listed.metadata[32 * index :][:32]
            chunks += chunk
        assert chunks == shelf.archive(HEIGHT).read_bytes()
        for wrong in ({"height": 3}, {"format": 9}, {"chunk": 999}):
            assert app.engine.checks.ask("load_snapshot_chunk", **(place | wrong)).chunk == b""
        asked = app.engine.checks.ask("query", path="snapshots")
        assert asked.value == b"[4]"


def test_an_altered_chunk_is_asked_for_again_from_somebody_else(
    source: tuple[Shelf, bytes], joining: ServedApplication
) -> None:
    shelf, app_hash = source
    ask = joining.engine.blocks.ask
    ask("offer_snapshot", snapshot=offer(shelf), app_hash=app_hash)
    chunk = bytearray(shelf.chunk(HEIGHT, 0))
    chunk[7] ^= 1
    for index, given in ((0, bytes(chunk)), (0, b""), (99, b"beyond")):
        told = ask("apply_snapshot_chunk", index=index, chunk=given, sender="liar")
        assert (told.result, list(told.reject_senders)) == (RETRY, ["liar"])
        assert list(told.refetch_chunks) == [index]
    assert take(joining, shelf, app_hash) == ACCEPT


def test_an_archive_of_another_history_or_altered_is_refused(
    source: tuple[Shelf, bytes], joining: ServedApplication, tmp_path: Path
) -> None:
    """Also where its chunks are those that it announces."""
    shelf, app_hash = source
    other, _ = with_blocks(tmp_path / "other", price=1_900)
    assert take(joining, other, app_hash) == REJECT_SNAPSHOT
    altered = Shelf(tmp_path / "altered")
    content = bytearray(shelf.archive(HEIGHT).read_bytes())
    content[len(content) // 2] ^= 1
    altered.archive(HEIGHT).write_bytes(content)
    altered.add(HEIGHT)
    assert take(joining, altered, app_hash) == REJECT_SNAPSHOT
    assert not (tmp_path / "joining" / "chain").exists()
    assert take(joining, shelf, app_hash) == ACCEPT


def test_an_offer_that_contradicts_itself_is_refused(
    source: tuple[Shelf, bytes], joining: ServedApplication
) -> None:
    shelf, app_hash = source
    sound = offer(shelf)
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"format": 2}, REJECT_FORMAT),
        ({"hash": bytes(32)}, REJECT),
        ({"metadata": sound["metadata"][:-1]}, REJECT),
        ({"metadata": b""}, REJECT),
        ({"chunks": sound["chunks"] + 1}, REJECT),
        ({"chunks": 0, "metadata": b"", "hash": hashlib.sha256(b"").digest()}, REJECT),
    ]
    ask = joining.engine.blocks.ask
    for changes, verdict in wrong:
        told = ask("offer_snapshot", snapshot=sound | changes, app_hash=app_hash)
        assert told.result == verdict, changes
    refused = ask("apply_snapshot_chunk", index=0, chunk=b"", sender="them")
    assert refused.result == 2, "nothing was accepted, so nothing is on its way"


def test_a_disk_that_is_full_is_not_the_archives_fault(
    source: tuple[Shelf, bytes], joining: ServedApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusing it would have the engine ask for all others, in vain."""
    shelf, app_hash = source

    def fail(*_: object, **__: object) -> None:
        raise StoreFailed("no space left on device")

    monkeypatch.setattr(state_archives, "import_archive", fail)
    with pytest.raises(Refused, match="no space left"):
        take(joining, shelf, app_hash)
    assert isinstance(joining.wait_for_failure(), StoreFailed)
