"""Permissions of an account: those who may act for it, and fees that builders may charge.

Neither has an effect on what contracts send: CoreWriter acts for its caller alone, and its orders
name no builder. Source: Hyperliquid documentation, "API wallets" and "Builder codes".
"""

from __future__ import annotations

from precompiles.hyper.core import Core
from precompiles.hyper.encoding import AddApiWallet, ApproveBuilderFee
from precompiles.hyper.errors import BuilderFeeTooHigh, TooManyApiWallets
from precompiles.ledger.hyper.records import ApiWallet, BuilderFee

MOST_NAMED = 3
HIGHEST_BUILDER_FEE = 1_000
"""One percent, of spot orders; in tenths of a basis point."""
HIGHEST_PERP_BUILDER_FEE = 100


def add_api_wallet(core: Core, action: AddApiWallet) -> None:
    """Let a wallet act for the user, in place of the one with that name."""
    wallets = core.tables.api_wallets
    own = [(key, it) for key, it in wallets.rows.items() if key[:20] == core.user]
    replaced = [key for key, it in own if it.name == action.name]
    named = [it for _, it in own if it.name]
    if action.name and not replaced and len(named) >= MOST_NAMED:
        raise TooManyApiWallets(MOST_NAMED)
    for key in replaced:
        wallets.put(key, None)
    wallets.put(core.user + action.wallet, ApiWallet(action.name))


def approve_builder_fee(core: Core, action: ApproveBuilderFee) -> None:
    """Let a builder charge the user up to a rate; 0 takes it back."""
    if action.max_fee_rate > HIGHEST_BUILDER_FEE:
        raise BuilderFeeTooHigh(action.max_fee_rate, HIGHEST_BUILDER_FEE)
    key = core.user + action.builder
    rate = action.max_fee_rate
    core.tables.builder_fees.put(key, BuilderFee(rate) if rate else None)
