"""Invariants of HyperCore's own rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from precompiles.ledger.ledger import Ledger


def shares_are_those_of_vaults(ledger: Ledger) -> Iterator[str]:
    """Check that a vault's shares are the sum of its depositors'."""
    sums: Counter[bytes] = Counter()
    for key, share in ledger.core.vault_shares.rows.items():
        sums[key[:20]] += share.shares
    for vault in sorted({*sums, *ledger.core.vaults.rows}):
        record = ledger.core.vaults.get(vault)
        shares = record.shares if record else 0
        if shares != sums[vault]:
            yield f"vault {vault.hex()}: shares {shares}, depositors' {sums[vault]}"


def delegated_totals_are_sums(ledger: Ledger) -> Iterator[str]:
    """Check that what an account has delegated is the sum over validators."""
    sums: Counter[bytes] = Counter()
    for key, delegation in ledger.core.delegations.rows.items():
        sums[key[:20]] += delegation.amount
    totals = {user: row.wei for user, row in ledger.core.delegated.rows.items()}
    for user in sorted({*sums, *totals}):
        if sums[user] != totals.get(user, 0):
            yield f"account {user.hex()}: delegated {totals.get(user, 0)}, sum {sums[user]}"


def builders_are_those_of_live_orders(ledger: Ledger) -> Iterator[str]:
    """Check that who builders are is kept for live orders, and those whose triggers wait."""
    for key in sorted(ledger.core.order_builders.rows):
        order_id = int.from_bytes(key, "big")
        order = ledger.spot.orders.get(order_id) or ledger.perp.orders.get(order_id)
        is_live = order_id in ledger.perp.triggers.rows or (order is not None and order.is_active)
        if not is_live and not ledger.core.has_bracket(order_id):
            yield f"order {order_id}: it has a builder, and is not live"


CORE_INVARIANTS = (
    shares_are_those_of_vaults,
    delegated_totals_are_sums,
    builders_are_those_of_live_orders,
)
