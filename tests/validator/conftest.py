"""Directories near to the root: the name of a socket may have 107 bytes."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest's, without the name of the test in it."""
    return tmp_path_factory.mktemp("v")
