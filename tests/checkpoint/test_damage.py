"""Files that were lost, cut off or altered: refused by name, or harmless; never another state."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from checkpoint.commit_marker import read_commit_marker
from checkpoint.errors import CommitsLost, StoreDamaged, StoreError
from checkpoint.families import Family
from checkpoint.rocks import RocksStore
from tests.checkpoint.fake_chain import FakeChain, State, contents

FLUSHED = 5
"""The last block that is in files of rows; those above are in the log only."""
LAST = 9


@pytest.fixture(scope="module")
def states() -> list[State]:
    """What the store `original` held after each block."""
    rng, chain, states = random.Random(1), FakeChain(), []
    for _ in range(LAST + 1):
        chain.random_block(rng)
        states.append({family: dict(pairs) for family, pairs in chain.state.items()})
    return states


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as a kill leaves it, with blocks in its log."""
    live = tmp_path_factory.mktemp("original") / "live"
    rng, chain = random.Random(1), FakeChain()
    with closing(RocksStore(live)) as store:
        for height in range(LAST + 1):
            store.write(chain.random_block(rng))
            if height == FLUSHED:
                store.checkpoint(live.parent / "flush")
        return Path(shutil.copytree(live, live.parent / "store"))


@pytest.fixture
def store_path(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "store"))


def the_log(path: Path) -> Path:
    (log,) = (path / "db").glob("*.log")
    return log


def flip(file: Path, offset: int) -> None:
    content = bytearray(file.read_bytes())
    content[offset] ^= 0x10
    file.write_bytes(content)


def snapshot(path: Path) -> dict[str, bytes]:
    """All files of the database but RocksDB's own diary."""
    return {
        file.name: file.read_bytes()
        for file in (path / "db").iterdir()
        if not file.name.startswith("LOG") and file.name != "LOCK"
    }


def test_undamaged_copy_opens_at_the_last_block(store_path: Path, states: list[State]) -> None:
    with closing(RocksStore(store_path)) as store:
        assert contents(store) == states[LAST]


def test_deleted_log_does_not_pass_as_an_older_head(store_path: Path) -> None:
    the_log(store_path).unlink()
    with pytest.raises(CommitsLost, match=f"is at height {FLUSHED} but height {LAST} was commit"):
        RocksStore(store_path)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.999])
def test_cut_off_log_does_not_pass_as_an_older_head(store_path: Path, part: float) -> None:
    log = the_log(store_path)
    os.truncate(log, int(log.stat().st_size * part))
    with pytest.raises(CommitsLost, match=f"but height {LAST} was committed.*accept_loss"):
        RocksStore(store_path)


@pytest.mark.parametrize("part", [0, 0.3, 0.6, 0.999])
def test_altered_log_is_refused_and_left_as_it_is(store_path: Path, part: float) -> None:
    log = the_log(store_path)
    flip(log, int(log.stat().st_size * part))
    before = snapshot(store_path)
    with pytest.raises(StoreDamaged, match="checksum mismatch"):
        RocksStore(store_path)
    assert snapshot(store_path) == before


