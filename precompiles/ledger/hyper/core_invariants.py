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


CORE_INVARIANTS = (shares_are_those_of_vaults,)
