"""Staking HYPE: into the staking balance, to validators, and back after a week.

What is staked is on the ledger's account of all stakes, so that the token's balances add up.
Source: Hyperliquid documentation, "Staking".
"""

from __future__ import annotations

from precompiles.errors import AmountZero
from precompiles.hyper.core import Core
from precompiles.hyper.encoding import StakingDeposit, StakingWithdraw, TokenDelegate
from precompiles.hyper.errors import (
    DelegationLocked,
    InsufficientStake,
    TooManyPendingWithdrawals,
    UnknownValidator,
)
from precompiles.hyper.system_addresses import STAKING, token_address
from precompiles.hyper.transfers import move
from precompiles.ledger.hyper.records import Delegation, Stake, Unstaking
from precompiles.ledger.hyper.tables import due_key
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

DELEGATION_LOCK = 24 * 3_600
UNSTAKING_TIME = 7 * 24 * 3_600
MOST_PENDING = 5


def deposit(core: Core, action: StakingDeposit) -> None:
    """Move HYPE from the spot wallet to the staking balance, at once."""
    if action.wei == 0:
        raise AmountZero
    move(core, core.token(core.settings.hype), STAKING, action.wei)
    _change_stake(core, action.wei)


def withdraw(core: Core, action: StakingWithdraw) -> None:
    """Begin to move HYPE from the staking balance back to the spot wallet."""
    if action.wei == 0:
        raise AmountZero
    _require_stake(core, action.wei)
    pending = [it for it in core.tables.unstaking.rows.values() if it.user == core.user]
    if len(pending) >= MOST_PENDING:
        raise TooManyPendingWithdrawals(MOST_PENDING)
    _change_stake(core, -action.wei)
    key = due_key(core.moment.now + UNSTAKING_TIME, core.ledger.next_unstaking_sequence())
    core.tables.unstaking.put(key, Unstaking(core.user, action.wei))


def delegate(core: Core, action: TokenDelegate) -> None:
    """Stake with a validator, or take back what is not locked."""
    if core.tables.validators.get(action.validator) is None:
        raise UnknownValidator(action.validator)
    if action.wei == 0:
        raise AmountZero
    key, delegations = core.user + action.validator, core.tables.delegations
    before = delegations.get(key) or Delegation(0, 0)
    if not action.is_undelegate:
        _require_stake(core, action.wei)
        _change_stake(core, -action.wei)
        until = core.moment.now + DELEGATION_LOCK
        delegations.put(key, Delegation(before.amount + action.wei, until))
        return
    if before.amount < action.wei:
        raise InsufficientStake(before.amount, action.wei)
    if core.moment.now < before.locked_until:
        raise DelegationLocked(action.validator, before.locked_until)
    left = before.amount - action.wei
    delegations.put(key, Delegation(left, before.locked_until) if left else None)
    _change_stake(core, action.wei)


def pay_unstaked(ledger: Ledger, now: int) -> None:
    """Pay out whose week is over."""
    settings, unstaking = ledger.core.settings, ledger.core.unstaking
    assert settings is not None, "HyperCore has begun"
    hype = token_address(settings, settings.hype)
    for key in sorted(key for key in unstaking.rows if key < due_key(now + 1, 0)):
        paid = unstaking.rows[key]
        unstaking.put(key, None)
        ledger.spot.change_balance(STAKING, hype, total=-paid.amount)
        ledger.spot.change_balance(paid.user, hype, total=paid.amount)


def delegations_of(ledger: Ledger, user: Address) -> list[tuple[Address, Delegation]]:
    """Return an account's delegations, by validator."""
    rows = ledger.core.delegations.rows
    return [(Address(key[20:]), rows[key]) for key in sorted(rows) if key[:20] == user]


def _require_stake(core: Core, wei: int) -> None:
    stake = core.tables.stakes.get(core.user)
    available = stake.undelegated if stake else 0
    if available < wei:
        raise InsufficientStake(available, wei)


def _change_stake(core: Core, change: int) -> None:
    stake = core.tables.stakes.get(core.user)
    left = (stake.undelegated if stake else 0) + change
    core.tables.stakes.put(core.user, Stake(left) if left else None)