def test_lost_commits_leave_the_store_as_it_is(store_path: Path) -> None:
    log = the_log(store_path)
    os.truncate(log, log.stat().st_size // 2)
    before = snapshot(store_path)
    for _ in range(2):
        with pytest.raises(CommitsLost):
            RocksStore(store_path)
    assert snapshot(store_path) == before


@pytest.mark.parametrize("how", ["deleted", "cut off", "altered"])
def test_accepting_the_loss_goes_on_from_a_whole_block(
    store_path: Path, states: list[State], how: str
) -> None:
    log = the_log(store_path)
    if how == "deleted":
        log.unlink()
    elif how == "cut off":
        os.truncate(log, log.stat().st_size // 2)
    else:
        flip(log, log.stat().st_size // 2)
    with closing(RocksStore(store_path, accept_loss=True)) as store:
        head = store.head()
        assert head is not None
        assert FLUSHED <= head.height < LAST
        assert contents(store) == states[head.height]
    with closing(RocksStore(store_path)) as store:
        assert store.head() == head


def test_half_a_record_at_the_end_of_the_log_is_what_a_kill_leaves(
    store_path: Path, states: list[State]
) -> None:
    log = the_log(store_path)
    with log.open("ab") as file:
        file.write(log.read_bytes()[:50])
    with closing(RocksStore(store_path)) as store:
        assert contents(store) == states[LAST]


def tear_both_slots(file: Path) -> None:
    flip(file, 3)
    flip(file, 512 + 3)


def overwrite(file: Path) -> None:
    file.write_bytes(random.Random(0).randbytes(1024))


DAMAGED_WITNESS: dict[str, Callable[[Path], None]] = {
    "deleted": Path.unlink,
    "emptied": lambda file: os.truncate(file, 0),
    "cut off": lambda file: os.truncate(file, 20),
    "overwritten": overwrite,
    "torn": tear_both_slots,
}


@pytest.mark.parametrize("damage", DAMAGED_WITNESS)
def test_damaged_witness_locks_nobody_out(
    store_path: Path, states: list[State], damage: str
) -> None:
    DAMAGED_WITNESS[damage](store_path / "witness")
    with closing(RocksStore(store_path)) as store:
        assert contents(store) == states[LAST]
    witness = read_commit_marker(store_path / "witness")
    assert witness is not None
    assert witness.height == LAST


def test_with_one_slot_torn_the_other_still_witnesses(store_path: Path) -> None:
    witness = read_commit_marker(store_path / "witness")
    assert witness is not None
    flip(store_path / "witness", witness.sequence % 2 * 512)
    earlier = read_commit_marker(store_path / "witness")
    assert earlier is not None
    assert (earlier.sequence, earlier.height) == (witness.sequence - 1, LAST - 1)
    the_log(store_path).unlink()
    with pytest.raises(CommitsLost, match=f"height {LAST - 1} was committed"):
        RocksStore(store_path)


def test_witness_one_behind_is_what_a_kill_leaves(store_path: Path) -> None:
    witness = read_commit_marker(store_path / "witness")
    assert witness is not None
    slot = witness.sequence % 2 * 512
    content = bytearray((store_path / "witness").read_bytes())
    content[slot : slot + 512] = bytes(512)
    (store_path / "witness").write_bytes(content)
    with closing(RocksStore(store_path)) as store:
        assert store.sequence == witness.sequence
    assert read_commit_marker(store_path / "witness") == witness


def test_older_copy_of_the_database_put_back_is_refused(store_path: Path, tmp_path: Path) -> None:
    shutil.copytree(store_path / "db", tmp_path / "copy")
    rng, chain = random.Random(1), FakeChain()
    for _ in range(LAST + 1):
        chain.random_block(rng)
    with closing(RocksStore(store_path)) as store:
        store.write(chain.block({}))
    shutil.rmtree(store_path / "db")
    shutil.copytree(tmp_path / "copy", store_path / "db")
    with pytest.raises(CommitsLost, match=f"is at height {LAST} but height {LAST + 1} was"):
        RocksStore(store_path)


def test_another_stores_database_is_refused(store_path: Path, tmp_path: Path) -> None:
    rng, chain = random.Random(1), FakeChain(salt=b"other")
    with closing(RocksStore(tmp_path / "other")) as store:
        for _ in range(LAST + 1):
            store.write(chain.random_block(rng))
    shutil.rmtree(store_path / "db")
    shutil.copytree(tmp_path / "other" / "db", store_path / "db")
    with pytest.raises(StoreDamaged, match="with genesis"):
        RocksStore(store_path)
    (store_path / "chain.json").unlink()
    with pytest.raises(StoreDamaged, match="another store's database"):
        RocksStore(store_path)


def test_deleted_database_does_not_pass_as_a_new_store(store_path: Path) -> None:
    shutil.rmtree(store_path / "db")
    with pytest.raises(StoreDamaged, match=r"missing.*restore a checkpoint"):
        RocksStore(store_path)
    assert not (store_path / "db").exists()


def test_interrupted_creation_is_begun_again(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)):
        pass
    (tmp_path / "witness").unlink()
    (tmp_path / "db" / "CURRENT").unlink()
    for log in (tmp_path / "db").glob("*.log"):
        log.unlink()
    with closing(RocksStore(tmp_path)) as store:
        assert store.head() is None


def damages(file: Path) -> dict[str, Callable[[], None]]:
    """Ways to damage a file."""
    size = file.stat().st_size
    ways: dict[str, Callable[[], None]] = {
        "deleted": file.unlink,
        "emptied": partial(os.truncate, file, 0),
        "halved": partial(os.truncate, file, size // 2),
    }
    for part in (0.3, 0.7, 1):
        offset = int(part * max(size - 1, 0))
        ways[f"flipped at {offset}"] = partial(flip, file, offset)
    return ways


def outcome(path: Path, expected: State) -> str:
    """What a reader of a possibly damaged store gets; fails if it is another state."""
    try:
        store = RocksStore(path)
    except StoreError as error:
        named = (str(path), "family", "head")
        return "refused" if any(name in str(error) for name in named) else f"unclear: {error}"
    with closing(store):
        for family in Family:
            try:
                found = (
                    dict(store.iterate(family)),
                    [*map(partial(store.get, family), expected[family])],
                )
            except StoreDamaged as error:
                return "named" if f"family {family}" in str(error) else f"unclear: {error}"
            assert found == (expected[family], [*expected[family].values()])
    return "harmless"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["*.sst", "MANIFEST-*", "CURRENT", "IDENTITY", "OPTIONS-*"])
def test_damage_to_any_file_is_named_or_harmless(
    original: Path, tmp_path: Path, states: list[State], kind: str
) -> None:
    files = sorted(file.name for file in (original / "db").glob(kind))
    assert files
    outcomes: dict[str, str] = {}
    for name in files:
        for way in damages(original / "db" / name):
            path = Path(shutil.copytree(original, tmp_path / f"{name} {way}"))
            damages(path / "db" / name)[way]()
            outcomes[f"{name} {way}"] = outcome(path, states[LAST])
            shutil.rmtree(path)
    if kind in ("*.sst", "MANIFEST-*", "CURRENT"):
        # A flipped bit may be in what nobody reads; a file cut off or gone never is.
        cut = {case: found for case, found in outcomes.items() if "flipped" not in case}
        assert set(cut.values()) <= {"refused", "named"}, cut
        assert set(outcomes.values()) <= {"refused", "named", "harmless"}, outcomes
    else:
        assert set(outcomes.values()) == {"harmless"}
