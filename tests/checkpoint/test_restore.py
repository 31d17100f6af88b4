"""Going back to a checkpoint: proven before, whole after, whatever happens in between."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from checkpoint.errors import NoCheckpoint, NotAStore, StoreDamaged, StoreError, StoreLocked
from checkpoint.families import Family
from checkpoint.manager import CheckpointManager
from checkpoint.manifest import Manifest, list_checkpoints
from checkpoint.restore import copy_verified, restore
from checkpoint.rocks import RocksStore
from tests.checkpoint.fake_chain import CHAIN_ID, State, contents, stored_rows
from tests.checkpoint.victims import grow, restore_until_killed

SEED = 21
LAST = 9
INTERVAL = 3
FILES = {"db", "lock", "witness", "checkpoints", "retention.json", "chain.json"}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store at height 9 with checkpoints at 3, 6 and 9."""
    path = tmp_path_factory.mktemp("original") / "store"
    chain, rng = grow(SEED, -1)
    with closing(RocksStore(path)) as store:
        manager = CheckpointManager(store, interval=INTERVAL)
        for _ in range(LAST + 1):
            store.write(chain.random_block(rng))
            assert chain.head is not None
            manager.committed(chain.head)
    return path


@pytest.fixture
def store_path(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "store"))


def state_at(height: int) -> State:
    return grow(SEED, height)[0].state


def opened(path: Path) -> tuple[int, State]:
    """Height and contents of the store."""
    with closing(RocksStore(path, chain_id=CHAIN_ID)) as store:
        head = store.head()
        assert head is not None
        return head.height, contents(store)


@pytest.mark.parametrize(("asked", "height"), [(None, 9), (3, 3), (6, 6)])
def test_restored_store_is_at_the_checkpoint(
    store_path: Path, asked: int | None, height: int
) -> None:
    assert restore(store_path, asked).height == height
    assert opened(store_path) == (height, state_at(height))
    assert {path.name for path in store_path.iterdir()} == FILES


def test_chain_goes_on_from_a_restored_store_as_it_did_before(store_path: Path) -> None:
    restore(store_path, 3)
    chain, rng = grow(SEED, 3)
    with closing(RocksStore(store_path)) as store:
        while chain.height < LAST:
            store.write(chain.random_block(rng))
        assert store.head() == grow(SEED, LAST)[0].head
        assert contents(store) == state_at(LAST)
        assert store.undo(4)


def test_restoring_forth_and_back_and_forth(store_path: Path) -> None:
    for height in (3, 9, 6, 6, 3):
        restore(store_path, height)
        assert opened(store_path) == (height, state_at(height))


def test_checkpoints_survive_what_a_restored_chain_does(store_path: Path) -> None:
    """The files they share with the live store are not written to."""
    restore(store_path, 3)
    chain, rng = grow(SEED, 3)
    with closing(RocksStore(store_path)) as store:
        for _ in range(20):
            store.write(chain.random_block(rng, 40))
    for info in list_checkpoints(store_path):
        copy_verified(info, store_path / f"proof{info.height}")


def test_lost_log_after_a_restore_is_still_noticed(store_path: Path) -> None:
    restore(store_path, 3)
    chain, rng = grow(SEED, 3)
    with closing(RocksStore(store_path)) as store:
        store.write(chain.random_block(rng))
    for log in (store_path / "db").glob("*.log"):
        log.unlink()
    with pytest.raises(StoreDamaged, match="is at height 3 but height 4 was committed"):
        RocksStore(store_path)


@pytest.mark.parametrize("damage", ["deleted", "emptied", "no log"])
def test_damaged_store_is_replaced(store_path: Path, damage: str) -> None:
    if damage == "deleted":
        shutil.rmtree(store_path / "db")
    elif damage == "emptied":
        for file in (store_path / "db").iterdir():
            os.truncate(file, 0)
    else:
        for log in (store_path / "db").glob("*.log"):
            log.unlink()
    assert restore(store_path).height == 9
    assert opened(store_path) == (9, state_at(9))


def test_store_in_use_is_not_restored(store_path: Path) -> None:
    with closing(RocksStore(store_path)), pytest.raises(StoreLocked, match=str(os.getpid())):
        restore(store_path)


def test_missing_checkpoint_is_refused_with_those_there_are(store_path: Path) -> None:
    with pytest.raises(NoCheckpoint, match=r"at height 4; there are: 3, 6, 9"):
        restore(store_path, 4)
    (store_path / "checkpoints" / "000000000006" / "manifest.json").unlink()
    with pytest.raises(NoCheckpoint, match=r"at height 6 \(000000000006: .*No such file"):
        restore(store_path, 6)
    assert opened(store_path)[0] == LAST


