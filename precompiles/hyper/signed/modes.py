"""Account modes as users and their agents sign them.

Source: hyperliquid-python-sdk 0.24, and Hyperliquid documentation, "Account abstraction modes".
"""

from __future__ import annotations

from precompiles.hyper import unified
from precompiles.hyper.core import Core
from precompiles.hyper.encoding import SetAbstraction
from precompiles.hyper.errors import DexAbstractionDiscontinued
from precompiles.hyper.signed import order_wires, typed_actions, wire

_OF_AGENTS = {"i": unified.STANDARD, "u": unified.UNIFIED, "p": unified.PORTFOLIO}
_OF_USERS = {
    **_OF_AGENTS,
    "disabled": unified.STANDARD,
    "unifiedAccount": unified.UNIFIED,
    "portfolioMargin": unified.PORTFOLIO,
}


def agent_set_abstraction(core: Core, action: wire.AgentSetAbstractionAction) -> None:
    """Choose the mode of the account that is acted for."""
    chosen = SetAbstraction(core.user, _OF_AGENTS[action.abstraction])
    unified.set_abstraction(core, chosen)


def user_set_abstraction(core: Core, action: typed_actions.UserSetAbstractionAction) -> None:
    """Choose the signer's mode, or that of its sub-account."""
    user = order_wires.address_of(action.user)
    unified.set_abstraction(core, SetAbstraction(user, _OF_USERS[action.abstraction]))


def enable_dex_abstraction(_core: Core, _action: wire.AgentEnableDexAbstractionAction) -> None:
    """Refuse a mode that was given up. Raises DexAbstractionDiscontinued."""
    raise DexAbstractionDiscontinued


def user_dex_abstraction(_core: Core, action: typed_actions.UserDexAbstractionAction) -> None:
    """Take that the mode is off. Raises DexAbstractionDiscontinued for on."""
    if action.enabled:
        raise DexAbstractionDiscontinued
