"""What is missing skips a test with a word on what to do; where CI is set it fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.running import skip_without


def test_on_a_machine_without_the_packages_a_test_is_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make clients-deps"):
        skip_without(tmp_path / "none", "forge")


def test_under_ci_it_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make clients-deps"):
        skip_without(None, "forge")
    assert skip_without(tmp_path, "forge") == tmp_path
