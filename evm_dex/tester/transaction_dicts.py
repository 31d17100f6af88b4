"""Transactions as eth-tester hands them to a backend, made whole and signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evm_dex.blocks.transaction import Transaction, authorization, signed
from evm_dex.chain.chain import Chain
from evm_dex.client.transaction_builder import FEES, PRIORITY_FEE, Fields, complete
from evm_dex.evm.simulator import Call
from precompiles.types import ZERO_ADDRESS

_AUTHORIZATION = ("chain_id", "address", "nonce", "y_parity", "r", "s")
_NOT_FIELDS = ("from", "type", "v", "r", "s", "y_parity")

Request = Mapping[str, Any]
"""Fields by eth-tester's names, normalised by it: addresses and data as bytes, numbers as ints."""


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
