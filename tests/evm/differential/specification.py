"""The executable specification of Ethereum (`ethereum-execution`, Prague) beside our machine.

Both begin with the same accounts, are given the same blocks of raw transactions, and must agree on
which of them are valid, on the gas of each, on the receipts' root and on the state's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from eth.constants import BLANK_ROOT_HASH, ZERO_HASH32
from eth_utils.exceptions import ValidationError
from ethereum.exceptions import EthereumException
from ethereum.forks.prague import fork, vm
from ethereum.forks.prague import state as accounts
from ethereum.forks.prague.fork_types import Account
from ethereum.forks.prague.fork_types import Address as TheirAddress
from ethereum.forks.prague.requests import compute_requests_hash
from ethereum.forks.prague.transactions import LegacyTransaction, decode_transaction
from ethereum.forks.prague.trie import root
from ethereum_rlp import rlp as their_rlp
from ethereum_rlp.exceptions import RLPException
from ethereum_types.bytes import Bytes32
from ethereum_types.numeric import U64, U256, Uint

from checkpoint.memory_store import MemoryStore
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.admission import check_admission
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.errors import TransactionRejected
from evm_dex.evm.machine import Machine, State
from evm_dex.evm.trie_db import NodeBuffer
from evm_dex.evm.vm import build_vm
from precompiles.types import Address
from tests.chain.support import restore

CHAIN_ID = 31337
GENESIS = Header(
    parent_hash=ZERO_HASH32,
    state_root=BLANK_ROOT_HASH,
    block_number=0,
    gas_limit=30_000_000,
    timestamp=1_700_000_000,
    mix_hash=ZERO_HASH32,
    base_fee_per_gas=7,
)


class PlainAccount(msgspec.Struct, frozen=True):
    """An account to begin with."""

    nonce: int = 0
    balance: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = {}


Accounts = Mapping[Address, PlainAccount]


class OurBlocks:
    """Our machine, without a chain around it."""

    def __init__(self, genesis: Accounts) -> None:
        ledger = restore(MemoryStore()).ledger
        self._nodes = NodeBuffer(MemoryStore())
        self._headers = [GENESIS]
        machine = Machine(build_vm({}, ledger), CHAIN_ID, lambda _: self._hashes())
        self._sealer = Sealer(machine, self._nodes, ledger)
        self._sealer.reset(GENESIS)
        for address, account in genesis.items():
            _write(self.state, address, account)
        self.state.persist()

    def _hashes(self) -> list[bytes]:
        return [header.hash for header in reversed(self._headers)]

    @property
    def state(self) -> State:
        """The state in the open block."""
        return self._sealer.state

    @property
    def parent(self) -> Header:
        """The last block's header."""
        return self._headers[-1]

    def begin(self, header: Header) -> None:
        """Open a block."""
        self._sealer.begin(header)

    def apply(self, raw: bytes) -> int:
        """Execute a raw transaction: gas used. Raises ValueError for one that is not valid."""
        before = self._sealer.gas_used
        try:
            transaction = decode(raw)
            self._admit(transaction)
            self._sealer.apply(transaction)
        except (TransactionRejected, ValidationError) as error:
            raise ValueError(str(error)) from error
        return self._sealer.gas_used - before

    def _admit(self, transaction: Transaction) -> None:
        if not self._sealer.fits(transaction):
            raise TransactionRejected("the block is full")
        check_admission(
            transaction,
            chain_id=CHAIN_ID,
            next_header=self._sealer.header,
            balance=self.state.get_balance(transaction.sender),
            nonce=self.state.get_nonce(transaction.sender),
        )

    def end(self) -> SealedBlock:
        """Close the block."""
        sealed = self._sealer.seal()
        self._nodes.hold(sealed.nodes)
        self._headers.append(sealed.header)
        return sealed


