"""Pruning takes what no kept state needs, and nothing else."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak
from trie.constants import BLANK_NODE_HASH
from trie.hexary import HexaryTrie
from trie.iter import NodeIterator
from typer.testing import CliRunner

import evm_dex
from checkpoint.errors import StoreDamaged, StoreError, StoreLocked, UndoExpired
from checkpoint.families import Family
from checkpoint.pruning import PruneReport, prune_states
from checkpoint.retention import resolve_retention
from checkpoint.rocks import RocksStore
from checkpoint.store import StoreReader
from checkpoint.store_batch import BlockBatch
from checkpoint.verify import verify_store
from evm_dex.cli import app
from evm_dex.client.dex import Dex
from evm_dex.errors import StateMissing
from tests.chain.trading import open_on, state_of, transactions
from tests.checkpoint.fake_chain import contents
from tests.checkpoint.processes import run

WINDOW = 12
BLOCKS = 60
RAWS = transactions(seed=8, count=BLOCKS + 20)


def grow(dex: Dex, blocks: int = BLOCKS) -> Dex:
    for raw in RAWS[dex.head.number : blocks]:
        dex.send_raw(raw)
    return dex


def opened(path: Path) -> RocksStore:
    return RocksStore(path, undo_window=WINDOW)


def grown(path: Path, blocks: int = BLOCKS) -> Path:
    """A chain on disk with a contract of its own, whose code and storage count too."""
    with closing(opened(path)) as store:
        grow(open_on(store), blocks)
    return path


def prune(path: Path, **options: Any) -> PruneReport:
    phases: list[str] = []
    report = prune_states(
        path,
        undo_window=WINDOW,
        progress=lambda phase, *_: phases.append(phase),
        **options,
    )
    assert phases, "long work must tell how it goes"
    return report


def everything(path: Path) -> dict[Family, dict[bytes, bytes]]:
    with closing(opened(path)) as store:
        return contents(store)


class Recorder(dict[bytes, bytes]):
    """Nodes that remember which of them were read."""

    def __init__(self, store: StoreReader) -> None:
        super().__init__(store.iterate(Family.NODES))
        self.read: set[bytes] = set()

    def __getitem__(self, key: bytes) -> bytes:
        self.read.add(key)
        return super().__getitem__(key)


def needed(store: StoreReader, roots: list[bytes]) -> set[bytes]:
    """What reading all of some states reads, by another library's tries."""
    nodes = Recorder(store)

    def values(root: bytes) -> list[bytes]:
        if root == BLANK_NODE_HASH:
            return []
        return [value for _, value in NodeIterator(HexaryTrie(nodes, root)).items()]

    for root in roots:
        for account in values(root):
            _, _, storage_root, code_hash = rlp.decode(account)
            values(storage_root)
            if code_hash != keccak(b""):
                assert nodes[code_hash]
    return nodes.read


@pytest.mark.slow
@pytest.mark.parametrize("keep", [None, 1, 3, 1000])
def test_what_stays_is_what_reading_the_kept_states_reads(tmp_path: Path, keep: int | None) -> None:
    before = everything(grown(tmp_path))
    report = prune(tmp_path, keep_states=keep)
    last = WINDOW + 1 if keep is None else min(keep, BLOCKS)
    assert report.states == last + 1
    with closing(opened(tmp_path)) as store:
        chain = open_on(store).chain
        heights = [0, *range(BLOCKS - last + 1, BLOCKS + 1)]
        kept = needed(store, [chain.header(height).state_root for height in heights])
        after = contents(store)
    assert set(after[Family.NODES]) == kept
    assert report.after.nodes == len(kept)
    assert (len(kept) < len(before[Family.NODES])) == (keep != 1000)
    assert after[Family.NODES].items() <= before[Family.NODES].items()
    for family in set(Family) - {Family.NODES}:
        assert after[family] == before[family]


