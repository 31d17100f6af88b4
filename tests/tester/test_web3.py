"""web3.py's own tests of its modules, through eth-tester, on our chain.

They are web3.py's as installed; what eth-tester itself does not offer, on any backend, is listed
with the error it answers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from eth_tester.exceptions import TransactionFailed
from web3._utils.module_testing.eth_module import EthModuleTest
from web3._utils.module_testing.net_module import NetModuleTest
from web3._utils.module_testing.web3_module import Web3ModuleTest
from web3.exceptions import MethodUnavailable, Web3TypeError

Case = Callable[..., Any]
Errors = type[BaseException] | tuple[type[BaseException], ...]

NO_BATCHES = [
    name
    for name in dir(Web3ModuleTest)
    if name.startswith("test_batch_requests") and "concurrently" not in name
]
UNAVAILABLE = [
    "test_eth_create_access_list",
    "test_eth_simulate_v1",
    *(name for name in dir(EthModuleTest) if "eth_sign" in name and name.startswith("test_eth")),
    *(name for name in dir(EthModuleTest) if "getBlockReceipts" in name),
    *(name for name in dir(EthModuleTest) if "get_raw_transaction" in name and "fier" not in name),
]
NO_OVERRIDES = [name for name in dir(EthModuleTest) if "_with_override_" in name]
OWN_FAILURE = [name for name in dir(EthModuleTest) if "revert_with" in name]
WAITING = [
    name
    for name in dir(EthModuleTest)
    if name.startswith(("test_eth_replace_transaction", "test_eth_modify"))
    or name.endswith("_unmined")
    if not name.endswith("_already_mined")
]
"""Cases about transactions that wait."""
OTHER_NODES = [
    "test_eth_getBlockByHash_pending",  # the pending block has a hash here
    "test_eth_get_logs_without_logs",  # no error for a range that ends before it begins
    "test_eth_replace_transaction_underpriced",  # nor for a fee that does not outbid
]


def refused(case: Case, error: Errors) -> Case:
    @functools.wraps(case)
    def expecting(*args: Any, **kwargs: Any) -> None:
        with pytest.raises(error):
            case(*args, **kwargs)

    return expecting


def while_waiting(case: Case) -> Case:
    @functools.wraps(case)
    def waiting(*args: Any, **kwargs: Any) -> None:
        case(*args, **kwargs)

    marked: Case = pytest.mark.usefixtures("waiting")(waiting)
    return marked


def expect(suite: type, base: type, names: Iterable[str], error: Errors) -> None:
    for name in names:
        setattr(suite, name, refused(getattr(base, name), error))


class TestWeb3(Web3ModuleTest):
    pass


@pytest.mark.usefixtures("alone")
class TestEth(EthModuleTest):
    pass


def is_eth_tester(_: object, client_version: str) -> None:
    assert client_version.startswith("EthereumTester/")


class TestNet(NetModuleTest):
    pass


OF_ETH_TESTER = {
    "_check_web3_client_version": is_eth_tester,
    # It leaves a thread with the error, since there are no batches.
    "test_batch_requests_concurrently_with_regular_requests": None,
}
for name, case in OF_ETH_TESTER.items():
    setattr(TestWeb3, name, case)
expect(TestWeb3, Web3ModuleTest, NO_BATCHES, Web3TypeError)
expect(TestEth, EthModuleTest, UNAVAILABLE, MethodUnavailable)
expect(TestEth, EthModuleTest, NO_OVERRIDES, TypeError)
expect(TestEth, EthModuleTest, OWN_FAILURE, TransactionFailed)
expect(TestEth, EthModuleTest, OTHER_NODES, (AssertionError, pytest.fail.Exception))
for name in WAITING:
    setattr(TestEth, name, while_waiting(getattr(TestEth, name)))
