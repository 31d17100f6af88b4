"""A chain takes another's place, and is killed at every step of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from evm_dex.follower.directory import FollowerDirectory


class Killed(BaseException):
    """The process ends here."""


def chain(path: Path, name: str) -> None:
    (path / "db").mkdir(parents=True)
    for file in ("db/000001.log", "db/CURRENT", "aaa", "lock", "zzz"):
        (path / file).write_text(name)
    FollowerDirectory(path).note("http://127.0.0.1:1")


def killing(after: int, patch: pytest.MonkeyPatch) -> None:
    """Kill at a step of those that change directories."""
    steps = 0

    def step(real: Any, *args: Any, **named: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps > after:
            raise Killed
        return real(*args, **named)

    for name in ("rename", "unlink", "rmdir"):
        real = getattr(os, name)
        patch.setattr(os, name, lambda *args, real=real, **named: step(real, *args, **named))


def test_a_swap_that_is_killed_at_any_step_is_finished_or_forgotten(tmp_path: Path) -> None:
    after, is_whole = 0, False
    while not is_whole:
        path = tmp_path / str(after) / "chain"
        chain(path, "old")
        directory = FollowerDirectory(path)
        directory.begin_fetching()
        chain(path.with_name("chain.incoming") / "chain", "new")
        with pytest.MonkeyPatch.context() as patch:
            killing(after, patch)
            try:
                directory.swap()
                is_whole = True
            except Killed:
                pass
        directory.recover()
        assert [each.name for each in path.parent.iterdir()] == ["chain"]
        texts = {
            file.read_text()
            for file in path.rglob("*")
            if file.is_file() and file.name != "follows.json"
        }
        assert texts in ({"old"}, {"new"}), after
        assert directory.is_a_followers
        after += 1
    assert texts == {"new"}
    assert after > 8


def test_a_recovery_that_is_killed_at_any_step_is_taken_up(tmp_path: Path) -> None:
    after, is_whole = 0, False
    while not is_whole:
        path = tmp_path / str(after) / "chain"
        chain(path, "new")
        chain(path.with_name("chain.outgoing"), "old")
        with pytest.MonkeyPatch.context() as patch:
            killing(after, patch)
            try:
                FollowerDirectory(path).recover()
                is_whole = True
            except Killed:
                pass
        FollowerDirectory(path).recover()
        assert [each.name for each in path.parent.iterdir()] == ["chain"]
        after += 1
    assert after > 5
