"""Sending and signing for the accounts whose keys are at hand."""

from __future__ import annotations

from typing import Annotated, Any

from eth_hash.auto import keccak

from checkpoint.trie import rlp
from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.blocks.transaction import Transaction, unsigned
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.methods.eth_transactions import ReceiptObject, mined
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import invalid_params
from evm_dex.node.rpc_json import Json, transaction_object
from evm_dex.node.rpc_types import Data, Hash, HexAddress, ParamType, Quantity, data, shaped
from evm_dex.node.tx_defaults import account_of, build_transaction, fill_defaults

_RAW_AND_FIELDS = shaped("RawTransaction", "raw, the bytes, and tx, the fields")
_MOST_TYPED_CHARACTERS = 1_000_000


def _read_typed(value: Any) -> dict[str, Any]:
    import json  # noqa: PLC0415 - only old clients send a string here

    found = json.loads(value[:_MOST_TYPED_CHARACTERS]) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError
    return found


TypedData = Annotated[
    dict[str, Any],
    ParamType("TypedData", "an object with types, primaryType, domain and message (EIP-712)",
         {"type": "object"}, _read_typed),
]  # fmt: skip


@rpc("eth_sendTransaction")
def send_transaction(node: Node, request: TransactionRequest) -> Hash:
    """Fill in, sign and hand in a transaction of an account at hand; its hash."""
    return node.submit(build_transaction(node, request))


@rpc("eth_sendTransactionSync")
def send_transaction_sync(
    node: Node,
    request: TransactionRequest,
    timeout: Quantity = 0,  # noqa: ARG001 - see mined
) -> ReceiptObject:
    """Fill in, sign and hand in a transaction of an account at hand; its receipt."""
    return mined(node, send_transaction(node, request))


@rpc("eth_signTransaction")
def sign_transaction(node: Node, request: TransactionRequest) -> Annotated[Json, _RAW_AND_FIELDS]:
    """Fill in and sign a transaction without handing it in."""
    return _shown(build_transaction(node, request))


@rpc("eth_fillTransaction")
def fill_transaction(node: Node, request: TransactionRequest) -> Annotated[Json, _RAW_AND_FIELDS]:
    """Fill in what a transaction leaves open, for a wallet to sign: nonce, gas and fees."""
    type_id, fields = fill_defaults(node, request)
    assert request.sender is not None, "filling it refused"
    return _without_signature(unsigned(request.sender, type_id, fields))


@rpc("eth_sign")
def sign_message(node: Node, address: HexAddress, message: Data) -> Data:
    """Sign a message (EIP-191); 65 bytes: r, s, v."""
    return _signed(account_of(node, address), _message_digest(message))


@rpc("personal_sign")
def personal_sign(node: Node, message: Data, address: HexAddress) -> Data:
    """Sign a message like eth_sign, with the parameters the other way round."""
    return sign_message(node, address, message)


@rpc("eth_signTypedData_v4", "eth_signTypedData")
def sign_typed_data(node: Node, address: HexAddress, typed: TypedData) -> Data:
    """Sign structured data (EIP-712); 65 bytes: r, s, v."""
    from eth_account.messages import encode_typed_data  # noqa: PLC0415 - it takes long to load

    account = account_of(node, address)
    try:
        _check_lengths(typed["types"], typed["primaryType"], typed["message"])
        _check_lengths(typed["types"], "EIP712Domain", typed["domain"])
        message = encode_typed_data(full_message=typed)
    except Exception as error:
        raise invalid_params(f"not typed data: {error}") from None
    return _signed(account, keccak(b"\x19" + message.version + message.header + message.body))


def _check_lengths(types: dict[str, Any], kind: str, value: Any) -> None:
    """Hold arrays of a fixed length against it, which eth_account does not. Raises ValueError."""
    inner, bracket, rest = kind.rpartition("[")
    if bracket:
        length = rest.removesuffix("]")
        if length and len(value) != int(length):
            raise ValueError(f"{kind} must have {length} items, got {len(value)}")
        for item in value:
            _check_lengths(types, inner, item)
    elif kind in types and isinstance(value, dict):
        for field in types[kind]:
            if value.get(field["name"]) is not None:
                _check_lengths(types, field["type"], value[field["name"]])


def _message_digest(message: bytes) -> bytes:
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)


def _signed(account: KeyPair, digest: bytes) -> bytes:
    y_parity, r, s = account.signer.sign(digest)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((27 + y_parity,))


def _shown(transaction: Transaction) -> Json:
    return {"raw": data(transaction.raw), "tx": transaction_object(transaction)}


def _without_signature(transaction: Transaction) -> Json:
    """Write a transaction as geth does: its three signature values are 0, in the bytes too."""
    head = transaction.raw[:1] if transaction.type_id else b""
    items = [*rlp.decode(transaction.raw[len(head) :])[:-3], b"", b"", b""]
    raw = head + rlp.encode(items)
    zero = dict.fromkeys(("r", "s", "v"), "0x0")
    tx = {**transaction_object(transaction), **zero, "hash": data(keccak(raw))}
    if transaction.type_id:
        tx["yParity"] = "0x0"
    return {"raw": data(raw), "tx": tx}
