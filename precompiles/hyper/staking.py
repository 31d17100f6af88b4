"""Staking HYPE: into the staking balance, to validators, and back after a week.

What is staked is on the ledger's account of all stakes, so that the token's balances add up.
Source: Hyperliquid documentation, "Staking".
"""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.engine.amounts import floor_divide
from precompiles.errors import AmountZero
from precompiles.hyper.core import Core
from precompiles.hyper.encoding import StakingDeposit, StakingWithdraw, TokenDelegate
from precompiles.hyper.errors import (
    DelegationLocked,
    DelegationsDisabled,
    InsufficientStake,
    TooManyPendingWithdrawals,
    UnknownValidator,
)
from precompiles.hyper.system_addresses import EMISSIONS, STAKING, token_address
from precompiles.hyper.trades import note_received
from precompiles.hyper.transfers import move
from precompiles.ledger.hyper.records import DelegatedTotal, Delegation, Stake, Unstaking
from precompiles.ledger.hyper.tables import due_key
from precompiles.ledger.ledger import Ledger
from precompiles.orders.core_fees import DAY
from precompiles.types import Address

DELEGATION_LOCK = DAY
UNSTAKING_TIME = 7 * DAY
MOST_PENDING = 5
RATE_SCALE = 10_000
"""A yearly rate is in hundredths of a percent."""
DAYS_OF_YEAR = 365


def deposit(core: Core, action: StakingDeposit) -> None:
    """Move HYPE from the spot wallet to the staking balance, at once."""
    if action.wei == 0:
        raise AmountZero
    move(core, core.token(core.settings.hype), STAKING, action.wei)
    _change_stake(core, undelegated=action.wei)


def withdraw(core: Core, action: StakingWithdraw) -> None:
    """Begin to move HYPE from the staking balance back to the spot wallet."""
    if action.wei == 0:
        raise AmountZero
    _require_stake(core, action.wei)
    pending = [it for it in core.tables.unstaking.rows.values() if it.user == core.user]
    if len(pending) >= MOST_PENDING:
        raise TooManyPendingWithdrawals(MOST_PENDING)
    _change_stake(core, undelegated=-action.wei)
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
    profile = core.tables.validator_profiles.get(action.validator)
    if not action.is_undelegate:
        if profile is not None and not profile.takes_delegations and core.user != action.validator:
            raise DelegationsDisabled(action.validator)
        _require_stake(core, action.wei)
        _change_stake(core, undelegated=-action.wei, delegated=action.wei)
        until = core.moment.now + DELEGATION_LOCK
        delegations.put(key, Delegation(before.amount + action.wei, until))
        return
    if before.amount < action.wei:
        raise InsufficientStake(before.amount, action.wei)
    if core.moment.now < before.locked_until:
        raise DelegationLocked(action.validator, before.locked_until)
    left = before.amount - action.wei
    delegations.put(key, Delegation(left, before.locked_until) if left else None)
    _change_stake(core, undelegated=action.wei, delegated=-action.wei)


def pay_unstaked(ledger: Ledger, now: int) -> None:
    """Pay out whose week is over."""
    settings, unstaking = ledger.core.settings, ledger.core.unstaking
    assert settings is not None, "HyperCore has begun"
    hype, token = token_address(settings, settings.hype), ledger.core.token(settings.hype)
    assert token is not None, "HYPE is listed"
    for key in sorted(key for key in unstaking.rows if key < due_key(now + 1, 0)):
        paid = unstaking.rows[key]
        unstaking.put(key, None)
        ledger.spot.change_balance(STAKING, hype, total=-paid.amount)
        ledger.spot.change_balance(paid.user, hype, total=paid.amount)
        note_received(ledger, paid.user, token, paid.amount)


def rewards_are_due(ledger: Ledger, now: int) -> bool:
    """Tell whether a day has ended since stakes had their rewards, and there are any."""
    core = ledger.core
    is_new_day = now // DAY > core.rewarded_day
    return is_new_day and core.rules.staking_rate > 0 and bool(core.delegations.rows)


def pay_rewards(ledger: Ledger, now: int) -> None:
    """Add its reward to each delegation, once a day (UTC), as long as the emissions last.

    What was delegated for a part of the time counts as for all of it; rounded down.
    """
    settings, delegations = ledger.core.settings, ledger.core.delegations
    assert settings is not None, "HyperCore has begun"
    if not rewards_are_due(ledger, now):
        return
    days, hype = now // DAY - ledger.core.rewarded_day, token_address(settings, settings.hype)
    ledger.core.rewarded_day = now // DAY
    rate = ledger.core.rules.staking_rate * days
    rewards = {
        key: floor_divide(row.amount * rate, RATE_SCALE * DAYS_OF_YEAR)
        for key, row in sorted(delegations.rows.items())
        if not _is_jailed(ledger, key[20:])
    }
    total = sum(rewards.values())
    if total > ledger.spot.balance(EMISSIONS, hype).total:
        return
    ledger.spot.change_balance(EMISSIONS, hype, total=-total)
    ledger.spot.change_balance(STAKING, hype, total=total)
    for key, reward in rewards.items():
        row = delegations.rows[key]
        delegations.put(key, replace(row, amount=row.amount + reward))
        _change_delegated(ledger, Address(key[:20]), reward)


def delegations_of(ledger: Ledger, user: Address) -> list[tuple[Address, Delegation]]:
    """Return an account's delegations, by validator."""
    rows = ledger.core.delegations.rows
    return [(Address(key[20:]), rows[key]) for key in sorted(rows) if key[:20] == user]


def _is_jailed(ledger: Ledger, validator: bytes) -> bool:
    profile = ledger.core.validator_profiles.get(validator)
    return profile is not None and profile.is_jailed


def _require_stake(core: Core, wei: int) -> None:
    stake = core.tables.stakes.get(core.user)
    available = stake.undelegated if stake else 0
    if available < wei:
        raise InsufficientStake(available, wei)


def _change_stake(core: Core, *, undelegated: int, delegated: int = 0) -> None:
    stake = core.tables.stakes.get(core.user)
    left = (stake.undelegated if stake else 0) + undelegated
    core.tables.stakes.put(core.user, Stake(left) if left else None)
    _change_delegated(core.ledger, core.user, delegated)


def _change_delegated(ledger: Ledger, user: Address, change: int) -> None:
    total = ledger.core.delegated.get(user)
    left = (total.wei if total else 0) + change
    ledger.core.delegated.put(user, DelegatedTotal(left) if left else None)