class TheirBlocks:
    """The specification's."""

    def __init__(self, genesis: Accounts) -> None:
        self.state = accounts.State()
        for address, account in genesis.items():
            their = TheirAddress(address)
            code = account.code
            stored = Account(Uint(account.nonce), U256(account.balance), code)
            accounts.set_account(self.state, their, stored)
            for slot, word in account.storage.items():
                key = Bytes32(slot.to_bytes(32, "big"))
                accounts.set_storage(self.state, their, key, U256(word))

    def begin(self, header: Header, hashes: list[bytes]) -> None:
        """Open a block; `hashes` are those of the blocks before it, oldest first."""
        self.block = vm.BlockEnvironment(
            chain_id=U64(CHAIN_ID),
            state=self.state,
            block_gas_limit=Uint(header.gas_limit),
            block_hashes=[Bytes32(each) for each in hashes],
            coinbase=TheirAddress(header.coinbase),
            number=Uint(header.block_number),
            base_fee_per_gas=Uint(header.base_fee_per_gas),
            time=U256(header.timestamp),
            prev_randao=Bytes32(header.mix_hash),
            excess_blob_gas=U64(header.excess_blob_gas),
            parent_beacon_block_root=Bytes32(header.parent_beacon_block_root),
        )
        self.output = vm.BlockOutput()
        self._count = 0
        for target, data in (
            (fork.BEACON_ROOTS_ADDRESS, self.block.parent_beacon_block_root),
            (fork.HISTORY_STORAGE_ADDRESS, self.block.block_hashes[-1]),
        ):
            fork.process_unchecked_system_transaction(self.block, target, data)

    def apply(self, raw: bytes) -> int:
        """Execute a raw transaction: gas used. Raises ValueError for one that is not valid."""
        before = self.output.block_gas_used
        try:
            is_typed = raw[0] < 0x80
            transaction: Any = (
                decode_transaction(raw) if is_typed else their_rlp.decode_to(LegacyTransaction, raw)
            )
            fork.process_transaction(self.block, self.output, transaction, Uint(self._count))
        except (EthereumException, RLPException) as error:
            raise ValueError(repr(error)) from error
        self._count += 1
        return int(self.output.block_gas_used - before)

    def end(self) -> bytes:
        """Close the block: the hash of its requests, where there are contracts that give them."""
        if accounts.get_account(self.state, fork.WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS).code:
            fork.process_general_purpose_requests(self.block, self.output)
        return bytes(compute_requests_hash(self.output.requests))

    @property
    def state_root(self) -> bytes:
        """Root of all accounts."""
        return bytes(accounts.state_root(self.state))

    @property
    def receipt_root(self) -> bytes:
        """Root of the block's receipts."""
        return bytes(root(self.output.receipts_trie))


class Both:
    """A chain on either machine; each step says where they disagree."""

    def __init__(self, genesis: Accounts) -> None:
        self.ours, self.theirs = OurBlocks(genesis), TheirBlocks(genesis)

    def begin(self, **changes: Any) -> Header:
        """Open the next block, with some header fields chosen."""
        header = msgspec.structs.replace(self.ours.parent.child(), **changes)
        self.ours.begin(header)
        self.theirs.begin(header, self.ours._hashes()[::-1][-256:])
        return header

    def apply(self, raw: bytes) -> int | None:
        """Execute a transaction on both: the gas it used; None where it is not valid."""
        ours, theirs = _outcome(self.ours.apply, raw), _outcome(self.theirs.apply, raw)
        if isinstance(ours, str) or isinstance(theirs, str):
            assert isinstance(ours, str) == isinstance(theirs, str), (ours, theirs)
            return None
        assert ours == theirs, f"gas used: ours {ours}, theirs {theirs}"
        return ours

    def end(self) -> SealedBlock:
        """Close the block on both."""
        sealed, requests = self.ours.end(), self.theirs.end()
        assert sealed.header.requests_hash == requests
        assert sealed.header.receipt_root == self.theirs.receipt_root
        assert sealed.header.state_root == self.theirs.state_root
        return sealed


def _outcome(apply: Callable[[bytes], int], raw: bytes) -> int | str:
    try:
        return apply(raw)
    except ValueError as error:
        return str(error)


def _write(state: State, address: Address, account: PlainAccount) -> None:
    state.set_nonce(address, account.nonce)
    state.set_balance(address, account.balance)
    if account.code:
        state.set_code(address, account.code)
    for slot, word in account.storage.items():
        state.set_storage(address, slot, word)
