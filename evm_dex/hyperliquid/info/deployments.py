"""Requests about what users list: what it costs, tokens on their way, and validators."""

from __future__ import annotations

from evm_dex.hyperliquid.info.info_type import Info, Nothing, User, info_type
from evm_dex.hyperliquid.listings import number
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.deploy.auction import DEPLOY_GAS
from precompiles.hyper.system_addresses import HYPERLIQUIDITY
from precompiles.ledger.hyper.records import CoreToken
from precompiles.ledger.hyper.tables import index_key

_HYPE_PLACES = 8


@info_type("spotPairDeployAuctionStatus")
@info_type("perpDeployAuctionStatus")
def deploy_auction_status(info: Info, _: Nothing) -> Json:
    """Return an auction whose price has fallen to the least already."""
    price = number(DEPLOY_GAS, _HYPE_PLACES)
    return {
        "startTimeSeconds": info.now,
        "durationSeconds": 0,
        "startGas": price,
        "currentGas": price,
        "endGas": None,
    }


@info_type("spotDeployState", User)
def spot_deploy_state(info: Info, request: User) -> Json:
    """Return the tokens that an account registered, and what a new one costs."""
    own = [it for it in info.ledger.core.tokens if it.deployer == request.address]
    states = [_state(info, token) for token in own]
    return {"states": states, "gasAuction": deploy_auction_status(info, Nothing())}


@info_type("validatorSummaries")
def validator_summaries(info: Info, _: Nothing) -> list[Json]:
    """Return the validators; those of the genesis take all stake and are never jailed."""
    core, found = info.ledger.core, []
    for address, validator in sorted(core.validators.rows.items()):
        profile = core.validator_profiles.get(address)
        stakes = [row.amount for key, row in core.delegations.rows.items() if key[20:] == address]
        is_jailed = profile is not None and profile.is_jailed
        found.append(
            {
                "validator": f"0x{address.hex()}",
                "signer": f"0x{(profile.signer if profile else address).hex()}",
                "name": validator.name,
                "description": profile.description if profile else "",
                "nRecentBlocks": 0,
                "stake": sum(stakes),
                "isJailed": is_jailed,
                "unjailableAfter": info.now_ms if is_jailed else None,
                "isActive": not is_jailed,
                "commission": number(profile.commission if profile else 0, 4),
                "stats": [],
            }
        )
    return found


def _state(info: Info, token: CoreToken) -> Json:
    core, first = info.ledger.core, index_key(token.index)
    deployment = core.token_deployments.get(first)
    pending = {
        key[8:]: row.wei for key, row in sorted(core.genesis_balances.rows.items())
        if key[:8] == first
    }  # fmt: skip
    spread = pending.get(HYPERLIQUIDITY, 0)
    return {
        "token": token.index,
        "spec": {
            "name": token.name,
            "szDecimals": token.size_decimals,
            "weiDecimals": token.wei_decimals,
        },
        "fullName": deployment.full_name if deployment else None,
        "spots": [pair.index for pair in core.pairs if pair.base == token.index],
        "maxSupply": number(token.max_supply, token.wei_decimals),
        "hyperliquidityGenesisBalance": number(spread, token.wei_decimals),
        "totalGenesisBalanceWei": str(deployment.requested if deployment else 0),
        "userGenesisBalances": [[f"0x{user.hex()}", str(wei)] for user, wei in pending.items()],
        "existingTokenGenesisBalances": [],
    }
