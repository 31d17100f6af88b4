"""What web3.py's module tests ask for: contracts of its own, deployed on our chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_tester import EthereumTester
from web3 import EthereumTesterProvider, Web3
from web3._utils.contract_sources.contract_data._custom_contract_data import EMITTER_ENUM
from web3._utils.contract_sources.contract_data.emitter_contract import EMITTER_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.math_contract import MATH_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.offchain_lookup import OFFCHAIN_LOOKUP_DATA
from web3._utils.contract_sources.contract_data.panic_errors_contract import (
    PANIC_ERRORS_CONTRACT_DATA,
)
from web3._utils.contract_sources.contract_data.revert_contract import REVERT_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.storage_contract import STORAGE_CONTRACT_DATA
from web3._utils.module_testing.utils import RequestMocker

from evm_dex.tester import Backend

GWEI = 10**9
KEYFILE_KEY = "0x58d23b55bc9cdce1f18c2500f40ff4ab7245df9a89505e9b1fa4851f623d241d"
"""The account that web3.py's tests know."""
DEPLOYED = (
    *("math_contract", "storage_contract", "revert_contract", "offchain_lookup_contract"),
    *("panic_errors_contract", "empty_block", "block_with_txn", "block_with_txn_with_log"),
)


@pytest.fixture(scope="module")
def w3_tester() -> EthereumTester:
    return EthereumTester(backend=Backend())


@pytest.fixture(scope="module")
def w3(w3_tester: EthereumTester) -> Any:
    connected: Any = Web3(EthereumTesterProvider(w3_tester))
    account = w3_tester.add_account(KEYFILE_KEY)
    connected.eth.send_transaction(
        {"from": connected.eth.accounts[0], "to": account, "value": connected.to_wei(0.5, "ether")}
    )
    return connected


@pytest.fixture(scope="module")
def keyfile_account_pkey() -> str:
    return KEYFILE_KEY


@pytest.fixture(scope="module")
def keyfile_account_address(w3: Any) -> str:
    return str(w3.eth.account.from_key(KEYFILE_KEY).address)


@pytest.fixture
def keyfile_account_address_dual_type(keyfile_account_address: str) -> str:
    return keyfile_account_address


def deployed(w3: Any, data: dict[str, Any]) -> Any:
    factory = w3.eth.contract(**data)
    transaction = factory.constructor().transact({"from": w3.eth.accounts[0]})
    address = w3.eth.wait_for_transaction_receipt(transaction)["contractAddress"]
    return factory(address)


@pytest.fixture(scope="module")
def math_contract_deploy_txn_hash(w3: Any) -> Any:
    factory = w3.eth.contract(**MATH_CONTRACT_DATA)
    return factory.constructor().transact({"from": w3.eth.accounts[0]})


@pytest.fixture(scope="module")
def math_contract(w3: Any, math_contract_deploy_txn_hash: Any) -> Any:
    receipt = w3.eth.wait_for_transaction_receipt(math_contract_deploy_txn_hash)
    return w3.eth.contract(**MATH_CONTRACT_DATA)(receipt["contractAddress"])


@pytest.fixture(scope="module")
def math_contract_address(math_contract: Any) -> Any:
    return math_contract.address


@pytest.fixture(scope="module")
def storage_contract(w3: Any) -> Any:
    return deployed(w3, STORAGE_CONTRACT_DATA)


@pytest.fixture(scope="module")
def emitter_contract(w3: Any) -> Any:
    return deployed(w3, EMITTER_CONTRACT_DATA)


@pytest.fixture(scope="module")
def emitter_contract_address(emitter_contract: Any) -> Any:
    return emitter_contract.address


@pytest.fixture(scope="module")
def revert_contract(w3: Any) -> Any:
    return deployed(w3, REVERT_CONTRACT_DATA)


@pytest.fixture(scope="module")
def offchain_lookup_contract(w3: Any) -> Any:
    return deployed(w3, OFFCHAIN_LOOKUP_DATA)


@pytest.fixture(scope="module")
def panic_errors_contract(w3: Any) -> Any:
    return deployed(w3, PANIC_ERRORS_CONTRACT_DATA)


@pytest.fixture(scope="module")
def empty_block(w3: Any, w3_tester: EthereumTester) -> Any:
    w3_tester.mine_block()
    return w3.eth.get_block("latest")


@pytest.fixture(scope="module")
def block_with_txn(w3: Any) -> Any:
    sent = w3.eth.send_transaction(
        {"from": w3.eth.accounts[0], "to": w3.eth.accounts[0], "value": GWEI, "gasPrice": GWEI}
    )
    return w3.eth.get_block(w3.eth.get_transaction(sent)["blockNumber"])


@pytest.fixture(scope="module")
def mined_txn_hash(block_with_txn: Any) -> Any:
    return block_with_txn["transactions"][0]


@pytest.fixture(scope="module")
def block_with_txn_with_log(w3: Any, emitter_contract: Any) -> Any:
    event = EMITTER_ENUM["LogDoubleWithIndex"]
    call = emitter_contract.functions.logDouble(which=event, arg0=12345, arg1=54321)
    sent = call.transact({"from": w3.eth.accounts[0]})
    return w3.eth.get_block(w3.eth.get_transaction(sent)["blockNumber"])


@pytest.fixture(scope="module")
def txn_hash_with_log(block_with_txn_with_log: Any) -> Any:
    return block_with_txn_with_log["transactions"][0]


@pytest.fixture
def alone(w3_tester: EthereumTester, request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything is deployed before the test, and nothing of it is left behind."""
    for name in DEPLOYED:
        request.getfixturevalue(name)
    snapshot = w3_tester.take_snapshot()
    yield
    w3_tester.revert_to_snapshot(snapshot)


@pytest.fixture
def waiting(w3_tester: EthereumTester) -> Iterator[None]:
    """Transactions wait during the test."""
    w3_tester.disable_auto_mine_transactions()
    try:
        yield
    finally:
        w3_tester.enable_auto_mine_transactions()


@pytest.fixture
def request_mocker() -> type[RequestMocker]:
    return RequestMocker


@pytest.fixture
def skip_if_testrpc() -> Callable[[object], None]:
    """What web3.py's tests call where eth-tester does not sign."""

    def skip(_: object) -> None:
        pytest.skip("eth-tester does not sign messages")

    return skip


def pytest_configure(config: pytest.Config) -> None:
    """web3.py marks its asynchronous tests, which are not run here."""
    config.addinivalue_line("markers", "asyncio: of web3.py's tests")
