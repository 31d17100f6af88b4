"""Listing a token (HIP-1): registered, given to its first holders, begun, paired.

Source: Hyperliquid documentation, "HIP-1" and "Deploying HIP-1 and HIP-2 assets".
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from precompiles.engine.amounts import floor_divide
from precompiles.hyper import listing
from precompiles.hyper.actions import Result
from precompiles.hyper.core import Core
from precompiles.hyper.deploy import auction, hyperliquidity
from precompiles.hyper.errors import BalanceFrozen
from precompiles.hyper.listing import InvalidListing
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed import deploy_actions as wires
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import (
    InvalidAmount,
    InvalidDeployment,
    NotDeployer,
    SupplyMismatch,
    WrongDeployStep,
)
from precompiles.hyper.signed.order_wires import address_of
from precompiles.hyper.system_addresses import HYPERLIQUIDITY, USDC, token_address
from precompiles.hyper.trades import WHOLE_SHARE
from precompiles.hyper.units import MAX_U64
from precompiles.hyper.users import welcome
from precompiles.ledger.hyper.deploy_records import (
    Frozen,
    GenesisBalance,
    GenesisExcluded,
    TokenDeployment,
)
from precompiles.ledger.hyper.records import CorePair, CoreToken
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.spot.orders import spot_orders
from precompiles.types import ZERO_ADDRESS, Address

LONGEST_NAME = 6
_SHARE_PLACES = 3
"""Of a percentage, in units of a fee share."""
_QUOTE_DECIMALS = (2, 8)
"""Of sizes and of wei, of a token that pairs may be quoted in."""


def register(core: Core, wire: wires.RegisterToken) -> Result:
    """List a token that nobody has yet, for a price; its index is the result's order id."""
    spec = wire.spec
    if not 0 < len(spec.name) <= LONGEST_NAME or not spec.name.isalnum():
        raise InvalidDeployment.of("name")
    if any(token.name == spec.name for token in core.tables.tokens):
        raise InvalidDeployment.of("name")
    index = max(token.index for token in core.tables.tokens) + 1
    token = CoreToken(
        index, spec.name, spec.sz_decimals, spec.wei_decimals, 0, ZERO_ADDRESS,
        core.user, WHOLE_SHARE, 0,
    )  # fmt: skip
    auction.pay(core, wire.max_gas)
    try:
        listing.list_token(core.ledger, token)
    except InvalidListing as error:
        raise InvalidDeployment.of(error.field) from error
    full_name = wire.full_name if isinstance(wire.full_name, str) else ""
    core.tables.token_deployments.put(index_key(index), TokenDeployment(full_name, 0))
    return Result(Outcome.DONE, index)


def user_genesis(core: Core, wire: wires.UserGenesis) -> None:
    """Say who is to have how much at the beginning; may be said many times.

    Those who hold another token share an amount by what they hold, rounded down; the deployer
    has the rest.
    """
    deployment = _unbegun(core, wire.token)
    given: list[tuple[Address, int]] = []
    for account, excluded in wire.blacklist_users or ():
        key = index_key(wire.token) + address_of(account)
        row = GenesisExcluded(is_excluded=True) if excluded else None
        if row is not None or core.tables.genesis_excluded.get(key) is not None:
            core.tables.genesis_excluded.put(key, row)
    for account, text in wire.user_and_wei:
        given.append((address_of(account), _wei(text)))
    for index, text in wire.existing_token_and_wei:
        given += _shared(core, wire.token, core.token(index), _wei(text))
    for user, wei in given:
        key = index_key(wire.token) + user
        before = core.tables.genesis_balances.get(key)
        total = (before.wei if before else 0) + wei
        core.tables.genesis_balances.put(key, GenesisBalance(total) if total else None)
    requested = deployment.requested + sum(wei for _, wei in given)
    if requested > MAX_U64:
        raise InvalidDeployment.of("userGenesis")
    is_spread = deployment.is_spread or any(user == HYPERLIQUIDITY for user, _ in given)
    deployment = replace(deployment, requested=requested, is_spread=is_spread)
    core.tables.token_deployments.put(index_key(wire.token), deployment)


