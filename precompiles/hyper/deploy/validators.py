"""Validators that register, and the accounts that sign for them.

Nothing here is validated by them: stake can be delegated to one, and earns while it is not jailed.
Source: hyperliquid-python-sdk, and the README of hyperliquid-dex/node.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from precompiles.hyper import encoding, staking
from precompiles.hyper.core import Core
from precompiles.hyper.errors import UnknownValidator
from precompiles.hyper.signed import validator_actions as wires
from precompiles.hyper.signed.errors import (
    NotValidatorSigner,
    ValidatorExists,
    ValidatorHasDelegations,
)
from precompiles.hyper.signed.order_wires import address_of
from precompiles.ledger.hyper.deploy_records import ValidatorProfile
from precompiles.ledger.hyper.records import Validator
from precompiles.types import Address


def run_validator(core: Core, action: wires.ValidatorAction) -> None:
    """Register the user as a validator, change it, or end it."""
    if isinstance(action.register, wires.Registration):
        _register(core, action.register)
    elif isinstance(action.change_profile, wires.ProfileChange):
        _change(core, action.change_profile)
    else:
        _unregister(core)


def sign_for_validator(core: Core, action: wires.SignerAction) -> None:
    """Take validators that the user signs for out of work, or back. Raises NotValidatorSigner."""
    profiles = core.tables.validator_profiles
    own = [key for key, row in sorted(profiles.rows.items()) if row.signer == core.user]
    if not own:
        raise NotValidatorSigner(core.user)
    is_jailed = action.jail_self is not UNSET
    for key in own:
        profiles.put(key, replace(profiles.rows[key], is_jailed=is_jailed))


def _register(core: Core, asked: wires.Registration) -> None:
    """Make the user a validator. Raises ValidatorExists, or InsufficientStake for its own stake."""
    if core.tables.validators.get(core.user) is not None:
        raise ValidatorExists(core.user)
    profile = asked.profile
    core.tables.validators.put(core.user, Validator(profile.name))
    row = ValidatorProfile(
        profile.node_ip.ip,
        profile.description,
        profile.commission_bps,
        address_of(profile.signer),
        takes_delegations=not profile.delegations_disabled,
        is_jailed=not asked.unjailed,
    )
    if asked.initial_wei:
        action = encoding.TokenDelegate(core.user, asked.initial_wei, is_undelegate=False)
        staking.delegate(core, action)
    core.tables.validator_profiles.put(core.user, row)


def _change(core: Core, asked: wires.ProfileChange) -> None:
    row = _own(core)
    disabled, signer = asked.disable_delegations, asked.signer
    if asked.name is not None:
        core.tables.validators.put(core.user, Validator(asked.name))
    changed = ValidatorProfile(
        row.node_ip if asked.node_ip is None else asked.node_ip.ip,
        row.description if asked.description is None else asked.description,
        row.commission if asked.commission_bps is None else asked.commission_bps,
        row.signer if signer is None else address_of(signer),
        row.takes_delegations if disabled is None else not disabled,
        is_jailed=not asked.unjailed,
    )
    core.tables.validator_profiles.put(core.user, changed)


def _unregister(core: Core) -> None:
    """End the user as a validator. Raises ValidatorHasDelegations while it has stake."""
    _own(core)
    delegations = core.tables.delegations.rows
    staked = sum(row.amount for key, row in delegations.items() if key[20:] == core.user)
    if staked:
        raise ValidatorHasDelegations(staked)
    core.tables.validators.put(core.user, None)
    core.tables.validator_profiles.put(core.user, None)


def _own(core: Core) -> ValidatorProfile:
    """Return the user's profile. Raises UnknownValidator."""
    row = core.tables.validator_profiles.get(Address(core.user))
    if row is None:
        raise UnknownValidator(core.user)
    return row
