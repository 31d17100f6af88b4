"""Authorizations of EIP-7702, made from their fields."""

from __future__ import annotations

from typing import Any

from eth.vm.forks.prague.transactions import Authorization

from precompiles.types import Address


def authorization(
    chain_id: int, address: Address, nonce: int, y_parity: int, r: int, s: int
) -> Any:
    """One authorization in the form that transactions hold; its fields are read by name."""
    code: Any = address  # py-evm has an address type of its own
    return Authorization(chain_id, code, nonce, y_parity, r, s)
