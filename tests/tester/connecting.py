"""web3.py on a backend, and contracts of its own to try it with."""

from __future__ import annotations

from typing import Any

from eth_tester import EthereumTester
from web3 import EthereumTesterProvider, Web3

from evm_dex.tester import Backend


def connected(backend: Backend, kind: type[EthereumTester] = EthereumTester) -> Any:
    """web3.py on a tester of that kind."""
    return Web3(EthereumTesterProvider(kind(backend=backend)))


def deployed(w3: Any, data: dict[str, Any]) -> Any:
    """One of web3.py's contracts, from the first account."""
    factory = w3.eth.contract(**data)
    transaction = factory.constructor().transact({"from": w3.eth.accounts[0]})
    address = w3.eth.wait_for_transaction_receipt(transaction)["contractAddress"]
    return factory(address)
