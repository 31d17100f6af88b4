"""Blocks, transactions, receipts and logs in the form the execution API specifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evm_dex.blocks.body import Body
from evm_dex.blocks.gas import blob_base_fee
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log, logs_bloom
from evm_dex.blocks.transaction import Transaction, decode
from evm_dex.chain.block_import import encode_block
from evm_dex.chain.block_store import IncludedTransaction, LogEntry
from evm_dex.node.rpc_types import data, quantity

Json = dict[str, Any]

_EXACT = 2**53
"""The first number from which JavaScript's have gaps."""


def block_object(header: Header, body: Body, *, full: bool) -> Json:
    """Write a block, with its transactions or only their hashes."""
    stored = body.transactions
    if full:
        transactions: list[Any] = [
            transaction_object(decode(item.raw, item.sender), header, index)
            for index, item in enumerate(stored)
        ]
    else:
        transactions = [data(item.hash) for item in stored]
    return {
        **header_object(header),
        "size": quantity(len(encode_block(header, body))),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def header_object(header: Header) -> Json:
    """Write the fields of a header, as `newHeads` sends them too."""
    requests = header.requests_hash
    return {
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "sha3Uncles": data(header.uncles_hash),
        "miner": data(header.coinbase),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transaction_root),
        "receiptsRoot": data(header.receipt_root),
        "logsBloom": data(header.bloom),
        "difficulty": quantity(header.difficulty),
        "number": quantity(header.block_number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": data(header.extra_data),
        "mixHash": data(header.mix_hash),
        "nonce": data(header.nonce),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        **({} if requests is None else {"requestsHash": data(requests)}),
    }


def transaction_object(
    transaction: Transaction, header: Header | None = None, index: int | None = None
) -> Json:
    """Write a transaction in its block, or one that waits where there is no header."""
    price = (
        transaction.max_fee_per_gas
        if header is None
        else transaction.effective_gas_price(header.base_fee_per_gas)
    )
    found: Json = {
        "blockHash": None if header is None else data(header.hash),
        "blockNumber": None if header is None else quantity(header.block_number),
        "blockTimestamp": None if header is None else quantity(header.timestamp),
        "transactionIndex": None if index is None else quantity(index),
        "from": data(transaction.sender),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(price),
        "hash": data(transaction.hash),
        "input": data(transaction.data),
        "nonce": quantity(transaction.nonce),
        "to": data(transaction.to) if transaction.to else None,
        "value": quantity(transaction.value),
        "type": quantity(transaction.type_id),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "v": quantity(transaction.v),
    }
    if transaction.chain_id is not None:
        found["chainId"] = quantity(transaction.chain_id)
    if transaction.type_id >= 1:
        found["yParity"] = quantity(transaction.y_parity)
        found["accessList"] = access_list_object(transaction.access_list)
    if transaction.type_id >= 2:
        found["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        found["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    if transaction.type_id == 3:
        found["maxFeePerBlobGas"] = quantity(transaction.max_fee_per_blob_gas)
        found["blobVersionedHashes"] = [data(blob) for blob in transaction.blob_versioned_hashes]
    if transaction.type_id == 4:
        found["authorizationList"] = [_authorization(it) for it in transaction.authorization_list]
    return found


def access_list_object(access_list: Sequence[tuple[bytes, Sequence[int]]]) -> list[Json]:
    """Write addresses, and the storage keys of each."""
    return [
        {"address": data(address), "storageKeys": [f"{slot:#066x}" for slot in slots]}
        for address, slots in access_list
    ]


def receipt_object(included: IncludedTransaction) -> Json:
    """Write a receipt; of a failed transaction also what it reverted with."""
    transaction, header, receipt = included.transaction, included.header, included.receipt
    created = transaction.create_address
    found: Json = {
        "blockHash": data(header.hash),
        "blockNumber": quantity(header.block_number),
        "contractAddress": None if created is None else data(created),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
        "effectiveGasPrice": quantity(transaction.effective_gas_price(header.base_fee_per_gas)),
        "from": data(transaction.sender),
        "gasUsed": quantity(included.gas_used),
        "logs": [
            log_object(log, header, transaction.hash, included.index, place)
            for place, log in enumerate(receipt.logs, included.first_log_index)
        ],
        "logsBloom": data(logs_bloom(receipt.logs).to_bytes(256, "big")),
        "status": "0x1" if receipt.succeeded else "0x0",
        "to": data(transaction.to) if transaction.to else None,
        "transactionHash": data(transaction.hash),
        "transactionIndex": quantity(included.index),
        "type": quantity(transaction.type_id),
    }
    if transaction.type_id == 3:
        found["blobGasUsed"] = quantity(transaction.blob_gas)
        found["blobGasPrice"] = quantity(blob_base_fee(header.excess_blob_gas))
    return found


def log_object(log: Log, header: Header, transaction_hash: bytes, index: int, place: int) -> Json:
    """Write a log and where it was emitted; `place` is among all logs of the block."""
    return {
        "address": data(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(header.block_number),
        "blockTimestamp": quantity(header.timestamp),
        "transactionHash": data(transaction_hash),
        "transactionIndex": quantity(index),
        "blockHash": data(header.hash),
        "logIndex": quantity(place),
        "removed": False,
    }


def entry_object(entry: LogEntry, header: Header) -> Json:
    """Write a log from a search; `header` is its block's."""
    place = entry.log_index
    return log_object(entry.log, header, entry.transaction_hash, entry.transaction_index, place)


def _authorization(authorization: Any) -> Json:
    return {
        "chainId": quantity(authorization.chain_id),
        "address": data(authorization.address),
        "nonce": quantity(authorization.nonce),
        "yParity": quantity(authorization.y_parity),
        "r": quantity(authorization.r),
        "s": quantity(authorization.s),
    }


def to_json(value: Any) -> Any:
    """Write bytes as hex, and integers that JavaScript does not have as decimal text."""
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return to_json(value._asdict())
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return data(value)
    is_exact = isinstance(value, bool) or not isinstance(value, int) or abs(value) < _EXACT
    return value if is_exact else str(value)
