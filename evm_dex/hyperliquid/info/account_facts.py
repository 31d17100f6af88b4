"""Fees, roles, agents, vaults and stakes of accounts."""

from __future__ import annotations

from evm_dex.hyperliquid.info.info_type import Info, User, info_type
from evm_dex.hyperliquid.listings import number, usd
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.signed.authority import master_of
from precompiles.hyper.staking import delegations_of
from precompiles.hyper.vaults import equity_of
from precompiles.types import Address

_HYPE_PLACES = 8


class BuilderOfUser(User):
    """A request about an account and a builder."""

    builder: str


@info_type("userFees", User)
def user_fees(info: Info, request: User) -> Json:
    """Return the rates that an account trades at."""
    perp = next(iter(info.ledger.perp.markets.rows.values()), None)
    spot = next(iter(info.ledger.spot.markets.rows.values()), None)
    cross, add = (_rate(perp.taker_fee), _rate(perp.maker_fee)) if perp else ("0.0", "0.0")
    spot_cross, spot_add = (
        (_rate(spot.taker_fee), _rate(spot.maker_fee)) if spot else ("0.0", "0.0")
    )
    rates = {"cross": cross, "add": add, "spotCross": spot_cross, "spotAdd": spot_add}
    day = 24 * 3_600 * 1_000
    taken = made = 0
    for fill in info.tape.fills.get(request.address, ()):
        if fill.time >= info.now_ms - day and not fill.trade.listing.is_spot:
            taken, made = (
                (taken + fill.trade.quote, made)
                if fill.is_taker
                else (taken, made + fill.trade.quote)
            )
    return {
        "dailyUserVlm": [
            {
                "date": "",
                "userCross": usd(taken),
                "userAdd": usd(made),
                "exchange": usd(taken + made),
            }
        ],
        "feeSchedule": {
            **rates,
            "tiers": {"vip": [], "mm": []},
            "referralDiscount": "0.0",
            "stakingDiscountTiers": [],
        },
        "userCrossRate": cross,
        "userAddRate": add,
        "userSpotCrossRate": spot_cross,
        "userSpotAddRate": spot_add,
        "activeReferralDiscount": "0.0",
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
    }


@info_type("userRateLimit", User)
def user_rate_limit(info: Info, request: User) -> Json:
    """Return limits that nobody meets here."""
    volume = sum(
        fill.trade.quote
        for fill in info.tape.fills.get(request.address, ())
        if not fill.trade.listing.is_spot
    )
    return {
        "cumVlm": usd(volume),
        "nRequestsUsed": 0,
        "nRequestsCap": 10_000,
        "nRequestsSurplus": 0,
    }


@info_type("userRole", User)
def user_role(info: Info, request: User) -> Json:
    """Return what an account is."""
    ledger, user = info.ledger, request.address
    master = master_of(ledger, user)
    if master != user:
        return {"role": "agent", "data": {"user": f"0x{master.hex()}"}}
    if ledger.core.vaults.get(user):
        return {"role": "vault"}
    for key in ledger.core.sub_accounts.rows:
        if key[20:] == user:
            return {"role": "subAccount", "data": {"master": f"0x{key[:20].hex()}"}}
    return {"role": "user" if ledger.core.user(user) else "missing"}


@info_type("extraAgents", User)
def extra_agents(info: Info, request: User) -> list[Json]:
    """Return the named wallets that sign for an account."""
    return [
        {
            "address": f"0x{key[20:].hex()}",
            "name": row.name.decode(errors="replace"),
            "validUntil": 0,
        }
        for key, row in sorted(info.ledger.core.api_wallets.rows.items())
        if key[:20] == request.address and row.name
    ]


@info_type("maxBuilderFee", BuilderOfUser)
def max_builder_fee(info: Info, request: BuilderOfUser) -> int:
    """Return what a builder may charge an account, in tenths of a basis point."""
    builder = bytes.fromhex(request.builder.removeprefix("0x"))
    row = info.ledger.core.builder_fees.get(request.address + builder)
    return row.max_rate if row else 0


@info_type("approvedBuilders", User)
def approved_builders(info: Info, request: User) -> list[str]:
    """Return the builders that an account has approved."""
    rows = info.ledger.core.builder_fees.rows
    return [f"0x{key[20:].hex()}" for key in sorted(rows) if key[:20] == request.address]


