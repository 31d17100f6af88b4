"""A node that ape starts and ends, or one that runs already."""

from __future__ import annotations

import socket
import sys
from contextlib import closing
from typing import Any

from ape.api import PluginConfig, SubprocessProvider, TestProviderAPI
from ape.exceptions import ProviderError
from ape_ethereum.provider import Web3Provider
from web3 import HTTPProvider, Web3
from web3.gas_strategies.rpc import rpc_gas_price_strategy

_START = "from evm_dex.cli import main; main()"


class DexConfig(PluginConfig):
    """What ape-config.yaml may say under `evm_dex`."""

    url: str | None = None
    """Address of a node that runs already; without one ape starts its own."""
    options: list[str] = []
    """Options of `evm-dex node` for the node that ape starts, such as --genesis FILE."""


class DexProvider(SubprocessProvider, Web3Provider, TestProviderAPI):
    """The exchanges, and all that ape does with a test node: snapshots, mining, other accounts."""

    _url: str | None = None

    @property
    def process_name(self) -> str:
        """What ape's messages call the node."""
        return "evm-dex node"

    @property
    def uri(self) -> str:
        """Address of the node; empty before ape has connected."""
        return self._url or ""

    @property
    def http_uri(self) -> str:
        """Address for HTTP."""
        return self.uri

    @property
    def ws_uri(self) -> str:
        """Address for WebSocket."""
        return self.uri.replace("http", "ws", 1)

    @property
    def connection_id(self) -> str:
        """What tells this connection from others."""
        return f"{self.network_choice}:{self.uri}"

    @property
    def chain_id(self) -> int:
        """The node's chain id."""
        return int(self.web3.eth.chain_id)

    @property
    def is_connected(self) -> bool:
        """Whether the node answers."""
        if self._url is None:
            return False
        if self._web3 is None:
            web3 = Web3(HTTPProvider(self._url))
            if not web3.is_connected():
                return False
            web3.eth.set_gas_price_strategy(rpc_gas_price_strategy)
            self._web3 = web3
        return True

    def connect(self) -> None:
        """Start a node, or find the one that the configuration names. Raises ProviderError."""
        self._url = self.settings.url
        if self._url is not None:
            if not self.is_connected:
                raise ProviderError(f"no node answers at {self._url}: start `evm-dex node` there")
            return
        super().connect()
        self._url = f"http://127.0.0.1:{_free_port()}"
        self.start()

    def disconnect(self) -> None:
        """End the node if ape started it."""
        self._web3 = None
        super().disconnect()
        self._url = None

    def build_command(self) -> list[str]:
        """Return the command that starts the node with ape's test accounts."""
        test = self.test_config
        accounts = ["--mnemonic", str(test.mnemonic), "--accounts", str(test.number_of_accounts)]
        port = self.uri.rpartition(":")[2]
        return [sys.executable, "-c", _START, "node", "--port", port, *accounts, *self._options]

    @property
    def _options(self) -> list[str]:
        options: list[str] = self.settings.options
        return options

    # What ape does with a test node

    @property
    def auto_mine(self) -> bool:
        """Whether each transaction gets a block at once."""
        return bool(self.make_request("anvil_getAutomine", []))

    @auto_mine.setter
    def auto_mine(self, value: bool) -> None:
        self.make_request("anvil_setAutomine", [value])

    def snapshot(self) -> Any:
        """Remember the chain as it is."""
        return self.make_request("evm_snapshot", [])

    def restore(self, snapshot_id: Any) -> bool:
        """Go back to a snapshot; whether it was there."""
        wanted = hex(snapshot_id) if isinstance(snapshot_id, int) else snapshot_id
        return bool(self.make_request("evm_revert", [wanted]))

    def mine(self, num_blocks: int = 1) -> None:
        """Make blocks."""
        self.make_request("anvil_mine", [hex(num_blocks)])

    def set_timestamp(self, new_timestamp: int) -> None:
        """Choose the next block's time."""
        self.make_request("evm_setNextBlockTimestamp", [hex(new_timestamp)])

    def set_balance(self, address: Any, amount: int) -> None:
        """Set an account's wei."""
        self.make_request("anvil_setBalance", [address, hex(amount)])

    def set_code(self, address: Any, code: Any) -> bool:
        """Make an account a contract."""
        written = code if isinstance(code, str) else "0x" + bytes(code).hex()
        self.make_request("anvil_setCode", [address, written])
        return True

    def set_storage(self, address: Any, slot: int, value: Any) -> None:
        """Set one storage word of a contract."""
        word = "0x" + bytes(value).rjust(32, b"\0").hex()
        self.make_request("anvil_setStorageAt", [address, hex(slot), word])

    def unlock_account(self, address: Any) -> bool:
        """Take transactions of an account without its signature."""
        self.make_request("anvil_impersonateAccount", [address])
        return True

    def relock_account(self, address: Any) -> None:
        """Ask for the account's signature again."""
        self.make_request("anvil_stopImpersonatingAccount", [address])


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
