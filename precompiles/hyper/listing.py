"""Beginning HyperCore, and listing tokens, spot pairs and perpetuals on it.

The units are such that every price and size on Hyperliquid's grid converts exactly (`units.py`);
the grid itself is checked where an action comes in.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from precompiles.execution import Execution
from precompiles.hyper.dexs import noted_account, settled_in
from precompiles.hyper.grid import SPOT_DECIMALS
from precompiles.hyper.prices import pair_market
from precompiles.hyper.system_addresses import (
    FEES,
    ORACLE,
    USDC,
    collateral_address,
    pair_address,
    perp_address,
    token_address,
)
from precompiles.hyper.units import COLLATERAL_DECIMALS, power_of_ten
from precompiles.ledger.hyper.records import (
    CoreDex,
    CorePair,
    CorePerp,
    CoreSettings,
    CoreToken,
    CoreUser,
    DexFund,
    MarketBase,
    Vault,
    VaultShare,
)
from precompiles.ledger.hyper.tables import index_key
from precompiles.ledger.ledger import Ledger
from precompiles.orders.core_fees import DAY, FEE_TIERS
from precompiles.perp import markets as perp_markets
from precompiles.perp.oracle import set_price
from precompiles.spot import markets as spot_markets
from precompiles.types import MAX_LEVERAGE, ZERO_ADDRESS, Address, SelfTradePrevention

MINIMUM_ORDER = 10
"""Of the quote or the collateral."""
PRICE_BAND = 80_000
"""Hundred-thousandths from the mark, either way."""
PARTIAL_LIQUIDATION = 100_000
COOLDOWN = 30
MOST_DEXS = 10_000
LONGEST_NAME = 6
"""Of a dex, in characters."""
MAX_SIZE_DECIMALS = 6
"""A perpetual's, whose prices have 6 less so many decimals."""


