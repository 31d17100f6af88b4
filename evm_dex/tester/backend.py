"""A backend for eth-tester: what it asks of a chain, answered by ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from eth_account.hdaccount import seed_from_mnemonic
from eth_account.hdaccount.deterministic import HDPath
from eth_tester.backends.base import BaseChainBackend
from eth_tester.exceptions import BlockNotFound, TransactionNotFound, ValidationError

import evm_dex
from evm_dex.blocks.dev_accounts import KeyPair, default_accounts
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.block_store import IncludedTransaction, included_transactions
from evm_dex.chain.chain_reader import StateReader
from evm_dex.chain.genesis.genesis_file import (
    GenesisSource,
    funded_genesis,
)
from evm_dex.chain.snapshots import SnapshotId
from evm_dex.client.transaction_builder import Fields, find_signer
from evm_dex.errors import UnknownBlock, UnknownTransaction
from evm_dex.tester.serializers import (
    ChainPosition,
    Request,
    block_fields,
    call_of,
    complete_request,
    receipt_fields,
    transaction_fields,
    with_signature,
)
from evm_dex.tester.translate_errors import read_raw, translate_errors
from precompiles.types import ZERO_ADDRESS, Address

CHAIN_ID = 131277322940537
"""The one that eth-tester's chains have, and that web3.py's provider takes for granted."""
_MOST_FEE_BLOCKS = 1024

BlockNumber = int | str
BALANCE = 1_000_000 * 10**18
"""Wei of each of eth-tester's accounts."""