def genesis(core: Core, wire: wires.TokenGenesis) -> None:
    """Give a token's first holders what was said, which must add up to its supply.

    Raises SupplyMismatch.
    """
    deployment, token = _unbegun(core, wire.token), core.token(wire.token)
    if _wei(wire.max_supply) != deployment.requested:
        raise SupplyMismatch(deployment.requested, _wei(wire.max_supply))
    supply, address = 0, core.address_of(token)
    has_none = wire.no_hyperliquidity is True
    for key, row in _of_token(core, token.index):
        user = Address(key[8:])
        core.tables.genesis_balances.put(key, None)
        if user == HYPERLIQUIDITY and has_none:
            continue
        core.ledger.spot.change_balance(user, address, total=row.wei)
        core.ledger.spot.change_token_total(address, row.wei)
        welcome(core.ledger, user)
        supply += row.wei
    core.tables.put_token(replace(token, max_supply=supply))
    is_spread = deployment.is_spread and not has_none
    begun = replace(deployment, is_begun=True, is_spread=is_spread)
    core.tables.token_deployments.put(index_key(token.index), begun)


def register_spot(core: Core, wire: wires.RegisterSpot) -> Result:
    """List a pair of a token of the user's; its index is the result's order id."""
    base, quote = wire.tokens
    if not _own(core, base).is_begun:
        raise WrongDeployStep(base)
    if not is_quote(core.ledger, quote):
        raise InvalidDeployment.of("tokens")
    index = max((pair.index for pair in core.tables.pairs), default=-1) + 1
    owner = core.spot.acting_for(core.ledger.owner or ZERO_ADDRESS)
    try:
        listing.list_pair(core.ledger, CorePair(index, f"@{index}", base, quote), owner)
    except InvalidListing as error:
        raise InvalidDeployment.of("tokens") from error
    return Result(Outcome.DONE, index)


def register_hyperliquidity(core: Core, wire: wires.RegisterHyperliquidity) -> None:
    """Let a pair of the user's token keep orders of its own; none where it got no tokens."""
    pair = core.tables.pair(wire.spot)
    if pair is None:
        raise InvalidDeployment.of("spot")
    deployment = _own(core, pair.base)
    if core.tables.hyperliquidity.get(index_key(pair.index)) is not None:
        raise WrongDeployStep(pair.base)
    if not deployment.is_spread:
        if wire.n_orders:
            raise InvalidDeployment.of("nOrders")
        return
    seeded = wire.n_seeded_levels if isinstance(wire.n_seeded_levels, int) else 0
    hyperliquidity.begin(core, pair, wire.start_px, wire.order_sz, wire.n_orders, seeded)


def set_fee_share(core: Core, wire: wires.DeployerFeeShare) -> None:
    """Choose the deployer's part of fees paid in its token; it only ever falls."""
    _own(core, wire.token)
    token = core.token(wire.token)
    share = parse_decimal(wire.share.removesuffix("%"), _SHARE_PLACES)
    if share is None or share > token.deployer_fee_share:
        raise InvalidDeployment.of("share")
    core.tables.put_token(replace(token, deployer_fee_share=share))


def enable_quote(core: Core, wire: wires.OfToken) -> None:
    """Let pairs be quoted in a token, of which its deployer takes no fees then."""
    deployment, token = _own(core, wire.token), core.token(wire.token)
    fits = (token.size_decimals, token.wei_decimals) == _QUOTE_DECIMALS
    if not fits or token.deployer_fee_share or not deployment.is_begun:
        raise InvalidDeployment.of("token")
    row = replace(deployment, is_quote=True)
    core.tables.token_deployments.put(index_key(token.index), row)


def enable_freezing(core: Core, wire: wires.OfToken) -> None:
    """Let the deployer freeze balances; only before the token begins."""
    row = replace(_unbegun(core, wire.token), may_freeze=True)
    core.tables.token_deployments.put(index_key(wire.token), row)


