"""Balances that a token's deployer has frozen, which neither move nor trade."""

from __future__ import annotations

from precompiles.hyper.errors import BalanceFrozen
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address


def require_free(ledger: Ledger, user: Address, *tokens: int) -> None:
    """Check that an account may move tokens. Raises BalanceFrozen."""
    if ledger.core.frozen.rows:
        for token in tokens:
            if ledger.core.frozen.get(index_key(token) + user) is not None:
                raise BalanceFrozen(user, token)
