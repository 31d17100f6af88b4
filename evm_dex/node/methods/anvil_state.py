"""Writing state, acting for others and looking after the pool, as test nodes let callers."""

from __future__ import annotations

from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.methods.eth_accounts import send_transaction
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_types import Data, Flag, Hash, HexAddress, Quantity


@rpc("anvil_setBalance", "hardhat_setBalance", "evm_setAccountBalance", cheat=True)
def set_balance(node: Node, address: HexAddress, wei: Quantity) -> Flag:
    """Set an account's wei, in a block of its own."""
    node.cheats.set_balance(address, wei)
    return True


@rpc("anvil_addBalance", "hardhat_addBalance", cheat=True)
def add_balance(node: Node, address: HexAddress, wei: Quantity) -> Flag:
    """Add to an account's wei, in a block of its own."""
    node.cheats.set_balance(address, node.chain.state.get_balance(address) + wei)
    return True


@rpc("anvil_setNonce", "hardhat_setNonce", "ganache_setNonce", "evm_setAccountNonce", cheat=True)
def set_nonce(node: Node, address: HexAddress, nonce: Quantity) -> Flag:
    """Raise an account's nonce, in a block of its own."""
    node.cheats.set_nonce(address, nonce)
    return True


@rpc("anvil_setCode", "hardhat_setCode", "evm_setAccountCode", cheat=True)
def set_code(node: Node, address: HexAddress, code: Data) -> Flag:
    """Make an account a contract with this runtime code, in a block of its own."""
    node.cheats.set_code(address, code)
    return True


@rpc(
    "anvil_setStorageAt",
    "hardhat_setStorageAt",
    "ganache_setStorageAt",
    "evm_setAccountStorageAt",
    cheat=True,
)
def set_storage_at(node: Node, address: HexAddress, slot: Quantity, value: Quantity) -> Flag:
    """Set one storage word of an account, in a block of its own."""
    node.cheats.set_storage(address, slot, value)
    return True


@rpc("anvil_dealERC20", "anvil_dealErc20", cheat=True)
def deal_erc20(node: Node, address: HexAddress, token: HexAddress, amount: Quantity) -> Flag:
    """Let an account have so much of a token, in a block of its own."""
    if node.dex is None:
        raise failed(
            "this node has no exchanges, and so no way to find balances: use anvil_setStorageAt"
        )
    node.dex.cheats.deal(token, address, amount)
    return True


@rpc("anvil_setERC20Allowance", "anvil_setErc20Allowance", cheat=True)
def set_erc20_allowance(
    node: Node, owner: HexAddress, spender: HexAddress, token: HexAddress, amount: Quantity
) -> Flag:
    """Let an account spend so much of another's token, in a block of its own."""
    if node.dex is None:
        raise failed(
            "this node has no exchanges, and so no way to find allowances: use anvil_setStorageAt"
        )
    node.dex.cheats.allow(token, owner, spender, amount)
    return True


@rpc(
    "anvil_impersonateAccount",
    "hardhat_impersonateAccount",
    "ganache_impersonateAccount",
    cheat=True,
)
def impersonate_account(node: Node, address: HexAddress) -> Flag:
    """Take transactions of an account, or a contract, without its signature."""
    node.cheats.impersonate(address)
    return True


@rpc(
    "anvil_stopImpersonatingAccount",
    "hardhat_stopImpersonatingAccount",
    "ganache_stopImpersonatingAccount",
    cheat=True,
)
def stop_impersonating_account(node: Node, address: HexAddress) -> Flag:
    """Ask for the account's signature again."""
    node.cheats.stop_impersonating(address)
    return True


@rpc("anvil_autoImpersonateAccount", "hardhat_autoImpersonateAccount", cheat=True)
def auto_impersonate_account(node: Node, on: Flag) -> Flag:
    """Take every account's transactions without a signature, or no longer."""
    node.cheats.auto_impersonate(on=on)
    return True


@rpc("eth_sendUnsignedTransaction", cheat=True)
def send_unsigned_transaction(node: Node, request: TransactionRequest) -> Hash:
    """Send a transaction like eth_sendTransaction, which takes impersonated accounts too."""
    return send_transaction(node, request)


@rpc("anvil_dropTransaction", "hardhat_dropTransaction", "ganache_dropTransaction", cheat=True)
def drop_transaction(node: Node, transaction_hash: Hash) -> Flag:
    """Take a waiting transaction out; whether it was there. Its sender's later ones wait on."""
    return node.cheats.drop_transaction(transaction_hash)


@rpc("anvil_dropAllTransactions", "hardhat_dropAllTransactions", cheat=True)
def drop_all_transactions(node: Node) -> Flag:
    """Take out all that waits."""
    node.cheats.drop_all_transactions()
    return True


@rpc("anvil_removePoolTransactions", cheat=True)
def remove_pool_transactions(node: Node, address: HexAddress) -> Flag:
    """Take out all that waits of one sender."""
    node.chain.drop_transactions(lambda item: item.sender == address)
    return True


@rpc("anvil_setMinGasPrice", "hardhat_setMinGasPrice", "ganache_setMinGasPrice", cheat=True)
def set_min_gas_price(node: Node, wei: Quantity) -> Flag:
    """Take only transactions that pay at least so much per gas, base fee included."""
    node.set_min_gas_price(wei)
    return True
