from __future__ import annotations

import pytest

from evm_dex.follower import follower


@pytest.fixture(autouse=True)
def writes_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer wait for its block for as long as a busy machine takes to bring it."""
    monkeypatch.setattr(follower, "_SECONDS_FOR_OWN_WRITE", 60.0)