def test_kept_states_answer_as_before_and_pruned_ones_say_they_are_missing(tmp_path: Path) -> None:
    def answers(dex: Dex, height: int) -> tuple[Any, ...]:
        weth, account = dex.tokens["WETH"], dex.accounts[0]
        return (
            dex.balance(account, height),
            dex.nonce(account, height),
            dex.code(weth, height),
            dex.storage(dex.spot, 0, height),
            weth.call("balanceOf", account, block=height),
            dex.spot.call("getDepth", weth, 20, block=height),
        )

    kept = range(BLOCKS - WINDOW, BLOCKS + 1)
    with closing(opened(grown(tmp_path))) as store:
        dex = open_on(store)
        before = {height: answers(dex, height) for height in kept}
    prune(tmp_path)
    with closing(opened(tmp_path)) as store:
        dex = open_on(store)
        assert {height: answers(dex, height) for height in kept} == before
        assert dex.balance(dex.accounts[0], 0) > 0
        gone, weth = BLOCKS - WINDOW - 1, dex.tokens["WETH"]
        for read in (dex.balance, dex.nonce, dex.code):
            with pytest.raises(StateMissing, match=f"block {gone} is not kept"):
                read(dex.accounts[0], gone)
        with pytest.raises(StateMissing, match=f"block {gone} is not kept"):
            dex.storage(weth, 0, gone)
        with pytest.raises(UndoExpired):
            weth.call("totalSupply", block=gone)
        assert len(dex.logs()) > 0


def test_fewer_states_than_undo_rows_leave_typed_errors_and_no_wrong_answer(tmp_path: Path) -> None:
    prune(grown(tmp_path), keep_states=4)
    with closing(opened(tmp_path)) as store:
        dex = open_on(store)
        before = state_of(dex)
        for height in range(BLOCKS - WINDOW, BLOCKS - 3):
            with pytest.raises(StateMissing):
                dex.tokens["WETH"].call("totalSupply", block=height)
            with pytest.raises(StateMissing):
                dex.rollback(height)
        assert state_of(dex) == before
        assert dex.rollback(BLOCKS - 3).number == BLOCKS - 3


def test_the_chain_goes_on_and_back_as_one_never_pruned(tmp_path: Path) -> None:
    prune(grown(tmp_path))
    twin = open_on()
    with closing(opened(tmp_path)) as store:
        dex = open_on(store)
        dex.rollback(BLOCKS - WINDOW)
        grow(dex, BLOCKS + 20)
        assert dex.head.hash == grow(twin, BLOCKS + 20).head.hash
        assert dex.self_check() == []
        assert verify_store(store).difference is None


def test_pruning_twice_or_dry_changes_nothing_more(tmp_path: Path) -> None:
    before = everything(grown(tmp_path))
    foretold = prune(tmp_path, dry_run=True)
    assert everything(tmp_path) == before
    done = prune(tmp_path)
    assert (foretold.after.nodes, foretold.after.node_bytes) == (
        done.after.nodes,
        done.after.node_bytes,
    )
    assert (foretold.states, foretold.before.nodes) == (done.states, done.before.nodes)
    after = everything(tmp_path)
    again = prune(tmp_path)
    assert (again.before.nodes, again.after.nodes) == (done.after.nodes, done.after.nodes)
    assert everything(tmp_path) == after


def test_branches_that_were_left_take_no_room_afterwards(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "there and back")) as store:
        dex = grow(open_on(store), 40)
        dex.mine(timestamp=dex.head.timestamp + 50)
        grow(dex, 41)
        for raw in RAWS[40:48]:
            dex.send_raw(raw)
        dex.rollback(40)
        grow(dex)
    for path in (tmp_path / "there and back", grown(tmp_path / "straight")):
        prune(path)
    assert (
        everything(tmp_path / "there and back")[Family.NODES]
        == everything(tmp_path / "straight")[Family.NODES]
    )


def test_undo_rows_below_the_window_and_surplus_checkpoints_go(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, checkpoint_interval=10, keep_checkpoints=9) as dex:
        grow(dex)
    resolve_retention(tmp_path / "retention.json", None, 2)
    report = prune(tmp_path)
    assert (report.before.undo_rows, report.after.undo_rows) == (BLOCKS + 1, WINDOW)
    assert (report.before.checkpoints, report.after.checkpoints) == (6, 2)
    with closing(opened(tmp_path)) as store:
        assert open_on(store).rollback(BLOCKS - WINDOW).number == BLOCKS - WINDOW


