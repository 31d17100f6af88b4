"""The chain with its exchange, as one Python object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from checkpoint.metrics import CheckpointMetrics, Metrics
from checkpoint.store import Store
from evm_dex.abi.artifact import Artifact, load_artifact
from evm_dex.blocks.addresses import (
    Account,
    AddressLike,
    HashLike,
    checksum,
    to_address,
    to_hash,
    to_slot,
)
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import AccessList, Transaction
from evm_dex.chain.block_builder import MinedBlock
from evm_dex.chain.block_store import BlockId, IncludedTransaction
from evm_dex.chain.chain import Chain
from evm_dex.chain.genesis.resolved import decode_genesis
from evm_dex.chain.snapshots import SnapshotId
from evm_dex.client.call_trees import CallTrees
from evm_dex.client.cheats import Cheats
from evm_dex.client.cheats.balance_cheats import BalanceCheats
from evm_dex.client.contract import Contract, exchange_contract
from evm_dex.client.deployment import deploy
from evm_dex.client.hypercore import HyperCore
from evm_dex.client.transaction_builder import complete, find_signer
from evm_dex.client.views import Block, Log, Receipt, make_block, make_log, make_receipt
from evm_dex.errors import ChainError, TransactionFailed, TransactionRejected
from evm_dex.evm.calls import Call
from evm_dex.sources.known_code import KNOWN_CODE
from precompiles.ledger.checks import check
from precompiles.ledger.table import TableNumber
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS

if TYPE_CHECKING:
    from checkpoint.manager import CheckpointManager
    from checkpoint.manifest import CheckpointInfo


def _several(one: Any) -> Sequence[Any]:
    """Return one address or topic as a list of it; several as they are."""
    return one if isinstance(one, Sequence) and not isinstance(one, bytes | str) else (one,)


class Dex:
    """A running chain. Addresses go in as bytes, hex, accounts or contracts; amounts are ints."""

    def __init__(self, chain: Chain, store: Store, manager: CheckpointManager | None) -> None:
        self.chain = chain
        self.store = store
        self._manager = manager
        if manager is not None:
            chain.add_listener(manager.committed)
            head = store.head()
            assert head is not None, "the chain has begun"
            manager.committed(head)  # makes up for a checkpoint that a kill prevented
        self.accounts = tuple(Account(account) for account in default_accounts())
        """The ten accounts of the test mnemonic, whose keys are at hand."""
        self.trees = CallTrees(chain, self.accounts[0])
        self.spot = exchange_contract(self, SPOT_ADDRESS, lambda: self.tokens)
        """The spot exchange; it takes markets and tokens by symbol too."""
        self.perp = exchange_contract(self, PERP_ADDRESS, lambda: self.tokens | self.perp_markets)
        """The perpetuals exchange; likewise."""
        genesis = decode_genesis(chain.blocks.body(chain.first.hash).genesis)
        self.tokens = {
            token.symbol: self.contract(token.address, "TestToken") for token in genesis.tokens
        }
        """The tokens of the genesis, by symbol."""
        listed = genesis.perp.markets if genesis.perp else ()
        self.perp_markets = {market.symbol: checksum(market.asset) for market in listed}
        """The perpetual markets of the genesis, by symbol: addresses in hex, with a checksum."""
        if genesis.core is not None:
            self.tokens = {
                symbol: self.contract(address, "TestToken")
                for symbol, address in genesis.core.erc20s().items()
            }
        self.cheats = Cheats(self)
        """Cheatcodes of the test chain: balances, prices, time, other people's accounts."""
        self.core = HyperCore(chain, self.tokens.get("USDC"), BalanceCheats(chain, self.tokens))
        """HyperCore, on a chain that has it."""
        self.market = self.core.market

    def __repr__(self) -> str:
        where = getattr(self.store, "path", None) or "memory"
        return f"<Dex chain {self.chain.chain_id}, block {self.chain.head.block_number}, {where}>"

    def __enter__(self) -> Dex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store. What was mined is durable already."""
        self.chain.close()
        self.store.close()

    # Transactions

    def send(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: Account | AddressLike | None = None,
        gas: int | None = None,
        **fees: Any,
    ) -> Receipt:
        """Sign a transaction, put it into a block, and tell what became of it.

        `to` None creates a contract. `sender` defaults to account 0; `gas` is estimated when not
        given, in the next block as it would be now, and what would fail there raises CallFailed
        instead of being sent. One that fails in its block all the same raises TransactionFailed,
        which has the receipt. One sent with `gas` may fail: see `succeeded`. `fees` as in `submit`.
        Raises TransactionRejected, also with automine off or a nonce ahead: `submit` and `mine`.
        """
        if not self.chain.automine:
            raise TransactionRejected("automine is off: use submit(), then mine() and receipt()")
        following = self.chain.next_nonce(to_address(sender or self.accounts[0]))
        if fees.get("nonce", 0) > following:
            raise TransactionRejected(f"nonce too high: the next is {following}; submit() waits")
        sent = self.submit(to=to, data=data, value=value, sender=sender, gas=gas, **fees)
        receipt = self.receipt(sent)
        if gas is None and not receipt.succeeded:
            raise TransactionFailed(receipt)
        return receipt

    def submit(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: Account | AddressLike | None = None,
        gas: int | None = None,
        nonce: int | None = None,
        gas_price: int | None = None,
        max_fee_per_gas: int | None = None,
        max_priority_fee_per_gas: int | None = None,
        access_list: AccessList = (),
    ) -> bytes:
        """Sign a transaction and hand it in; its hash. With automine it is mined on return.

        It is of type 2 (EIP-1559); by default it offers a priority fee of 1 gwei, and at most twice
        the base fee beside it. A `gas_price` makes it legacy, or of type 1 with an access list.
        A nonce that is ahead waits for those before it; one of a transaction that waits replaces
        it, if both fees are a tenth higher. Raises TransactionRejected, or CallFailed.
        """
        sender = self.accounts[0] if sender is None else sender
        account = to_address(sender)
        at_hand = (sender,) if isinstance(sender, Account) else self.accounts
        sign = find_signer(self.chain, tuple(it.signer for it in at_hand), account)
        if sign is None:
            raise TransactionRejected(
                f"no key at hand for 0x{account.hex()}: give an Account, sign it and use "
                "send_raw(), or call cheats.impersonate() first"
            )
        given = {
            "to": b"" if to is None else to_address(to),
            "data": data,
            "value": value,
            "gas": gas,
            "nonce": nonce,
            "gas_price": gas_price,
            "max_fee_per_gas": max_fee_per_gas,
            "max_priority_fee_per_gas": max_priority_fee_per_gas,
            "access_list": access_list or None,
        }
        type_id, fields = complete(
            self.chain,
            account,
            {name: value for name, value in given.items() if value is not None},
            estimate=lambda: self.estimate_gas(
                to=to, data=data, value=value, sender=account, access_list=access_list
            ),
        )
        return self.chain.send(sign(type_id, fields)).hash

    def send_raw(self, raw: bytes) -> bytes:
        """Hand in a signed transaction, blobs beside it or not. Raises TransactionRejected."""
        return self.chain.send_raw(raw).hash

    def mine(self, count: int = 1, timestamp: int | None = None) -> list[MinedBlock]:
        """Make blocks, the first with all waiting transactions that fit, at `timestamp` seconds.

        Each names the transactions that became invalid and were dropped. Raises ValueError.
        """
        if count < 0:
            raise ValueError(f"count must be at least 0, got {count}")
        return [self.chain.mine(None if at else timestamp) for at in range(count)]

    def deploy(
        self,
        artifact: str | Path | Artifact,
        *args: Any,
        sender: Account | AddressLike | None = None,
        value: int = 0,
        gas: int | None = None,
        libraries: Mapping[str, AddressLike] | None = None,
        salt: int | bytes | None = None,
    ) -> Contract:
        """Create a contract from an artifact: a name, a path to a compiler's JSON, or its content.

        See `deployment.deploy` for libraries and salts, and for what it raises.
        """
        loaded, options = load_artifact(artifact), {"sender": sender, "value": value, "gas": gas}
        return self.contract(deploy(self, loaded, args, libraries, salt, **options), loaded)

    def contract(self, address: AddressLike, artifact: str | Path | Artifact) -> Contract:
        """Return a contract that exists, with the ABI of an artifact."""
        loaded = load_artifact(artifact)
        KNOWN_CODE.add(loaded)
        name = loaded.get("contractName", "Contract")
        return Contract(self, to_address(address), loaded["abi"], name)

    # Calls

    def call(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: AddressLike | None = None,
        gas: int | None = None,
        block: BlockId = "latest",
    ) -> bytes:
        """Return what a call would return after a block; it leaves no trace. Raises CallFailed.

        "pending" is the next block: its number, time and base fee, after what waits.
        """
        return self.chain.call(self._call(to, data, value, sender, gas), block)

    def estimate_gas(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: AddressLike | None = None,
        gas: int | None = None,
        access_list: AccessList = (),
        block: BlockId = "pending",
    ) -> int:
        """Return a gas limit with which a transaction succeeds. Raises CallFailed.

        By default in the next block, after what waits; else after a block, at that block's time.
        """
        return self.chain.estimate_gas(self._call(to, data, value, sender, gas, access_list), block)

    def _call(
        self,
        to: AddressLike | None,
        data: bytes,
        value: int,
        sender: AddressLike | None,
        gas: int | None,
        access_list: AccessList = (),
    ) -> Call:
        return Call(
            sender=to_address(self.accounts[0] if sender is None else sender),
            to=b"" if to is None else to_address(to),
            data=data,
            value=value,
            gas=gas,
            access_list=access_list,
        )

    # Reading

    @property
    def head(self) -> Block:
        """The last block."""
        return self.block("latest")

    def block(self, block: BlockId = "latest") -> Block:
        """Return a block by height, hash or name, "pending" for the next. Raises UnknownBlock."""
        header = self.chain.header(block)
        stored = self.chain.blocks.body(header.hash).transactions
        return make_block(header, tuple(transaction.hash for transaction in stored))

    def receipt(self, transaction_hash: HashLike) -> Receipt:
        """Return the receipt of a mined transaction. Raises UnknownTransaction."""
        return make_receipt(self._included(transaction_hash), self.trees)

    def transaction(self, transaction_hash: HashLike) -> Transaction:
        """Return a mined transaction. Raises UnknownTransaction."""
        return self._included(transaction_hash).transaction

    def _included(self, transaction_hash: HashLike) -> IncludedTransaction:
        self.chain.mempool.check_gone(name := to_hash(transaction_hash))
        return self.chain.blocks.included(name)

    def logs(
        self,
        from_block: BlockId = 0,
        to_block: BlockId = "latest",
        address: AddressLike | Sequence[AddressLike] = (),
        topics: Sequence[HashLike | Sequence[HashLike] | None] = (),
    ) -> list[Log]:
        """Return logs in a range of blocks, oldest first; blooms skip blocks without a match.

        `address` is one or several, none for all; `topics` by position, each a topic, several
        that will do, or None.
        """
        first, last = (self.chain.made_height(block) for block in (from_block, to_block))
        addresses = [to_address(item) for item in _several(address)]
        wanted = [
            None if choice is None else [to_hash(topic) for topic in _several(choice)]
            for choice in topics
        ]
        found = self.chain.blocks.all_logs(first, last, addresses, wanted)
        return [make_log(entry) for entry in found]

    def balance(self, address: AddressLike, block: BlockId = "latest") -> int:
        """Return wei of an account."""
        return self.chain.state_at(block).get_balance(to_address(address))

    def nonce(self, address: AddressLike, block: BlockId = "latest") -> int:
        """Return how many transactions an account sent, or contracts it created."""
        return self.chain.state_at(block).get_nonce(to_address(address))

    def code(self, address: AddressLike, block: BlockId = "latest") -> bytes:
        """Return a contract's code; empty for other accounts."""
        return self.chain.state_at(block).get_code(to_address(address))

    def storage(self, address: AddressLike, slot: int, block: BlockId = "latest") -> int:
        """Return one storage word of a contract."""
        return self.chain.state_at(block).get_storage(to_address(address), to_slot(slot))

    # Going back

    def rollback(self, block: BlockId) -> Block:
        """Make an earlier block the head again, book and balances with it; that block.

        Later blocks and what waits are gone for good. Durable and in one step. Raises UnknownBlock,
        UndoExpired for one too far back, which names the nearest checkpoint to restore, and
        StateMissing for one whose state was pruned.
        """
        return self.block(self.chain.rollback(block).hash)

    def snapshot(self, name: str | None = None) -> SnapshotId:
        """Remember the head and what waits, for `revert`; an id, or the name that was given.

        Ids count up from 1. A name that is taken moves to here. Both end with the process.
        """
        return self.chain.snapshot(name)

    def revert(self, id_or_name: SnapshotId) -> Block:
        """Go back to a snapshot, as often as wanted; the block it was taken at.

        Raises UnknownSnapshot, and SnapshotLost when its block is out of reach.
        """
        return self.block(self.chain.revert(id_or_name).hash)

    # Keeping

    def checkpoints(self) -> tuple[CheckpointInfo, ...]:
        """Return the checkpoints there are, oldest first; none in memory."""
        return self._manager.list() if self._manager else ()

    def create_checkpoint(self) -> CheckpointInfo:
        """Make one of the head now. Raises ChainError in memory, StoreFailed."""
        if self._manager is None:
            raise ChainError("a chain in memory has no checkpoints: open one at a path")
        return self._manager.create()

    def self_check(self) -> list[str]:
        """Return every violation of the ledger's invariants; empty when it is sound."""
        return check(self.chain.ledger)

    @property
    def repairs(self) -> tuple[str, ...]:
        """The repairs of the active-order index that opening made, in words."""
        return self.chain.recovery.repairs

    def metrics(self) -> Metrics:
        """Return what opening and checkpoints cost since this process opened the chain."""
        made = self._manager.metrics if self._manager else CheckpointMetrics()
        return Metrics(self.chain.recovery, made)

    def counts(self) -> dict[str, int]:
        """Count the ledger's rows by table, as of the head."""
        kept = self.chain.ledger.commitment.counts
        return {table.name.lower(): kept.get(table, 0) for table in TableNumber}
