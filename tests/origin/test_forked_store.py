"""A forked chain's store: read beside its writer, pruned, restored, exported, in the history."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import evm_dex
from checkpoint.archive import export_json_lines, import_archive
from checkpoint.families import Family
from checkpoint.pruning import prune_states
from checkpoint.restore import restore
from checkpoint.verify import verify_store
from evm_dex.chain.block_proof import inspect_block
from tests.origin.fake_origin import CONTRACT, FakeOrigin, an_origin


@pytest.fixture(scope="module")
def origin() -> Iterator[FakeOrigin]:
    with an_origin() as found:
        yield found


@pytest.fixture
def made(origin: FakeOrigin, tmp_path: Path) -> Path:
    path = tmp_path / "fork"
    with evm_dex.open(path, fork=origin.url, checkpoint_interval=4) as dex:
        assert dex.storage(CONTRACT, 3) == 21
        for _ in range(6):
            dex.tokens["WETH"].send("transfer", dex.accounts[2], 1)
        dex.send(to=CONTRACT, value=1)
    return path


def test_every_part_is_proven(made: Path) -> None:
    with evm_dex.open(made) as dex:
        assert verify_store(dex.store, deep=True, inspect=inspect_block).difference is None
        assert dex.self_check() == []


def test_it_is_read_beside_its_writer(origin: FakeOrigin, made: Path) -> None:
    with (
        evm_dex.open(made, fork=origin.url) as dex,
        contextlib.closing(evm_dex.open_beside(made)) as beside,
    ):
        assert beside.chain.head.hash == dex.chain.head.hash
        assert beside.storage(CONTRACT, 3) == 21
        with pytest.raises(evm_dex.ChainError, match="--fork-url"):
            beside.balance(b"many" * 4 + (250).to_bytes(4, "big"))


def test_pruning_leaves_what_was_fetched(made: Path) -> None:
    with evm_dex.open(made) as dex:
        before = dict(dex.store.iterate(Family.ORIGIN))
    prune_states(made, keep_states=1, progress=lambda *_: None)
    with evm_dex.open(made) as dex:
        assert dict(dex.store.iterate(Family.ORIGIN)) == before
        assert dex.storage(CONTRACT, 3) == 21
        dex.chain.rollback(dex.chain.first.hash)
        assert dex.balance(CONTRACT) == 0


def test_a_checkpoint_has_what_was_fetched(made: Path) -> None:
    restore(made, 12)
    with evm_dex.open(made) as dex:
        assert dex.chain.head.block_number == 12
        assert dex.storage(CONTRACT, 3) == 21


def test_json_lines_have_it_too(made: Path, tmp_path: Path) -> None:
    with evm_dex.open(made) as dex:
        kept, root = dict(dex.store.iterate(Family.ORIGIN)), dex.chain.head.state_root
    export_json_lines(made, tmp_path / "state.jsonl", inspect=inspect_block)
    import_archive(tmp_path / "state.jsonl", tmp_path / "copy", inspect=inspect_block)
    with evm_dex.open(tmp_path / "copy") as dex:
        assert dict(dex.store.iterate(Family.ORIGIN)) == kept
        assert dex.chain.head.state_root == root


def test_orders_of_a_forked_chain_are_recorded(origin: FakeOrigin) -> None:
    with evm_dex.open(fork=origin.url) as dex:
        dex.spot.send("placeOrder", "WETH", 10**18, 10**9, True)
        events = list(dex.store.iterate(Family.EVENTS))
        dex.chain.rollback(dex.chain.first.hash)
        assert events
        assert len(list(dex.store.iterate(Family.EVENTS))) > len(events)


def test_state_before_the_fork_is_asked_of_the_origin(origin: FakeOrigin) -> None:
    there = origin.dex
    owner = there.accounts[0]
    with evm_dex.open(fork=origin.url) as dex:
        for block in (0, 2, 9):
            assert dex.balance(owner.address, block) == there.balance(owner.address, block)
            assert dex.nonce(owner.address, block) == there.nonce(owner.address, block)
            assert dex.storage(CONTRACT, 5, block) == there.storage(CONTRACT, 5, block)
            assert dex.code(CONTRACT, block) == there.code(CONTRACT, block)
        root = there.chain.header(2).state_root
        assert dex.chain.state_at(2).state_root == root