def test_path_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match="does not exist"):
        restore(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").touch()
    with pytest.raises(NotAStore):
        restore(tmp_path)
    with pytest.raises(NotAStore):
        restore(tmp_path / "file")


def test_progress_counts_rows(store_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    restore(store_path, 6, progress=lambda done, total: seen.append((done, total)))
    rows = len(stored_rows(grow(SEED, 6)[0]))
    assert seen[-1] == (rows, rows)


def flip(file: Path, part: float) -> None:
    content = bytearray(file.read_bytes())
    content[int(part * (len(content) - 1))] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "flipped first": lambda file: flip(file, 0),
    "flipped within": lambda file: flip(file, 0.5),
    "flipped last": lambda file: flip(file, 1),
    "halved": lambda file: os.truncate(file, file.stat().st_size // 2),
    "deleted": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_checkpoint_with_any_damaged_file_is_refused_by_name(
    original: Path, tmp_path: Path, damage: str
) -> None:
    """Every file of a checkpoint, one at a time; the live store stays as it is."""
    checkpoint = original / "checkpoints" / "000000000006"
    tried = 0
    for file in sorted(checkpoint.rglob("*")):
        if not file.is_file() or file.stat().st_size == 0:
            continue
        tried += 1
        copy = tmp_path / "checkpoints" / "000000000006"
        shutil.copytree(checkpoint, copy)
        DAMAGE[damage](copy / file.relative_to(checkpoint))
        with pytest.raises(StoreError, match=file.name):
            restore(tmp_path, 6)
        assert {path.name for path in tmp_path.iterdir()} == {"checkpoints", "lock"}
        shutil.rmtree(copy)
    assert tried > 10


def test_surplus_file_in_a_checkpoint_is_refused(store_path: Path) -> None:
    (store_path / "checkpoints" / "000000000006" / "db" / "000999.sst").write_bytes(b"x")
    with pytest.raises(StoreDamaged, match=r"000999.sst is not in its manifest"):
        restore(store_path, 6)


def test_database_swapped_between_checkpoints_is_refused(store_path: Path) -> None:
    checkpoints = store_path / "checkpoints"
    shutil.rmtree(checkpoints / "000000000006" / "db")
    shutil.copytree(checkpoints / "000000000003" / "db", checkpoints / "000000000006" / "db")
    with pytest.raises(StoreDamaged, match="000000000006"):
        restore(store_path, 6)
    assert opened(store_path) == (LAST, state_at(LAST))


def test_manifest_forged_for_another_database_is_refused(store_path: Path) -> None:
    """Its files and own digest are right, but the database is at another block."""
    three, six = (store_path / "checkpoints" / f"{height:012d}" for height in (3, 6))
    manifest = Manifest.decode((three / "manifest.json").read_bytes(), "three")
    other = Manifest.decode((six / "manifest.json").read_bytes(), "six")
    shutil.rmtree(six / "db")
    shutil.copytree(three / "db", six / "db")
    fields = {name: getattr(other, name) for name in Manifest.__struct_fields__}
    forged = Manifest(**{**fields, "files": manifest.files})
    (six / "manifest.json").write_bytes(forged.encode())
    with pytest.raises(StoreDamaged, match="its height is 3, its manifest says 6"):
        restore(store_path, 6)
    assert opened(store_path) == (LAST, state_at(LAST))


def test_checkpoint_of_altered_rows_is_refused(tmp_path: Path) -> None:
    """Made honestly from a store whose rows were altered: only the proof can tell."""
    chain, rng = grow(SEED, -1)
    with closing(RocksStore(tmp_path)) as store:
        batch = chain.random_block(rng)
        key = min(batch.changes[Family.ROWS])
        batch.put(Family.ROWS, key, b"altered")
        store.write(batch)
        CheckpointManager(store).create()
    with pytest.raises(StoreDamaged, match="at least one was altered"):
        restore(tmp_path)


@pytest.mark.parametrize(
    ("there", "height"),
    [
        (("db", "db.restoring"), LAST),
        (("db.replaced", "db.restoring"), 3),
        (("db", "db.replaced"), 3),
        (("db.replaced",), LAST),
        (("db", "db.restoring", "db.replaced"), LAST),
    ],
)
def test_opening_sorts_out_an_interrupted_restore(
    store_path: Path, tmp_path: Path, there: tuple[str, ...], height: int
) -> None:
    """By what is there: the new database counts once the old one has been moved away."""
    shutil.copytree(store_path, tmp_path / "new")
    restore(tmp_path / "new", 3)
    old, new = store_path / "db", tmp_path / "new" / "db"
    moved = {"db": old, "db.replaced": old, "db.restoring": new}
    if "db.replaced" in there and "db" in there and "db.restoring" not in there:
        moved["db"] = new
    contents_of = {name: shutil.copytree(moved[name], tmp_path / name) for name in there}
    shutil.rmtree(old)
    for name, content in contents_of.items():
        shutil.copytree(content, store_path / name)
    assert opened(store_path) == (height, state_at(height))
    assert {path.name for path in store_path.iterdir()} == FILES


@pytest.mark.slow
def test_killed_restore_leaves_the_old_state_or_the_new(original: Path, tmp_path: Path) -> None:
    """Killed before every step that changes the disk in turn, until one run survives."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.checkpoint.victims"])
    found, step = [], 0
    while True:
        step += 1
        path = Path(shutil.copytree(original, tmp_path / str(step)))
        process = context.Process(target=restore_until_killed, args=(path, 3, step))
        process.start()
        process.join()
        height, state = opened(path)
        assert state == state_at(height)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        found.append(height)
        if step % 4 == 0:
            restore(path, 6)
            assert opened(path) == (6, state_at(6))
        shutil.rmtree(path)
    assert height == 3
    assert found == [LAST] * found.count(LAST) + [3] * found.count(3)
    assert found.count(LAST) > 3
    assert found.count(3) > 3
