"""Which requests are answered, by Host and Origin, and what those are told that are not."""

from __future__ import annotations

import pytest

from evm_dex.http.origin_policy import OriginPolicy

HERE = "127.0.0.1:8545"
EXTENSION = "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn"


@pytest.mark.parametrize("origin", [None, "Titanoboa", "moccasin", "", f"http://{HERE}"])
def test_programs_and_its_own_page_are_answered(origin: str | None) -> None:
    assert OriginPolicy("127.0.0.1").refusal(HERE, origin) is None


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "NULL", EXTENSION])
def test_pages_and_extensions_are_told_how_they_are_allowed(origin: str) -> None:
    refusal = OriginPolicy("127.0.0.1").refusal(HERE, origin)
    assert refusal is not None
    assert refusal.endswith(f"are not allowed: give it by --cors {origin}")
    assert ("extensions of the browser" in refusal) == (origin == EXTENSION)
    assert OriginPolicy("127.0.0.1", [origin]).refusal(HERE, origin) is None
    assert OriginPolicy("127.0.0.1", ["*"]).refusal(HERE, origin) is None


@pytest.mark.parametrize("host", ["node:8545", "NODE", "host.docker.internal:8545"])
def test_a_name_is_known_when_it_was_given(host: str) -> None:
    refusal = OriginPolicy("0.0.0.0").refusal(host, None)
    assert refusal is not None
    assert "--allow-host" in refusal
    named = OriginPolicy("0.0.0.0", names=["Node", "host.docker.internal"])
    assert named.refusal(host, None) is None
    assert named.refusal("other:8545", None) is not None


def test_a_name_to_listen_on_is_known() -> None:
    assert OriginPolicy("node.local").refusal("node.local:8545", None) is None
