"""The price of a new token or dex, paid in HYPE.

On Hyperliquid it falls over 31 hours to 500 HYPE; here it always is there already. Source:
Hyperliquid documentation, "HIP-1" and "HIP-3".
"""

from __future__ import annotations

from precompiles.hyper.core import Core
from precompiles.hyper.signed.errors import GasAboveMost
from precompiles.hyper.system_addresses import FEES
from precompiles.hyper.transfers import move

DEPLOY_GAS = 500 * 10**8
"""Wei of HYPE."""


def pay(core: Core, most: int | None) -> None:
    """Take the price from the user's spot wallet. Raises GasAboveMost or InsufficientBalance."""
    if most is not None and most < DEPLOY_GAS:
        raise GasAboveMost(DEPLOY_GAS, most)
    move(core, core.token(core.settings.hype), FEES, DEPLOY_GAS)
