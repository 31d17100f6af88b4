"""Completing a transaction: what its sender left open is filled in, at every door alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from evm_dex.blocks.signing import Signer
from evm_dex.blocks.transaction import LAYOUTS, Transaction, sign, unsigned
from evm_dex.chain.chain import Chain
from evm_dex.errors import TransactionRejected
from precompiles.types import Address

PRIORITY_FEE = 10**9
"""Wei per gas that a transaction offers unless it says so: any is accepted, 1 gwei is expected."""
FEES = ("gas_price", "max_fee_per_gas", "max_priority_fee_per_gas")
_LEGACY, _ACCESS_LIST, _DYNAMIC_FEE, _BLOB, _SET_CODE = range(5)

_EMPTY = {
    **{"to": b"", "value": 0, "data": b""},
    **{"access_list": (), "blob_versioned_hashes": (), "authorization_list": ()},
}

Fields = dict[str, Any]
"""Fields of a transaction's RLP layout by name, as `sign` takes them."""
Sign = Callable[[int, Fields], Transaction]
"""Makes a transaction of a type and its fields."""


def complete(
    chain: Chain,
    sender: Address,
    given: Mapping[str, Any],
    *,
    estimate: Callable[[], int],
    type_id: int | None = None,
    tip: int = PRIORITY_FEE,
) -> tuple[int, Fields]:
    """Return the type of a transaction and all its fields, from those that are given.

    The nonce follows those that wait; gas is what `estimate` returns; fees are those of
    `complete_fees`. The type follows from the fields unless one is given.
    Raises TransactionRejected for a number below 0, and what `estimate` raises.
    """
    for name, value in given.items():
        if isinstance(value, int) and value < 0:
            raise TransactionRejected(f"{name} must be 0 or more, got {value}")
    if type_id is None:
        type_id = type_of(given)
    base_fee = chain.next_header_for(sender).base_fee_per_gas
    fields: Fields = {
        "chain_id": given.get("chain_id", chain.chain_id),
        "nonce": given["nonce"] if "nonce" in given else chain.next_nonce(sender),
        "gas": given["gas"] if "gas" in given else estimate(),
        **complete_fees(type_id, given, base_fee, tip),
        "max_fee_per_blob_gas": given.get("max_fee_per_blob_gas") or 1,
    }
    fields = {**_EMPTY, **given, **fields}
    return type_id, {name: fields[name] for name in ("chain_id", *LAYOUTS[type_id])}


def type_of(given: Mapping[str, Any]) -> int:
    """Return the transaction type (EIP-2718) that some fields make."""
    if "authorization_list" in given:
        return _SET_CODE
    if "blob_versioned_hashes" in given:
        return _BLOB
    if "gas_price" not in given:
        return _DYNAMIC_FEE
    return _ACCESS_LIST if "access_list" in given else _LEGACY


def complete_fees(type_id: int, given: Mapping[str, Any], base_fee: int, tip: int) -> Fields:
    """Return the fees of a transaction, in wei per gas.

    Without any it offers `tip` beside the base fee, up to twice the next base fee plus the tip; a
    max fee below the tip bounds the tip.
    """
    price = given.get("gas_price")
    if type_id < _DYNAMIC_FEE:
        return {"gas_price": base_fee + tip if price is None else price}
    if price is not None:
        return {"max_fee_per_gas": price, "max_priority_fee_per_gas": price}
    most = given.get("max_fee_per_gas")
    chosen = given.get("max_priority_fee_per_gas")
    if chosen is None:
        chosen = tip if most is None else min(tip, most)
    return {
        "max_fee_per_gas": 2 * base_fee + chosen if most is None else most,
        "max_priority_fee_per_gas": chosen,
    }


def find_signer(chain: Chain, signers: Iterable[Signer], sender: Address) -> Sign | None:
    """Return what signs for a sender: its key, or its name alone where it is impersonated.

    None where the key is not at hand and the sender is not impersonated.
    """
    for signer in signers:
        if signer.address == sender:
            return partial(sign, signer)
    if sender in chain.settings.impersonation:
        return partial(unsigned, sender)
    return None
