"""Rebates that makers on HyperCore have in place of a fee, where the genesis wants them.

The rate is by a maker's share of what all makers traded in two weeks. A rebate is reckoned in quote
and rounded down, and comes out of fees that were paid in the same token, no more than is there: so
nothing is made from nothing. Source: Hyperliquid documentation, "Fees".
"""

from __future__ import annotations

from precompiles.abi.event import AddressField, Event, Indexed, Uint256
from precompiles.engine.amounts import floor_divide
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.orders.core_fees import DAY
from precompiles.types import FEE_DENOMINATOR, Address

REBATES = ((5, 1), (15, 2), (30, 3))
"""(Thousandths of all makers' volume that are passed, hundred-thousandths of the quote)."""
_THOUSAND = 1_000


class MakerRebatePaid(Event, frozen=True):
    """A maker's rebate in the trade whose log comes next, where its fee is 0.

    It is in no interface of contracts: HyperEVM shows them no logs of HyperCore.
    """

    maker: Indexed[AddressField]
    """As the exchange knows it."""
    order_id: Indexed[Uint256]
    market: Indexed[AddressField]
    amount: Uint256
    """In the token that the maker received."""


def rebate_rate(ledger: Ledger, user: Address, now: int) -> int:
    """Return an account's rate in hundred-thousandths; 0 where it pays fees."""
    core = ledger.core
    if not core.pays_rebates:
        return 0
    own, total = core.maker_volume(core.owner_of(user), now // DAY), core.all_makers(now // DAY)
    return max((rate for share, rate in REBATES if own * _THOUSAND > share * total), default=0)


def maker_rebate(execution: Execution, user: Address, quote: int) -> int:
    """Return the rebate of a fill in quote, rounded down."""
    rate = rebate_rate(execution.ledger, user, execution.now)
    return floor_divide(quote * rate, FEE_DENOMINATOR)
