"""Signed transactions, made without a node."""

from __future__ import annotations

from functools import cache
from typing import Any

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.chain.genesis.resolved import token_address
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS

WETH = token_address("WETH")
TICK, LOT = 10_000, 10**14
_GAS_PRICE = 10**11
_EXCHANGES = {"ISpot": SPOT_ADDRESS, "IPerp": PERP_ADDRESS}


@cache
def _interface(name: str) -> Interface:
    return Interface(load_artifact(name)["abi"])


def transaction(
    account: int, nonce: int, to: bytes, data: bytes = b"", **fields: Any
) -> Transaction:
    signer = default_accounts()[account].signer
    return sign(
        signer,
        2,
        {
            "chain_id": 31337,
            "nonce": nonce,
            "gas": 400_000,
            "to": to,
            "value": 0,
            "data": data,
            "max_fee_per_gas": _GAS_PRICE,
            "max_priority_fee_per_gas": 0,
            "access_list": (),
        }
        | fields,
    )


def call(account: int, nonce: int, where: str, name: str, *args: Any, **fields: Any) -> bytes:
    """A call of an exchange, named by its interface."""
    interface = _interface(where)
    data = interface.encode_call(interface.function(name, len(args)), args)
    return transaction(account, nonce, _EXCHANGES[where], data, **fields).raw


def order(
    account: int, nonce: int, *, price: int = 2_000, lots: int = 1, buys: bool = True
) -> bytes:
    """A limit order of one of the test accounts; the price in USDC."""
    args = (WETH, lots * LOT, price * 10**6, buys)
    return call(account, nonce, "ISpot", "placeOrder", *args)


def transfer(account: int, nonce: int, wei: int = 1, **fields: Any) -> bytes:
    to = bytes.fromhex("00000000000000000000000000000000000000aa")
    return transaction(account, nonce, to, value=wei, **fields).raw
