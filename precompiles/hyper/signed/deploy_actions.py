"""Actions that list tokens, pairs and perpetuals, and run what was listed.

Each has one field, named after what it does. Source: Hyperliquid documentation, "Deploying HIP-1
and HIP-2 assets" and "HIP-3 deployer actions".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from precompiles.hyper.signed.order_wires import U32, U63, AddressText, Signed, Text

MOST_ROWS = 1_000
Rows = Meta(max_length=MOST_ROWS)
PricesByCoin = Annotated[tuple[tuple[Text, Text], ...], Rows]


class DeployAction(Signed, frozen=True):
    """An action with one field of many."""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is exactly one."""
        if sum(getattr(self, name) is not UNSET for name in self.__struct_fields__) != 1:
            raise ValueError(f"expected exactly one of {', '.join(self.__struct_encode_fields__)}")

    @property
    def step(self) -> tuple[str, Any]:
        """The name of the field that is there, and its value."""
        name = next(it for it in self.__struct_fields__ if getattr(self, it) is not UNSET)
        return name, getattr(self, name)


class TokenSpec(Struct, frozen=True, rename="camel"):
    """A token's name and units."""

    name: Text
    sz_decimals: U32
    wei_decimals: U32


class RegisterToken(Struct, frozen=True, rename="camel"):
    """A token to register, and the most that it may cost in wei of HYPE."""

    spec: TokenSpec
    max_gas: U63
    full_name: Text | UnsetType | None = UNSET


class UserGenesis(Struct, frozen=True, rename="camel"):
    """Balances that a token begins with."""

    token: U32
    user_and_wei: Annotated[tuple[tuple[AddressText, Text], ...], Rows]
    existing_token_and_wei: Annotated[tuple[tuple[U32, Text], ...], Rows]
    """For those who hold another token, by what they hold."""
    blacklist_users: Annotated[tuple[tuple[AddressText, bool], ...], Rows] | UnsetType = UNSET
    """Those who get nothing for what they hold."""


class TokenGenesis(Struct, frozen=True, rename="camel"):
    """The supply that a token begins with, which all its balances must add up to."""

    token: U32
    max_supply: Text
    no_hyperliquidity: bool | UnsetType = UNSET


class RegisterSpot(Struct, frozen=True, rename="camel"):
    """A pair of tokens: base, quote."""

    tokens: tuple[U32, U32]


class RegisterHyperliquidity(Struct, frozen=True, rename="camel"):
    """Orders that a pair keeps by itself."""

    spot: U32
    start_px: Text
    order_sz: Text
    n_orders: U32
    n_seeded_levels: U32 | UnsetType = UNSET


class DeployerFeeShare(Struct, frozen=True, rename="camel"):
    """A deployer's part of the fees that are paid in its token, as "50%"."""

    token: U32
    share: Text


class OfToken(Struct, frozen=True, rename="camel"):
    """A token."""

    token: U32


class FreezeUser(Struct, frozen=True, rename="camel"):
    """An account whose balance of a token stays as it is, or no longer does."""

    token: U32
    user: AddressText
    freeze: bool


class SpotDeployAction(DeployAction, frozen=True, tag="spotDeploy"):
    """A step of listing a token (HIP-1, HIP-2)."""

    register_token2: RegisterToken | UnsetType = UNSET
    user_genesis: UserGenesis | UnsetType = UNSET
    genesis: TokenGenesis | UnsetType = UNSET
    register_spot: RegisterSpot | UnsetType = UNSET
    register_hyperliquidity: RegisterHyperliquidity | UnsetType = UNSET
    set_deployer_trading_fee_share: DeployerFeeShare | UnsetType = UNSET
    enable_quote_token: OfToken | UnsetType = UNSET
    enable_freeze_privilege: OfToken | UnsetType = UNSET
    freeze_user: FreezeUser | UnsetType = UNSET
    revoke_freeze_privilege: OfToken | UnsetType = UNSET


