"""Completing and signing the transactions that callers request."""

from __future__ import annotations

import msgspec

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.blocks.transaction import Transaction
from evm_dex.client.transaction_builder import PRIORITY_FEE, Fields, complete, find_signer
from evm_dex.node.call_objects import CallRequest
from evm_dex.node.node import Node
from evm_dex.node.rpc_calls import call_of, estimate
from evm_dex.node.rpc_errors import failed, invalid_params
from precompiles.types import Address

_LAST_TYPE = 4


def fill_defaults(node: Node, request: CallRequest) -> tuple[int, Fields]:
    """Return a transaction's type and all its fields. Raise RpcError, CallFailed.

    Gas is bounded like that of every call of this node.
    """
    chain_id = node.chain.chain_id
    if request.sender is None:
        raise invalid_params("`from` is missing: name the account that sends")
    if request.chain_id not in (None, chain_id):
        raise failed(f"the transaction is for chain {request.chain_id}, this is chain {chain_id}")
    if request.type_id is not None and request.type_id > _LAST_TYPE:
        raise invalid_params(f"type must be from 0x0 to 0x4, got {request.type_id:#x}")
    given = {
        name: value
        for name, value in msgspec.structs.asdict(request).items()
        if value is not None and name not in ("sender", "type_id")
    }
    return complete(
        node.chain,
        request.sender,
        given,
        estimate=lambda: estimate(node, call_of(node, request), "pending"),
        type_id=request.type_id,
        tip=priority_fee(node),
    )


def build_transaction(node: Node, request: CallRequest) -> Transaction:
    """Return a transaction ready to be handed in: signed, or in an impersonated account's name.

    Raise RpcError for an account that is neither at hand nor impersonated.
    """
    type_id, fields = fill_defaults(node, request)
    assert request.sender is not None, "filling it refused"
    signers = (account.signer for account in node.accounts.values())
    sign = find_signer(node.chain, signers, request.sender)
    if sign is None:
        raise _unknown_account(request.sender)
    return sign(type_id, fields)


def priority_fee(node: Node) -> int:
    """Return wei per gas to be offered beside the next base fee."""
    header = node.chain.next_header()
    usual = 0 if header.rules.burns_tips else PRIORITY_FEE
    return max(usual, node.min_gas_price - header.base_fee_per_gas)


def account_of(node: Node, address: Address) -> KeyPair:
    """Return an account whose key is at hand. Raises RpcError."""
    account = node.accounts.get(address)
    if account is None:
        raise _unknown_account(address)
    return account


def _unknown_account(address: Address) -> Exception:
    return failed(
        f"unknown account: no key at hand for 0x{address.hex()}; sign it and use "
        "eth_sendRawTransaction, or choose one of eth_accounts"
    )
