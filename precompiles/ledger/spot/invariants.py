"""Invariants of spot balances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from precompiles.engine.amounts import locked_amount
from precompiles.ledger.ledger import Ledger


def holds_are_locks(ledger: Ledger) -> Iterator[str]:
    """Each account's hold is the sum of what its live orders lock."""
    locks: Counter[bytes] = Counter()
    for order in ledger.spot.orders.rows.values():
        if order.is_active:
            market = ledger.spot.markets.rows[order.asset]
            token = market.quote if order.is_buy else market.asset
            locks[token + order.owner] += locked_amount(
                is_buy=order.is_buy,
                remaining=order.remaining,
                price=order.price,
                base_unit=market.base_unit,
            )
    for key in sorted({*locks, *ledger.spot.balances.rows}):
        balance = ledger.spot.balances.get(key)
        hold = balance.hold if balance else 0
        if hold != locks[key]:
            account = f"account {key[20:].hex()}, token {key[:20].hex()}"
            yield f"{account}: hold {hold}, locks {locks[key]}"


def totals_are_sums(ledger: Ledger) -> Iterator[str]:
    """Each token's total is the sum of all balances in it."""
    sums: Counter[bytes] = Counter()
    for key, balance in ledger.spot.balances.rows.items():
        sums[key[:20]] += balance.total
    totals = {token: row.total for token, row in ledger.spot.tokens.rows.items()}
    for token in sorted({*sums, *totals}):
        if sums[token] != totals.get(token, 0):
            yield f"token {token.hex()}: total {totals.get(token, 0)}, balances {sums[token]}"


def balances_are_covered(ledger: Ledger) -> Iterator[str]:
    """0 <= hold <= total and 0 < total for every balance."""
    for key, balance in ledger.spot.balances.rows.items():
        if not 0 <= balance.hold <= balance.total or balance.total == 0:
            yield f"account {key[20:].hex()}, token {key[:20].hex()}: {balance}"


SPOT_INVARIANTS = (holds_are_locks, totals_are_sums, balances_are_covered)
