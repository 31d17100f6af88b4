"""The chain behind eth-tester, and so behind web3.py's `EthereumTesterProvider`.

    from eth_tester import EthereumTester
    from evm_dex.tester import Backend
    from web3 import EthereumTesterProvider, Web3

    w3 = Web3(EthereumTesterProvider(EthereumTester(backend=Backend())))

Needs the extra `tester`: pip install evm-dex[tester].
"""

from evm_dex.tester.backend import Backend
from evm_dex.tester.indexed import IndexedTester
from evm_dex.tester.translate_errors import CallReverted, RejectedTransaction

Failed, Refused = CallReverted, RejectedTransaction
"""The same errors under their first names."""

__all__ = ["Backend", "CallReverted", "Failed", "IndexedTester", "Refused", "RejectedTransaction"]
