"""Who may change the rules: one owner of both exchanges."""

from __future__ import annotations

from precompiles.errors import NotExchangeOwner
from precompiles.ledger.ledger import Ledger
from precompiles.types import ZERO_ADDRESS, Address


def require_owner(ledger: Ledger, caller: Address) -> Address:
    """The exchange's owner, who must be the caller. Raises NotExchangeOwner."""
    owner = ledger.owner or ZERO_ADDRESS
    if caller != owner:
        raise NotExchangeOwner(caller, owner)
    return owner
