"""The dicts of eth-tester: blocks, transactions and receipts written, transactions read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evm_dex.blocks.body import Body, StoredTransaction
from evm_dex.blocks.gas import blob_base_fee
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log
from evm_dex.blocks.transaction import Transaction, authorization, signed
from evm_dex.chain.block_import import encode_block
from evm_dex.chain.block_store import IncludedTransaction
from evm_dex.chain.chain import Chain
from evm_dex.client.transaction_builder import FEES, PRIORITY_FEE, Fields, complete
from evm_dex.evm.calls import Call
from precompiles.types import ZERO_ADDRESS

_AUTHORIZATION = ("chain_id", "address", "nonce", "y_parity", "r", "s")
_NOT_FIELDS = ("from", "type", "v", "r", "s", "y_parity")

Request = Mapping[str, Any]
"""Fields by eth-tester's names, normalised by it: addresses and data as bytes, numbers as ints."""


class ChainPosition:
    """The place of a transaction: in a block of the chain, or in the pending one."""

    def __init__(self, header: Header, index: int, *, is_pending: bool = False) -> None:
        self.header = header
        self.index = index
        self.is_pending = is_pending

    def fields(self) -> Fields:
        """Return block and index; None while pending."""
        if self.is_pending:
            return dict.fromkeys(("block_hash", "block_number", "transaction_index"))
        return {
            "block_hash": self.header.hash,
            "block_number": self.header.block_number,
            "transaction_index": self.index,
        }


def block_fields(
    header: Header, transactions: Sequence[Transaction], *, full: bool, is_pending: bool = False
) -> Fields:
    """Write a block, with its transactions in full or as hashes."""
    stored = tuple(StoredTransaction(item.raw, item.sender) for item in transactions)
    listed: list[Any] = [transaction.hash for transaction in transactions]
    if full:
        listed = [
            transaction_fields(transaction, ChainPosition(header, index, is_pending=is_pending))
            for index, transaction in enumerate(transactions)
        ]
    return {
        "number": header.block_number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "nonce": header.nonce,
        "sha3_uncles": header.uncles_hash,
        "logs_bloom": int.from_bytes(header.bloom, "big"),
        "transactions_root": header.transaction_root,
        "receipts_root": header.receipt_root,
        "state_root": header.state_root,
        "coinbase": header.coinbase,
        "difficulty": header.difficulty,
        "total_difficulty": header.difficulty,
        "mix_hash": header.mix_hash,
        "size": len(encode_block(header, Body(stored))),
        "extra_data": header.extra_data.rjust(32, b"\0"),
        "gas_limit": header.gas_limit,
        "gas_used": header.gas_used,
        "timestamp": header.timestamp,
        "transactions": listed,
        "uncles": [],
        "base_fee_per_gas": header.base_fee_per_gas,
        "withdrawals": [],
        "withdrawals_root": header.withdrawals_root,
        "parent_beacon_block_root": header.parent_beacon_block_root,
        "blob_gas_used": header.blob_gas_used,
        "excess_blob_gas": header.excess_blob_gas,
        "requests_hash": header.requests_hash,
    }


def transaction_fields(transaction: Transaction, place: ChainPosition) -> Fields:
    """Write a transaction and its place."""
    common = {
        "type": transaction.type_id,
        "hash": transaction.hash,
        "nonce": transaction.nonce,
        **place.fields(),
        "from": transaction.sender,
        "to": transaction.to,
        "value": transaction.value,
        "gas": transaction.gas,
        "data": transaction.data,
    }
    signature = {"v": transaction.v, "s": transaction.s, "r": transaction.r}
    if transaction.type_id > 0:
        signature["y_parity"] = transaction.y_parity
    return common | _type_fields(transaction, place) | signature