@pytest.mark.slow
def test_disk_is_given_back(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        dex = open_on(store, automine=False)
        for number in range(60):
            for account in range(40):
                target = keccak(bytes((number, account)))[:20]
                dex.submit(to=target, value=1, gas=21_000, max_fee_per_gas=10**10)
            dex.mine()
        store.compact()
    report = prune(tmp_path, keep_states=1)
    assert report.after.node_bytes < report.before.node_bytes // 2
    assert report.after.disk_bytes < report.before.disk_bytes


def test_a_kept_state_that_is_not_whole_is_named_and_nothing_is_removed(tmp_path: Path) -> None:
    with closing(opened(grown(tmp_path))) as store:
        chain = open_on(store).chain
        last, earlier = (
            needed(store, [chain.header(height).state_root]) for height in (BLOCKS, BLOCKS - 1)
        )
        root = chain.header(BLOCKS - 1).state_root
        lost = min(earlier - last - {root})
        batch = BlockBatch()
        batch.delete(Family.NODES, lost)
        store.write(batch)
    before = everything(tmp_path)
    with pytest.raises(StoreDamaged, match=lost.hex()):
        prune(tmp_path)
    assert everything(tmp_path) == before


def test_a_head_that_is_not_proven_is_not_pruned(tmp_path: Path) -> None:
    with closing(opened(grown(tmp_path))) as store:
        key, value = next(store.iterate(Family.ROWS, prefix=b"\x05"))
        batch = BlockBatch()
        batch.put(Family.ROWS, key, value[:-1] + bytes((value[-1] ^ 1,)))
        head = store.head()
        assert head is not None
        batch.set_head(head)
        store.write(batch)
    before = everything(tmp_path)
    with pytest.raises(StoreDamaged, match="at least one was altered"):
        prune(tmp_path)
    assert everything(tmp_path) == before


def test_a_running_chain_and_an_empty_store_are_refused(tmp_path: Path) -> None:
    with closing(opened(grown(tmp_path / "running", 3))), pytest.raises(StoreLocked):
        prune(tmp_path / "running")
    with pytest.raises(StoreError, match="no block yet"):
        prune(tmp_path / "empty")
    with pytest.raises(ValueError, match="keep_states must be at least 1"):
        prune(tmp_path / "running", keep_states=0)


KILLED = """
import itertools, os, signal, sys
from pathlib import Path
from checkpoint import pruning
from checkpoint.rocks.database import Database
pruning._BATCH = 10
write, count = Database.write, itertools.count()
def dying(self, changes, *, sync):
    if next(count) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, changes, sync=sync)
Database.write = dying
pruning.prune_states(Path(sys.argv[1]), undo_window=12, progress=lambda *_: None)
"""


@pytest.mark.slow
@pytest.mark.parametrize("write", [0, 1, 2, 4, 7, 15])
def test_a_kill_at_any_write_leaves_a_whole_store_that_can_be_pruned(
    tmp_path: Path, write: int
) -> None:
    grown(tmp_path / "killed")
    prune(grown(tmp_path / "pruned"))
    assert run(KILLED, tmp_path / "killed", write)[0] == -signal.SIGKILL
    with closing(opened(tmp_path / "killed")) as store:
        dex = open_on(store)
        for height in range(BLOCKS + 1):
            root = dex.chain.header(height).state_root
            if store.get(Family.NODES, root) is not None and height:
                assert needed(store, [root]), "a state whose root is there is whole"
        assert dex.self_check() == []
    prune(tmp_path / "killed")
    assert everything(tmp_path / "killed") == everything(tmp_path / "pruned")


def test_the_command_tells_what_it_did(tmp_path: Path) -> None:
    grown(tmp_path)
    runner = CliRunner()
    dry = runner.invoke(app, ["prune", str(tmp_path), "--keep-states", "2", "--dry-run"])
    assert dry.exit_code == 0
    assert "would be left" in dry.output
    done = runner.invoke(app, ["prune", str(tmp_path), "--keep-states", "2", "--json"])
    told = json.loads(done.stdout)
    assert (told["states"], told["height"], told["dry_run"]) == (3, BLOCKS, False)
    assert told["after"]["nodes"] == len(everything(tmp_path)[Family.NODES])
    shown = runner.invoke(app, ["prune", str(tmp_path), "--keep-states", "2"])
    assert "every row proven before and after" in shown.output
    missing = runner.invoke(app, ["prune", str(tmp_path / "nothing")])
    assert missing.exit_code == 1