class DexSchema(Struct, frozen=True, rename="camel"):
    """A dex to begin."""

    full_name: Text
    collateral_token: U32
    oracle_updater: AddressText | UnsetType | None = UNSET


class AssetRequest(Struct, frozen=True, rename="camel"):
    """A perpetual to list."""

    coin: Text
    """With the name of its dex: "dex:COIN"."""
    sz_decimals: U32
    oracle_px: Text
    margin_table_id: U32
    only_isolated: bool


class AssetRequest2(Struct, frozen=True, rename="camel"):
    """A perpetual to list, with its margin mode."""

    coin: Text
    sz_decimals: U32
    oracle_px: Text
    margin_table_id: U32
    margin_mode: Literal["normal", "noCross", "strictIsolated"]


class RegisterAsset(Struct, frozen=True, rename="camel", kw_only=True):
    """A perpetual on a dex, which is made where there is a schema."""

    max_gas: U63 | UnsetType | None = UNSET
    asset_request: AssetRequest
    dex: Text
    schema: DexSchema | UnsetType | None = UNSET


class RegisterAsset2(Struct, frozen=True, rename="camel", kw_only=True):
    """The same, with a margin mode."""

    max_gas: U63 | UnsetType | None = UNSET
    asset_request: AssetRequest2
    dex: Text
    schema: DexSchema | UnsetType | None = UNSET


class SetOracle(Struct, frozen=True, rename="camel"):
    """Prices of a dex's perpetuals."""

    dex: Text
    oracle_pxs: PricesByCoin
    mark_pxs: Annotated[tuple[PricesByCoin, ...], Meta(max_length=2)]
    external_perp_pxs: PricesByCoin


class HaltTrading(Struct, frozen=True, rename="camel"):
    """A perpetual that is traded no longer, or again."""

    coin: Text
    is_halted: bool


class MarginTier(Struct, frozen=True, rename="camel"):
    """The most leverage of positions above a notional, which is in the collateral."""

    lower_bound: U63
    max_leverage: U32


class MarginTable(Struct, frozen=True, rename="camel"):
    """Tiers, the lowest first."""

    description: Text
    margin_tiers: Annotated[tuple[MarginTier, ...], Meta(min_length=1, max_length=3)]


class InsertMarginTable(Struct, frozen=True, rename="camel"):
    """A margin table for a dex."""

    dex: Text
    margin_table: MarginTable


class SetFeeRecipient(Struct, frozen=True, rename="camel"):
    """An account that a dex's fees are paid to."""

    dex: Text
    fee_recipient: AddressText


class SubDeployer(Struct, frozen=True, rename="camel"):
    """An account that may do one of the things below for the deployer, or no longer."""

    variant: Text
    user: AddressText
    allowed: bool


class SetSubDeployers(Struct, frozen=True, rename="camel"):
    """Accounts that may act for a dex's deployer."""

    dex: Text
    sub_deployers: Annotated[tuple[SubDeployer, ...], Rows]


class PerpDeployAction(DeployAction, frozen=True, tag="perpDeploy"):
    """A step of listing a perpetual, or of running a dex (HIP-3)."""

    register_asset: RegisterAsset | UnsetType = UNSET
    register_asset2: RegisterAsset2 | UnsetType = UNSET
    set_oracle: SetOracle | UnsetType = UNSET
    halt_trading: HaltTrading | UnsetType = UNSET
    insert_margin_table: InsertMarginTable | UnsetType = UNSET
    set_margin_table_ids: Annotated[tuple[tuple[Text, U32], ...], Rows] | UnsetType = UNSET
    set_fee_recipient: SetFeeRecipient | UnsetType = UNSET
    set_open_interest_caps: Annotated[tuple[tuple[Text, U63], ...], Rows] | UnsetType = UNSET
    set_sub_deployers: SetSubDeployers | UnsetType = UNSET
    set_margin_modes: (
        Annotated[tuple[tuple[Text, Literal["noCross", "strictIsolated"]], ...], Rows] | UnsetType
    ) = UNSET