class InvalidListing(ValueError):  # noqa: N818 - says what it is
    """Something can't be listed; `field` is what to change."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field
        self.expected = expected


def begin(ledger: Ledger, settings: CoreSettings, owner: Execution) -> None:
    """Make HyperCore be there; the owner of the exchanges does."""
    ledger.core.settings = settings
    ledger.core.rewarded_day = settings.l1_time // DAY
    perp_markets.set_collateral(owner, collateral_address(0))


def list_token(ledger: Ledger, token: CoreToken) -> None:
    """List a token. Raises InvalidListing for a doubled index or impossible decimals (HIP-1)."""
    if ledger.core.token(token.index):
        raise InvalidListing("index", f"one that no other token has, got {token.index}")
    if not 0 <= token.size_decimals <= token.wei_decimals <= 18:
        raise InvalidListing(
            "wei_decimals",
            f"size_decimals to 18, got {token.wei_decimals} with {token.size_decimals}",
        )
    if token.index != USDC and token.size_decimals + 5 > token.wei_decimals:
        raise InvalidListing("wei_decimals", "at least size_decimals + 5")
    if not -2 <= token.evm_extra_decimals <= 18:
        raise InvalidListing("evm_extra_decimals", f"-2 to 18, got {token.evm_extra_decimals}")
    ledger.core.put_token(token)


def list_pair(ledger: Ledger, pair: CorePair, owner: Execution) -> None:
    """List a pair. Raises InvalidListing for a doubled index or base, or an unknown token."""
    core, settings = ledger.core, ledger.core.settings
    assert settings is not None, "HyperCore has begun"
    if core.pair(pair.index):
        raise InvalidListing("index", f"one that no other pair has, got {pair.index}")
    base, quote = core.token(pair.base), core.token(pair.quote)
    if base is None or quote is None or base is quote:
        field = "quote" if base else "base"
        raise InvalidListing(field, f"a listed token, two in all, got {getattr(pair, field)}")
    of_base = [other for other in core.pairs if other.base == pair.base]
    if any(other.quote == pair.quote for other in of_base):
        raise InvalidListing("quote", "a token that the base has no other pair with")
    if quote.wei_decimals < SPOT_DECIMALS - base.size_decimals:
        raise InvalidListing(
            "quote", f"a token of at least {SPOT_DECIMALS - base.size_decimals} wei_decimals"
        )
    core.put_pair(pair)
    if of_base:
        token = token_address(settings, pair.base)
        ledger.spot.bases.put(pair_address(pair.index), MarketBase(token))
    spot_markets.list_market(
        owner,
        asset=pair_market(ledger, settings, pair),
        quote=token_address(settings, pair.quote),
        base_unit=10**base.wei_decimals,
        tick=1,
        lot=10 ** (base.wei_decimals - base.size_decimals),
        maker_fee=FEE_TIERS[0].spot_maker,
        taker_fee=FEE_TIERS[0].spot_taker,
        self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
        fee_recipient=FEES,
    )


def list_perp(
    ledger: Ledger,
    perp: CorePerp,
    tiers: Sequence[tuple[int, int]],
    price: int,
    impact_notional: int,
    owner: Execution,
) -> None:
    """`tiers` are (lower bound in collateral, leverage); price and bounds have six decimals.

    Fees of a dex with another collateral than USDC go to an account there. Raises InvalidListing
    for a doubled number or what is no margin table.
    """
    if ledger.core.perp(perp.perp_id):
        raise InvalidListing("index", f"one that no other perpetual has, got {perp.perp_id}")
    if not 0 <= perp.size_decimals <= MAX_SIZE_DECIMALS:
        raise InvalidListing("size_decimals", f"0 to {MAX_SIZE_DECIMALS}, got {perp.size_decimals}")
    if not all(0 < leverage <= MAX_LEVERAGE for _, leverage in tiers):
        raise InvalidListing("tiers", f"leverages of 1 to {MAX_LEVERAGE}")
    asset, usd = perp_address(perp.perp_id), 10**COLLATERAL_DECIMALS
    ledger.core.put_perp(perp)
    in_usdc = settled_in(ledger, perp.dex) == USDC
    perp_markets.list_market(owner, asset, 10**perp.size_decimals, 1, 1, tiers[0][1], ORACLE)
    perp_markets.change_market(
        owner,
        asset,
        "genesis",
        tiers=perp_markets.stored_tiers(tiers),
        maker_fee=FEE_TIERS[0].perp_maker,
        taker_fee=FEE_TIERS[0].perp_taker,
        fee_recipient=FEES if in_usdc else noted_account(ledger, perp.dex, FEES),
        max_price_age=perp_markets.MAX_SECONDS,
        minimum_notional=MINIMUM_ORDER * usd,
        price_band=PRICE_BAND,
        partial_notional=PARTIAL_LIQUIDATION * usd,
        cooldown=COOLDOWN,
        impact_notional=impact_notional * usd,
    )
    set_price(owner.acting_for(ORACLE), asset, price, 0)


def list_dex(ledger: Ledger, dex: CoreDex, backstop: Address = ZERO_ADDRESS) -> None:
    """List a builder's dex, whose bankrupt positions `backstop` takes over there; zero for none.

    Raises InvalidListing for a doubled index or an unfit collateral.
    """
    if not 0 < dex.index < MOST_DEXS or ledger.core.dex(dex.index):
        expected = f"1 to {MOST_DEXS - 1}, one that no other dex has, got {dex.index}"
        raise InvalidListing("index", expected)
    if not 0 < len(dex.name) <= LONGEST_NAME:
        raise InvalidListing("name", f"one to {LONGEST_NAME} characters, got {dex.name!r}")
    token = ledger.core.token(dex.collateral)
    if token is None or token.wei_decimals != SPOT_DECIMALS:
        expected = f"a listed token of {SPOT_DECIMALS} wei_decimals, got {dex.collateral}"
        raise InvalidListing("collateral", expected)
    ledger.core.put_dex(dex)
    if backstop != ZERO_ADDRESS:
        account = noted_account(ledger, dex.index, backstop)
        ledger.core.dex_funds.put(index_key(dex.index), DexFund(account, 0, 0))


def minimum_order(quote: CoreToken) -> int:
    """Return the least notional of a spot order, in wei of the quote."""
    return MINIMUM_ORDER * power_of_ten(quote.wei_decimals)


def list_vault(ledger: Ledger, address: Address, vault: Vault, deposit: int = 0) -> None:
    """List a vault, of which its leader has all that is in it at first.

    Raises InvalidListing for an address that is a vault's already.
    """
    if ledger.core.vaults.get(address):
        raise InvalidListing("address", "one that no other vault has")
    ledger.core.vaults.put(address, replace(vault, shares=deposit))
    if deposit:
        ledger.core.vault_shares.put(address + vault.leader, VaultShare(deposit, 0))
    ledger.core.put_user(address, CoreUser(is_activated=True, uses_big_blocks=False))