def freeze_user(core: Core, wire: wires.FreezeUser) -> None:
    """Freeze an account's balance of a token, whose orders end, or free it."""
    if not _own(core, wire.token).may_freeze:
        raise WrongDeployStep(wire.token)
    user = address_of(wire.user)
    key = index_key(wire.token) + user
    is_frozen = core.tables.frozen.get(key) is not None
    if wire.freeze and is_frozen:
        raise BalanceFrozen(user, wire.token)
    if wire.freeze:
        _cancel_orders(core, user, wire.token)
    if wire.freeze or is_frozen:
        core.tables.frozen.put(key, Frozen(core.moment.now) if wire.freeze else None)


def _cancel_orders(core: Core, user: Address, token: int) -> None:
    for pair in core.tables.pairs:
        if token in (pair.base, pair.quote):
            spot_orders.cancel_all(core.spot.acting_for(user), core.market_of(pair))


def revoke_freezing(core: Core, wire: wires.OfToken) -> None:
    """Give freezing up for good; what is frozen is free again."""
    row = replace(_own(core, wire.token), may_freeze=False)
    core.tables.token_deployments.put(index_key(wire.token), row)
    first = index_key(wire.token)
    for key in sorted(key for key in core.tables.frozen.rows if key[:8] == first):
        core.tables.frozen.put(key, None)


def is_quote(ledger: Ledger, token: int) -> bool:
    """Return whether pairs may be quoted in a token."""
    deployment = ledger.core.token_deployments.get(index_key(token))
    if deployment is not None:
        return deployment.is_quote
    return token == USDC or any(pair.quote == token for pair in ledger.core.pairs)


STEPS: dict[str, Callable[..., Result | None]] = {
    "register_token2": register,
    "user_genesis": user_genesis,
    "genesis": genesis,
    "register_spot": register_spot,
    "register_hyperliquidity": register_hyperliquidity,
    "set_deployer_trading_fee_share": set_fee_share,
    "enable_quote_token": enable_quote,
    "enable_freeze_privilege": enable_freezing,
    "freeze_user": freeze_user,
    "revoke_freeze_privilege": revoke_freezing,
}


def deploy(core: Core, action: wires.SpotDeployAction) -> Result | None:
    """Carry out a step of listing a token."""
    name, wire = action.step
    return STEPS[name](core, wire)


def _own(core: Core, index: int) -> TokenDeployment:
    """Return the deployment of a token of the user's. Raises UnknownToken or NotDeployer."""
    token = core.token(index)
    deployment = core.tables.token_deployments.get(index_key(index))
    if deployment is None or token.deployer != core.user:
        raise NotDeployer(token.deployer)
    return deployment


def _unbegun(core: Core, index: int) -> TokenDeployment:
    deployment = _own(core, index)
    if deployment.is_begun:
        raise WrongDeployStep(index)
    return deployment


def _of_token(core: Core, index: int) -> list[tuple[bytes, GenesisBalance]]:
    first = index_key(index)
    rows = core.tables.genesis_balances.rows
    return [(key, rows[key]) for key in sorted(rows) if key[:8] == first]


def _shared(core: Core, index: int, held: CoreToken, wei: int) -> list[tuple[Address, int]]:
    """Return what each holder of a token gets of an amount, and the deployer the rest."""
    address, left_out = token_address(core.settings, held.index), core.tables.genesis_excluded
    rows = core.ledger.spot.balances.rows
    holders = {
        Address(key[20:]): row.total
        for key, row in sorted(rows.items())
        if key[:20] == address
        and core.tables.user(Address(key[20:])) is not None
        and left_out.get(index_key(index) + key[20:]) is None
    }
    whole = sum(holders.values())
    shares = [(user, floor_divide(wei * total, whole)) for user, total in holders.items()]
    rest = wei - sum(share for _, share in shares)
    return [*shares, (core.user, rest)] if rest else shares


def _wei(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_U64)):
        raise InvalidAmount
    return int(text)
