"""eth-tester's own suite for backends passes on ours."""

from __future__ import annotations

import pytest
from eth_tester import EthereumTester
from eth_tester.utils.backend_testing import BaseTestBackendDirect

from evm_dex.tester import Backend


@pytest.fixture
def eth_tester() -> EthereumTester:
    return EthereumTester(backend=Backend())


class TestBackend(BaseTestBackendDirect):
    """The suite's cases, as they are."""