class Backend(BaseChainBackend):
    """A chain with its exchanges for `EthereumTester`; `dex` is the same chain's façade.

    Accounts are those of eth-tester, keys 1 to 10 with a million ether, and the exchanges' of the
    genesis. Of the default genesis, all of them have tokens and deposits on both exchanges. What
    `dex` sends is in a block at once; what eth-tester sends waits until it says when to mine.
    """

    def __init__(
        self,
        *,
        chain_id: int = CHAIN_ID,
        genesis: GenesisSource | None = None,
        accounts: int | Iterable[bytes] = 10,
        path: str | Path | None = None,
        dex: evm_dex.Dex | None = None,
        fork: str | evm_dex.Fork | None = None,
        fork_block: int | None = None,
    ) -> None:
        """Stand on the chain of `dex` as it is, on one that lasts at `path`, or on one in memory.

        `accounts` says for how many of eth-tester's keys there are funds, or is other private keys.
        Whoever brings a `dex` for web3.py begins it with `Backend().genesis`, for its chain id.
        `fork` is another chain to begin from, see `evm_dex.open`; its chain id is not taken over,
        since web3.py's provider knows one only. Raises what `evm_dex.open` raises.
        """
        if isinstance(accounts, int):
            accounts = (number.to_bytes(32, "big") for number in range(1, accounts + 1))
        self._first_keys = tuple(KeyPair(bytes(key)) for key in accounts)
        self._keys = list(self._first_keys)
        self.genesis = funded_genesis(
            genesis, (account.address for account in self._keys), BALANCE, chain_id=chain_id
        )
        if genesis is None:
            _give_deposits(self.genesis, [account.address for account in self._keys])
        self._is_passing = dex is None and path is None and fork is None
        self._use(dex or evm_dex.open(path, genesis=self.genesis, fork=fork, fork_block=fork_block))

    @classmethod
    def from_mnemonic(
        cls,
        mnemonic: str,
        num_accounts: int = 10,
        hd_path: str = "m/44'/60'/0'",
        **options: Any,
    ) -> Self:
        """Make a backend with the accounts of a mnemonic, at eth-tester's path.

        Wallets have theirs at `m/44'/60'/0'/0`. `options` are those of `Backend`.
        """
        seed = seed_from_mnemonic(mnemonic, "")
        keys = (HDPath(f"{hd_path}/{index}").derive(seed) for index in range(num_accounts))
        return cls(accounts=keys, **options)

    def _use(self, dex: evm_dex.Dex) -> None:
        self.dex = dex
        self.chain = dex.chain

    # Snapshots

    def take_snapshot(self) -> SnapshotId:
        """Remember the head and what waits."""
        return self.chain.snapshot()

    def revert_to_snapshot(self, snapshot: SnapshotId) -> None:
        """Go back there, as often as wanted.

        Raises SnapshotNotFound once the chain went back to a block before it.
        """
        with translate_errors():
            self.chain.revert(snapshot)

    def reset_to_genesis(self) -> None:
        """Begin again: with a new chain in memory, or by going back to block 0 of one that lasts.

        Accounts that were added are gone. Raises UndoExpired where that is too far back.
        """
        self._keys = list(self._first_keys)
        if self._is_passing:
            self.dex.close()
            self._use(evm_dex.open(genesis=self.genesis))
        else:
            self.chain.rollback(self.chain.first.hash)

    # Blocks

    def time_travel(self, to_timestamp: int) -> int:
        """Mine a block so that the one after it is at that time, in seconds."""
        self.chain.mine(to_timestamp - 1)
        return to_timestamp

    def mine_blocks(self, num_blocks: int = 1, coinbase: bytes = ZERO_ADDRESS) -> tuple[bytes, ...]:
        """Make blocks, the first with what waits; their hashes."""
        hashes = []
        for _ in range(num_blocks):
            self.chain.settings.choose_next(coinbase=coinbase)
            hashes.append(self.chain.mine().header.hash)
        return tuple(hashes)

    def get_block_by_number(
        self, block_number: BlockNumber, full_transaction: bool = True
    ) -> Fields:
        """Return a block; `pending` is the next one as it would be now."""
        if block_number == "pending":
            block = self.chain.pending_block
            transactions = block.sealed.transactions
            return block_fields(block.header, transactions, full=full_transaction, is_pending=True)
        return self._block(self.header(block_number), full=full_transaction)

    def get_block_by_hash(self, block_hash: bytes, full_transaction: bool = True) -> Fields:
        """Return a block of the chain."""
        return self._block(self.header(block_hash), full=full_transaction)

    def get_fee_history(
        self,
        block_count: int = 1,
        newest_block: BlockNumber = "latest",
        reward_percentiles: Sequence[int] = (),
    ) -> Fields:
        """Return base fees and gas of the blocks before one, newest first, as eth-tester has it."""
        del reward_percentiles
        if not 1 <= block_count <= _MOST_FEE_BLOCKS:
            raise ValidationError(f"block_count must be between 1 and {_MOST_FEE_BLOCKS}")
        newest = min(self.header(newest_block).block_number, self.chain.head.block_number)
        lowest = self.chain.blocks.first_height - 1
        heights = range(newest - 1, max(newest - 1 - block_count, lowest), -1)
        headers = [self.chain.header(height) for height in heights]
        return {
            "oldest_block": 1,
            "base_fee_per_gas": [header.base_fee_per_gas for header in headers],
            "gas_used_ratio": [header.gas_used / header.gas_limit for header in headers],
            "reward": [],
        }

    def _block(self, header: Header, *, full: bool) -> Fields:
        stored = self.chain.blocks.body(header.hash).transactions
        transactions = [decode(item.raw, item.sender) for item in stored]
        return block_fields(header, transactions, full=full)

    def header(self, block: BlockNumber | bytes) -> Header:
        """Return a block's header. Raises BlockNotFound."""
        try:
            return self.chain.header(block)
        except UnknownBlock:
            kind = "hash" if isinstance(block, bytes) else "number"
            raise BlockNotFound(f"No block found for block {kind}: {block!r}") from None

    def known(self, block: BlockNumber) -> BlockNumber:
        """Return a block that there is, by the name it was asked for. Raises BlockNotFound."""
        if block != "pending":  # which there always is, and whose header takes time
            self.header(block)
        return block

    # Accounts

    def get_accounts(self) -> tuple[Address, ...]:
        """Return those whose keys are at hand."""
        return tuple(account.address for account in self._keys)

    def add_account(self, private_key: bytes) -> None:
        """Sign for one more."""
        self._keys.append(KeyPair(bytes(private_key)))

    def get_nonce(self, account: Address, block_number: BlockNumber = "latest") -> int:
        """Return how many transactions an account sent; `pending` counts those that wait."""
        if block_number == "pending":
            return self.chain.next_nonce(account)
        return self._state(block_number).get_nonce(account)

    def get_balance(self, account: Address, block_number: BlockNumber = "latest") -> int:
        """Return wei of an account."""
        return self._state(block_number).get_balance(account)

    def get_code(self, account: Address, block_number: BlockNumber = "latest") -> bytes:
        """Return a contract's code."""
        return self._state(block_number).get_code(account)

    def get_storage(self, account: Address, slot: int, block_number: BlockNumber = "latest") -> int:
        """Return one storage word."""
        return self._state(block_number).get_storage(account, slot)

    def get_base_fee(self, block_number: BlockNumber = "latest") -> int:
        """Return wei per gas that is burnt in a block."""
        return self.header(block_number).base_fee_per_gas

    def _state(self, block: BlockNumber) -> StateReader:
        try:
            return self.chain.state_at(block)
        except UnknownBlock:
            raise BlockNotFound(f"No block found for block number: {block!r}") from None

    # Transactions

    def get_transaction_by_hash(self, transaction_hash: bytes) -> Fields:
        """Return a transaction of the chain, or one that waits."""
        waiting = self.chain.mempool.get(transaction_hash)
        if waiting is not None:
            place = ChainPosition(self.chain.next_header(), 0, is_pending=True)
            return transaction_fields(waiting, place)
        found = self._included(transaction_hash)
        return transaction_fields(found.transaction, ChainPosition(found.header, found.index))

    def get_transaction_receipt(self, transaction_hash: bytes) -> Fields:
        """Return a transaction's receipt; of one that waits, the receipt it would get now."""
        if transaction_hash in self.chain.mempool:
            return self._pending_receipt(transaction_hash)
        return receipt_fields(self._included(transaction_hash))

    def _pending_receipt(self, transaction_hash: bytes) -> Fields:
        block = self.chain.pending_block.sealed
        for found in included_transactions(block.header, block.transactions, block.receipts):
            if found.transaction.hash == transaction_hash:
                return receipt_fields(found, is_pending=True)
        raise _unknown(transaction_hash)

    def _included(self, transaction_hash: bytes) -> IncludedTransaction:
        try:
            return self.chain.blocks.included(transaction_hash)
        except UnknownTransaction:
            raise _unknown(transaction_hash) from None

    def send_transaction(self, transaction: Request) -> bytes:
        """Sign for an account whose key is at hand, and let it wait for the next block.

        Those that are impersonated (`dex.cheats`) need no key.
        """
        signers = (account.signer for account in self._keys)
        sign = find_signer(self.chain, signers, transaction["from"])
        if sign is not None:
            return self._send(sign(*complete_request(self.chain, transaction)))
        raise ValidationError(
            'No valid "from" key was provided in the transaction which is required for '
            "transaction signing."
        )

    def send_signed_transaction(self, transaction: Request) -> bytes:
        """Take one that was signed, by its fields."""
        return self._send(with_signature(self.chain, transaction))

    def send_raw_transaction(self, raw_transaction: bytes) -> bytes:
        """Take one that was signed, as it goes over the wire, with its blobs or without."""
        with translate_errors():
            transaction = read_raw(bytes(raw_transaction))
        return self._send(transaction)

    def estimate_gas(self, transaction: Request, block_number: BlockNumber = "pending") -> int:
        """Return a gas limit with which it succeeds. Raises what `call` raises."""
        with translate_errors():
            return self.chain.estimate_gas(call_of(transaction), self.known(block_number))

    def call(self, transaction: Request, block_number: BlockNumber = "latest") -> bytes:
        """Return the output of a call.

        Raises CallReverted with the contract's reason, RejectedTransaction if it can't begin.
        """
        with translate_errors():
            return self.chain.call(call_of(transaction), self.known(block_number))

    def _send(self, transaction: Transaction) -> bytes:
        waiting = self.chain.settings.automining(on=False)  # eth-tester says when to mine
        with translate_errors(), waiting:
            return self.chain.send(transaction).hash


def _give_deposits(genesis: dict[str, Any], accounts: Sequence[bytes]) -> None:
    """Give accounts what the default genesis gives its first, where they are none of its own."""
    perp, own = genesis["perp"], {account.address for account in default_accounts()}
    held = [token["balances"] for token in genesis["tokens"]]
    for table in (*held, genesis["deposits"], perp["deposits"]):
        for address in accounts:
            if address not in own:
                table[f"0x{address.hex()}"] = table["account0"]


def _unknown(transaction_hash: bytes) -> TransactionNotFound:
    return TransactionNotFound(f"No transaction found for hash: 0x{transaction_hash.hex()}")