def receipt_fields(found: IncludedTransaction, *, is_pending: bool = False) -> Fields:
    """Write a receipt."""
    transaction, receipt = found.transaction, found.receipt
    place = ChainPosition(found.header, found.index, is_pending=is_pending)
    fields = {
        **place.fields(),
        "contract_address": transaction.create_address,
        "cumulative_gas_used": receipt.cumulative_gas_used,
        "effective_gas_price": transaction.effective_gas_price(place.header.base_fee_per_gas),
        "from": transaction.sender,
        "gas_used": found.gas_used,
        "logs": [
            log_fields(log, transaction.hash, place, log_index)
            for log_index, log in enumerate(receipt.logs, found.first_log_index)
        ],
        "state_root": b"\x01" if receipt.succeeded else b"",
        "status": int(receipt.succeeded),
        "to": transaction.to,
        "transaction_hash": transaction.hash,
        "type": transaction.type_id,
    }
    if transaction.blob_gas:
        fields["blob_gas_used"] = transaction.blob_gas
        fields["blob_gas_price"] = blob_base_fee(place.header.excess_blob_gas)
    return fields


def log_fields(log: Log, transaction_hash: bytes, place: ChainPosition, log_index: int) -> Fields:
    """Write one event and where it was emitted."""
    return {
        "type": "pending" if place.is_pending else "mined",
        "log_index": log_index,
        "transaction_hash": transaction_hash,
        **place.fields(),
        "address": log.address,
        "data": log.data,
        "topics": list(log.topics),
    }


def _type_fields(transaction: Transaction, place: ChainPosition) -> Fields:
    if transaction.type_id == 0:
        return {"gas_price": transaction.max_fee_per_gas}
    fields: Fields = {
        "chain_id": transaction.chain_id,
        "access_list": transaction.access_list,
        "gas_price": transaction.max_fee_per_gas,
    }
    if transaction.type_id == 1:
        return fields
    fields["max_fee_per_gas"] = transaction.max_fee_per_gas
    fields["max_priority_fee_per_gas"] = transaction.max_priority_fee_per_gas
    if not place.is_pending:
        fields["gas_price"] = transaction.effective_gas_price(place.header.base_fee_per_gas)
    if transaction.type_id == 3:
        fields["max_fee_per_blob_gas"] = transaction.max_fee_per_blob_gas
        fields["blob_versioned_hashes"] = transaction.blob_versioned_hashes
    if transaction.type_id == 4:
        names = ("chain_id", "address", "nonce", "y_parity", "r", "s")
        fields["authorization_list"] = [
            {name: getattr(authorization, name) for name in names}
            for authorization in transaction.authorization_list
        ]
    return fields


def complete_request(chain: Chain, request: Request) -> tuple[int, Fields]:
    """Return the type of a transaction and all its fields.

    A legacy one is for every chain unless it says for which, and one without any fee offers a
    gwei in all, as eth-tester's do.
    """
    given = {name: value for name, value in request.items() if name not in _NOT_FIELDS}
    if "authorization_list" in given:
        given["authorization_list"] = tuple(
            authorization(**{name: item[name] for name in _AUTHORIZATION})
            for item in given["authorization_list"]
        )
    if not given.keys() & set(FEES):
        # Eth-tester's own: its tests want a gwei to be paid at a base fee of up to a gwei.
        given["max_fee_per_gas"] = max(PRIORITY_FEE, chain.next_header().base_fee_per_gas)
    type_id, fields = complete(
        chain, request["from"], given, estimate=lambda: chain.estimate_gas(call_of(request))
    )
    if type_id == 0:
        fields["chain_id"] = request.get("chain_id")
    return type_id, fields


def with_signature(chain: Chain, request: Request) -> Transaction:
    """Return a transaction that was signed already, from its fields and `v`, `r` and `s`."""
    v, r, s = (request[name] for name in "vrs")
    type_id, fields = complete_request(chain, request)
    return signed(type_id, fields, (v, r, s))


def call_of(request: Request) -> Call:
    """Return a request as a call."""
    return Call(
        sender=request.get("from", ZERO_ADDRESS),
        to=request.get("to", b""),
        data=request.get("data", b""),
        value=request.get("value", 0),
        gas=request.get("gas"),
        access_list=request.get("access_list", ()),
    )
