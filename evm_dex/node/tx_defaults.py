"""From a request to a transaction: what was left open is filled in, and it is signed."""

from __future__ import annotations

from typing import Any

from evm_dex.blocks.dev_accounts import Account
from evm_dex.blocks.transaction import Transaction, sign, unsigned
from evm_dex.node.bounded_calls import call_of, estimate
from evm_dex.node.call_objects import Request
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import failed, invalid_params
from precompiles.types import Address

_PRIORITY_FEE = 10**9
"""What a transaction offers where it does not say: any is accepted, people expect 1 gwei."""
_LAST_TYPE = 4
Fields = dict[str, Any]


def filled(node: Node, request: Request) -> tuple[int, Fields]:
    """A transaction's type and its fields, as `sign` takes them.

    Nonce after those that wait; gas by an estimate, which raises CallFailed where the
    transaction would fail; at most twice the next base fee. Raises RpcError.
    """
    chain_id = node.chain.chain_id
    if request.sender is None:
        raise invalid_params("`from` is missing: name the account that sends")
    if request.chain_id not in (None, chain_id):
        raise failed(f"the transaction is for chain {request.chain_id}, this is chain {chain_id}")
    type_id = _type(request)
    gas = request.gas
    fields: Fields = {
        "chain_id": chain_id,
        "nonce": node.chain.next_nonce(request.sender) if request.nonce is None else request.nonce,
        "gas": estimate(node, call_of(node, request), "latest") if gas is None else gas,
        "to": request.to or b"",
        "value": request.value,
        "data": request.data,
        **_fees(node, request, type_id),
    }
    if type_id >= 1:
        fields["access_list"] = request.access_list or ()
    if type_id == 3:
        fields["max_fee_per_blob_gas"] = request.max_fee_per_blob_gas or 1
        fields["blob_versioned_hashes"] = request.blob_versioned_hashes or ()
    if type_id == 4:
        fields["authorization_list"] = request.authorization_list or ()
    return type_id, fields


def made(node: Node, request: Request) -> Transaction:
    """A transaction ready to be handed in: signed, or in the name of an impersonated account.

    Raises RpcError for an account that is neither at hand nor impersonated.
    """
    type_id, fields = filled(node, request)
    sender = request.sender
    assert sender is not None, "filling it refused"
    if sender in node.accounts:
        return sign(node.accounts[sender].signer, type_id, fields)
    if sender in node.chain.settings.impersonation:
        return unsigned(sender, type_id, fields)
    raise _unknown_account(sender)


def priority_fee(node: Node) -> int:
    """Wei per gas to be offered beside the next base fee."""
    return max(_PRIORITY_FEE, node.min_gas_price - node.chain.next_header().base_fee_per_gas)


def account_of(node: Node, address: Address) -> Account:
    """An account whose key is at hand. Raises RpcError."""
    account = node.accounts.get(address)
    if account is None:
        raise _unknown_account(address)
    return account


def _unknown_account(address: Address) -> Exception:
    return failed(
        f"unknown account: no key at hand for 0x{address.hex()}; sign it and use "
        "eth_sendRawTransaction, or choose one of eth_accounts"
    )


def _type(request: Request) -> int:
    if request.type_id is not None:
        if request.type_id > _LAST_TYPE:
            raise invalid_params(f"type {request.type_id:#x} is unknown; there are 0x0 to 0x4")
        return request.type_id
    if request.authorization_list is not None:
        return 4
    if request.blob_versioned_hashes is not None:
        return 3
    if request.gas_price is None:
        return 2
    return 0 if request.access_list is None else 1


def _fees(node: Node, request: Request, type_id: int) -> Fields:
    base_fee = node.chain.next_header().base_fee_per_gas
    price, most, tip = (
        request.gas_price,
        request.max_fee_per_gas,
        request.max_priority_fee_per_gas,
    )
    if type_id < 2:
        return {"gas_price": base_fee + priority_fee(node) if price is None else price}
    if price is not None:
        return {"max_fee_per_gas": price, "max_priority_fee_per_gas": price}
    if tip is None:
        tip = priority_fee(node) if most is None else min(priority_fee(node), most)
    return {
        "max_fee_per_gas": 2 * base_fee + tip if most is None else most,
        "max_priority_fee_per_gas": tip,
    }
