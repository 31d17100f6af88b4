"""Actions of validators and of the accounts that sign for them.

Fields are named as Hyperliquid's node names them, and nulls are hashed as they are. Source:
hyperliquid-python-sdk, and the README of hyperliquid-dex/node.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from precompiles.hyper.signed.deploy_actions import DeployAction
from precompiles.hyper.signed.order_wires import U63, AddressText, Text

HIGHEST_COMMISSION = 10_000
"""Hundredths of a percent."""
Commission = Annotated[int, Meta(ge=0, le=HIGHEST_COMMISSION)]
Description = Annotated[str, Meta(max_length=1_024)]


class NodeIp(Struct, frozen=True, rename={"ip": "Ip"}):
    """The address of a validator's node."""

    ip: Text


class Profile(Struct, frozen=True):
    """How a validator is shown, and who signs for it."""

    node_ip: NodeIp
    name: Text
    description: Description
    delegations_disabled: bool
    commission_bps: Commission
    signer: AddressText


class Registration(Struct, frozen=True):
    """A new validator, and what it stakes with itself."""

    profile: Profile
    unjailed: bool
    initial_wei: U63


class ProfileChange(Struct, frozen=True):
    """What changes of a validator; None for what stays."""

    node_ip: NodeIp | None
    name: Text | None
    description: Description | None
    unjailed: bool
    disable_delegations: bool | None
    commission_bps: Commission | None
    signer: AddressText | None


class ValidatorAction(DeployAction, frozen=True, tag="CValidatorAction"):
    """A validator that registers, changes or ends."""

    register: Registration | UnsetType = UNSET
    change_profile: ProfileChange | UnsetType = UNSET
    unregister: UnsetType | None = UNSET


class SignerAction(DeployAction, frozen=True, tag="CSignerAction"):
    """A validator's signer takes it out of work, or back."""

    jail_self: UnsetType | None = UNSET
    unjail_self: UnsetType | None = UNSET
