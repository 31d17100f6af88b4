"""ethers 6 against the node; what must hold is said by the tests in ethers.test.mjs."""

from __future__ import annotations

from tests.clients.running import package, run_javascript_tests


def test_ethers_does_all_it_can(url: str) -> None:
    package("ethers")
    run_javascript_tests("ethers.test.mjs", url, at_least=9)
