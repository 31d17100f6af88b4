"""viem against the node; what must hold is said by the tests in viem.test.mjs."""

from __future__ import annotations

from tests.clients.running import package, run_javascript_tests


def test_viem_does_all_it_can(url: str) -> None:
    package("viem")
    run_javascript_tests("viem.test.mjs", url, at_least=20)
