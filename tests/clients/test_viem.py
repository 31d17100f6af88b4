"""viem against the node; what must hold is said by the tests in the .mjs files."""

from __future__ import annotations

import pytest

from tests.clients.running import package, run_javascript_tests, started_node


def test_viem_does_all_it_can(url: str) -> None:
    package("viem")
    run_javascript_tests("viem.test.mjs", url, at_least=10)


@pytest.mark.parametrize("mode", ["anvil", "hardhat", "ganache"])
def test_every_method_of_its_test_client(mode: str) -> None:
    package("viem")
    with started_node("--client-name", mode) as url:
        run_javascript_tests(
            "viem_test_client.test.mjs", url, at_least=30, env={"EVM_DEX_MODE": mode}
        )