@info_type("leadingVaults", User)
def leading_vaults(info: Info, request: User) -> list[Json]:
    """Return the vaults that an account leads."""
    return [
        {"address": f"0x{address.hex()}", "name": vault.name}
        for address, vault in sorted(info.ledger.core.vaults.rows.items())
        if vault.leader == request.address
    ]


@info_type("userVaultEquities", User)
def user_vault_equities(info: Info, request: User) -> list[Json]:
    """Return an account's parts of vaults."""
    shares = info.ledger.core.vault_shares.rows
    return [
        {
            "vaultAddress": f"0x{key[:20].hex()}",
            "equity": usd(equity_of(info.ledger, request.address, Address(key[:20]), info.now)),
            "lockedUntilTimestamp": share.locked_until * 1_000,
        }
        for key, share in sorted(shares.items())
        if key[20:] == request.address
    ]


@info_type("referral", User)
def referral(info: Info, request: User) -> Json:
    """Return an account's fees as a builder, which it has already; nobody refers anybody here."""
    row = info.ledger.core.builder_rewards.get(request.address)
    return {
        "referredBy": None,
        "cumVlm": "0.0",
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": usd(row.usd if row else 0),
        "referrerState": {"stage": "needToCreateCode"},
        "rewardHistory": [],
        "tokenToState": [],
    }


@info_type("delegations", User)
def delegations(info: Info, request: User) -> list[Json]:
    """Return an account's stakes."""
    return [
        {
            "validator": f"0x{validator.hex()}",
            "amount": number(row.amount, _HYPE_PLACES),
            "lockedUntilTimestamp": row.locked_until * 1_000,
        }
        for validator, row in delegations_of(info.ledger, request.address)
    ]


@info_type("delegatorSummary", User)
def delegator_summary(info: Info, request: User) -> Json:
    """Return what an account has staked."""
    core, user = info.ledger.core, request.address
    stake = core.stakes.get(user)
    leaving = [row.amount for row in core.unstaking.rows.values() if row.user == user]
    delegated = sum(row.amount for _, row in delegations_of(info.ledger, user))
    return {
        "delegated": number(delegated, _HYPE_PLACES),
        "undelegated": number(stake.undelegated if stake else 0, _HYPE_PLACES),
        "totalPendingWithdrawal": number(sum(leaving), _HYPE_PLACES),
        "nPendingWithdrawals": len(leaving),
    }


@info_type("delegatorRewards", User)
def delegator_rewards(_info: Info, _request: User) -> list[Json]:
    """Return nothing: rewards are in the delegations, and no log tells of them."""
    return []


@info_type("delegatorHistory", User)
def delegator_history(info: Info, request: User) -> list[Json]:
    """Return what an account signed about its stake, the latest first."""
    return [it.json() for it in reversed(info.tape.stakings.get(request.address, ()))]


@info_type("userToMultiSigSigners", User)
def multi_sig_signers(info: Info, request: User) -> Json | None:
    """Return those who sign for an account, and how many must; None where its own key does."""
    signers = info.ledger.core.multi_sigs.get(request.address)
    if signers is None:
        return None
    users = [f"0x{user.hex()}" for user in signers.users]
    return {"authorizedUsers": users, "threshold": signers.threshold}


@info_type("userDexAbstraction", User)
def nothing_set(_info: Info, _request: User) -> None:
    """Return that an account has nothing of the kind."""


@info_type("userAbstraction", User)
def user_abstraction(info: Info, request: User) -> str:
    """Return an account's mode, as `userSetAbstraction` spells it."""
    mode = info.ledger.core.modes.get(request.address)
    if mode is None:
        return "default"
    return "unifiedAccount" if mode.is_unified else "disabled"


@info_type("isVip", User)
@info_type("legalCheck", User)
def legal_check(_info: Info, _request: User) -> Json:
    """Return that everybody may trade."""
    return {"ipAllowed": True, "acceptedTerms": True, "userAllowed": True}


@info_type("preTransferCheck", User)
def pre_transfer_check(info: Info, request: User) -> Json:
    """Return what a transfer to an account costs."""
    exists = info.ledger.core.user(request.address) is not None
    return {
        "fee": "0.0" if exists else "1.0",
        "isSanctioned": False,
        "userExists": exists,
        "userHasSentTx": exists,
    }


def _rate(hundred_thousandths: int) -> str:
    return number(hundred_thousandths, 5)
