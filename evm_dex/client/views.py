"""Blocks, receipts and logs as users see them."""

from __future__ import annotations

from dataclasses import dataclass, field

from evm_dex.blocks.addresses import checksum
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log as RawLog
from evm_dex.chain.block_store import IncludedTransaction, LogEntry
from evm_dex.client.call_trees import CallTrees


@dataclass(frozen=True, slots=True)
class Log:
    """An event as it was emitted, and where."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    transaction_hash: bytes
    log_index: int
    """Place among all logs of the block."""

    def __repr__(self) -> str:
        """Return a short form, which failing tests show."""
        topics = ", ".join(f"0x{topic.hex()}" for topic in self.topics)
        return (
            f"<Log of {self.address} in block {self.block_number}: [{topics}] 0x{self.data.hex()}>"
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a transaction. Wei and gas are ints, hashes bytes, addresses hex."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    transaction_index: int
    sender: str
    to: str | None
    contract_address: str | None
    """The contract it created."""
    succeeded: bool
    gas_used: int
    effective_gas_price: int
    logs: tuple[Log, ...]
    raw_logs: tuple[RawLog, ...]
    revert_data: bytes
    """The output of a failed transaction; empty unless it reverted."""
    error: str
    """Name of what stopped a failed transaction; empty on success."""
    _trees: CallTrees = field(repr=False, compare=False)

    def __repr__(self) -> str:
        """Return a short form, which failing tests show."""
        outcome = "succeeded" if self.succeeded else f"failed with {self.error}"
        return (
            f"<Receipt of 0x{self.transaction_hash.hex()} in block {self.block_number}: {outcome}, "
            f"{self.gas_used} gas, logs: {len(self.logs)}>"
        )

    @property
    def status(self) -> int:
        """1 when it succeeded, else 0."""
        return int(self.succeeded)

    def trace(self) -> str:
        """Return the tree of its calls, decoded, with events, errors and gas.

        Raises UndoExpired for a block too far back, StateMissing.
        """
        return self._trees.of_transaction(self.transaction_hash)

    @property
    def console(self) -> tuple[str, ...]:
        """The lines that code printed by `console.log`, also in calls that failed.

        Raises like `trace`, where the transaction is not one of late.
        """
        return self._trees.console(self.transaction_hash)


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header and transactions."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    gas_used: int
    gas_limit: int
    base_fee_per_gas: int
    state_root: bytes
    transactions: tuple[bytes, ...]
    """Hashes, in order."""
    header: Header

    def __repr__(self) -> str:
        """Return a short form, which failing tests show."""
        count = len(self.transactions)
        return f"<Block {self.number} 0x{self.hash.hex()}, transactions: {count}>"


def make_receipt(included: IncludedTransaction, trees: CallTrees) -> Receipt:
    """Make a receipt from what the chain keeps."""
    transaction, header = included.transaction, included.header
    created = transaction.create_address if included.receipt.succeeded else None
    return Receipt(
        transaction_hash=transaction.hash,
        block_number=header.block_number,
        block_hash=header.hash,
        transaction_index=included.index,
        sender=checksum(transaction.sender),
        to=checksum(transaction.to) if transaction.to else None,
        contract_address=checksum(created) if created else None,
        succeeded=included.receipt.succeeded,
        gas_used=included.gas_used,
        effective_gas_price=transaction.effective_gas_price(header.base_fee_per_gas),
        logs=tuple(
            Log(
                address=checksum(log.address),
                topics=log.topics,
                data=log.data,
                block_number=header.block_number,
                transaction_hash=transaction.hash,
                log_index=included.first_log_index + index,
            )
            for index, log in enumerate(included.receipt.logs)
        ),
        raw_logs=included.receipt.logs,
        revert_data=included.receipt.output,
        error=included.receipt.error,
        _trees=trees,
    )


def make_log(entry: LogEntry) -> Log:
    """Make a log from a search."""
    return Log(
        address=checksum(entry.log.address),
        topics=entry.log.topics,
        data=entry.log.data,
        block_number=entry.height,
        transaction_hash=entry.transaction_hash,
        log_index=entry.log_index,
    )


def make_block(header: Header, transactions: tuple[bytes, ...]) -> Block:
    """Make a block from header and transaction hashes."""
    return Block(
        number=header.block_number,
        hash=header.hash,
        parent_hash=header.parent_hash,
        timestamp=header.timestamp,
        gas_used=header.gas_used,
        gas_limit=header.gas_limit,
        base_fee_per_gas=header.base_fee_per_gas,
        state_root=header.state_root,
        transactions=transactions,
        header=header,
    )
