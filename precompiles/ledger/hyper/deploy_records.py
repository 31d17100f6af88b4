"""The records of what users listed on HyperCore: tokens, dexs, validators, and their rules."""

from __future__ import annotations

from precompiles.ledger.record import Amount, Record
from precompiles.types import Address


class TokenDeployment(Record, frozen=True):
    """A token that a user registered; its key is the token's index."""

    full_name: str
    requested: Amount
    """Wei of all balances that it is to begin with."""
    is_begun: bool = False
    """Whether those balances are there."""
    is_quote: bool = False
    """Whether pairs may be quoted in it."""
    may_freeze: bool = False
    """Whether its deployer may freeze balances."""
    is_spread: bool = False
    """Whether a part of it is for the orders of its pair."""


class GenesisBalance(Record, frozen=True):
    """A balance that a token is to begin with; its key is the token's index, then the account."""

    wei: Amount


class GenesisExcluded(Record, frozen=True):
    """An account that gets nothing of a token for what it holds of others; keyed likewise."""

    is_excluded: bool


class Frozen(Record, frozen=True):
    """An account's balance of a token that stays as it is; its key is the token's index first."""

    since: int
    """Block time in seconds."""


class Hyperliquidity(Record, frozen=True):
    """Orders that a pair keeps by itself (HIP-2); its key is the pair's index."""

    start_price: Amount
    """Of the lowest level; times 10**8, as is the size."""
    order_size: Amount
    levels: int
    updated: int
    """Block time in seconds when its orders were last looked at."""
    base: Amount
    """Its balances then, with what its orders hold."""
    quote: Amount


class DexDeployment(Record, frozen=True):
    """Those who run a builder's dex; its key is the dex's index."""

    deployer: Address
    oracle_updater: Address
    full_name: str
    oracle_time: int = 0
    """Block time in seconds of the last prices."""
    sub_deployers: tuple[tuple[str, Address], ...] = ()
    """(What an account may do, the account), ascending."""


class DexMarginTable(Record, frozen=True):
    """A margin table of a dex; its key is the dex's index, then the table's id."""

    description: str
    tiers: tuple[tuple[bytes, int], ...]
    """(Lower bound in collateral as minimal bytes, leverage)."""


class ValidatorProfile(Record, frozen=True):
    """A validator that registered, under the account's address."""

    node_ip: str
    description: str
    commission: int
    """Hundredths of a percent."""
    signer: Address
    takes_delegations: bool
    is_jailed: bool
