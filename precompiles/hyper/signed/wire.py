"""The actions themselves, as JSON and msgpack give them.

Fields are in the order in which Hyperliquid hashes them, so that encoding an action again gives
the bytes that its signer hashed, whatever order its JSON had. Source: Hyperliquid documentation,
"Exchange endpoint", and hyperliquid-python-sdk.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from precompiles.hyper.signed.decimals import canonical_decimal
from precompiles.hyper.signed.deploy_actions import PerpDeployAction, SpotDeployAction
from precompiles.hyper.signed.order_wires import (
    MOST_ORDERS,
    U32,
    U63,
    AddressText,
    BuilderWire,
    CancelByCloidWire,
    CancelWire,
    ClientIdText,
    DustingWire,
    ModifyWire,
    OrderWire,
    Priority,
    Signed,
    Text,
    TwapWire,
)
from precompiles.hyper.signed.typed_actions import (
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    ChainIdText,
    ConvertToMultiSigUserAction,
    SendAssetAction,
    SendToEvmWithDataAction,
    SpotSendAction,
    StakingDepositAction,
    StakingWithdrawAction,
    TokenDelegateAction,
    UsdClassTransferAction,
    UsdSendAction,
    UserDexAbstractionAction,
    UserSetAbstractionAction,
    WithdrawAction,
)
from precompiles.hyper.signed.validator_actions import SignerAction, ValidatorAction

MOST_SIGNATURES = 100
HexNumber = Annotated[str, Meta(pattern="^0x[0-9a-f]{1,64}$")]


class OrderAction(Signed, frozen=True, tag="order"):
    """Orders, placed together."""

    orders: Annotated[tuple[OrderWire, ...], Meta(min_length=1, max_length=MOST_ORDERS)]
    grouping: Literal["na", "normalTpsl", "positionTpsl"] | Priority
    builder: BuilderWire | UnsetType = UNSET


class CancelAction(Signed, frozen=True, tag="cancel"):
    """Orders to cancel."""

    cancels: Annotated[tuple[CancelWire, ...], Meta(min_length=1, max_length=MOST_ORDERS)]


class CancelByCloidAction(Signed, frozen=True, tag="cancelByCloid"):
    """Orders to cancel, by their client ids."""

    cancels: Annotated[tuple[CancelByCloidWire, ...], Meta(min_length=1, max_length=MOST_ORDERS)]


class ModifyAction(Signed, frozen=True, tag="modify"):
    """An order to take the place of another."""

    oid: U63 | ClientIdText
    order: OrderWire


class BatchModifyAction(Signed, frozen=True, tag="batchModify"):
    """Orders to take the places of others."""

    modifies: Annotated[tuple[ModifyWire, ...], Meta(min_length=1, max_length=MOST_ORDERS)]


class ScheduleCancelAction(Signed, frozen=True, tag="scheduleCancel"):
    """Cancel everything at a time, in milliseconds; without one, no longer."""

    time: U63 | UnsetType = UNSET


class UpdateLeverageAction(Signed, frozen=True, tag="updateLeverage"):
    """Leverage and margin mode of a perpetual."""

    asset: U32
    is_cross: bool
    leverage: U32


class UpdateIsolatedMarginAction(Signed, frozen=True, tag="updateIsolatedMargin"):
    """Collateral into an isolated position, or out of it where it is negative; six decimals."""

    asset: U32
    is_buy: bool
    ntli: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class VaultTransferAction(Signed, frozen=True, tag="vaultTransfer"):
    """Collateral into a vault, or out of it; six decimals."""

    vault_address: AddressText
    is_deposit: bool
    usd: U63


class CreateSubAccountAction(Signed, frozen=True, tag="createSubAccount"):
    """Another account of the signer's."""

    name: Annotated[str, Meta(min_length=1, max_length=16)]


class SubAccountTransferAction(Signed, frozen=True, tag="subAccountTransfer"):
    """Collateral to an own sub-account or back; six decimals."""

    sub_account_user: AddressText
    is_deposit: bool
    usd: U63


class SubAccountSpotTransferAction(Signed, frozen=True, tag="subAccountSpotTransfer"):
    """Tokens to an own sub-account or back."""

    sub_account_user: AddressText
    is_deposit: bool
    token: Text
    amount: Text


class SubAccountModifyAction(Signed, frozen=True, tag="subAccountModify"):
    """Another name for an own sub-account."""

    sub_account_user: AddressText
    name: Annotated[str, Meta(min_length=1, max_length=16)]


class CreateVaultAction(Signed, frozen=True, tag="createVault"):
    """A vault that the signer leads, with its first deposit; six decimals."""

    name: Annotated[str, Meta(min_length=3, max_length=50)]
    description: Annotated[str, Meta(max_length=250)]
    initial_usd: U63
    nonce: U63


class SetDisplayNameAction(Signed, frozen=True, tag="setDisplayName"):
    """A name on leaderboards; taken, and without an effect, as those below."""

    display_name: Text


class RegisterReferrerAction(Signed, frozen=True, tag="registerReferrer"):
    """A referral code of the signer's."""

    code: Text


class ReserveRequestWeightAction(Signed, frozen=True, tag="reserveRequestWeight"):
    """Requests paid for ahead."""

    weight: U63


class ClaimRewardsAction(Signed, frozen=True, tag="claimRewards"):
    """Rewards of referrals."""


class SpotUserAction(Signed, frozen=True, tag="spotUser"):
    """Whether small spot balances stay; here they always do."""

    toggle_spot_dusting: DustingWire


class GossipPriorityBidAction(Signed, frozen=True, tag="gossipPriorityBid"):
    """A bid for hearing of blocks early; taken, and without an effect."""

    slot_id: U32
    ip: Text
    max_gas: U63


class SetReferrerAction(Signed, frozen=True, tag="setReferrer"):
    """A referral code; taken, and without an effect."""

    code: Text


class EvmUserModifyAction(Signed, frozen=True, tag="evmUserModify"):
    """Whether the signer's EVM transactions go into big blocks."""

    using_big_blocks: bool


class NoopAction(Signed, frozen=True, tag="noop"):
    """Nothing, but for the nonce."""


class TwapOrder(Signed, frozen=True, tag="twapOrder"):
    """An order over time."""

    twap: TwapWire


class TwapCancel(Signed, frozen=True, tag="twapCancel"):
    """An order over time to end."""

    a: U32
    t: U63


class AgentSetAbstractionAction(Signed, frozen=True, tag="agentSetAbstraction"):
    """Account mode: standard, unified, or portfolio margin."""

    abstraction: Literal["i", "u", "p"]


class AgentEnableDexAbstractionAction(Signed, frozen=True, tag="agentEnableDexAbstraction"):
    """A mode that was given up."""


L1Action = (
    OrderAction
    | CancelAction
    | CancelByCloidAction
    | ModifyAction
    | BatchModifyAction
    | ScheduleCancelAction
    | UpdateLeverageAction
    | UpdateIsolatedMarginAction
    | VaultTransferAction
    | CreateSubAccountAction
    | SubAccountTransferAction
    | SubAccountSpotTransferAction
    | SetReferrerAction
    | EvmUserModifyAction
    | NoopAction
    | TwapOrder
    | TwapCancel
    | SubAccountModifyAction
    | CreateVaultAction
    | SetDisplayNameAction
    | RegisterReferrerAction
    | ReserveRequestWeightAction
    | ClaimRewardsAction
    | SpotUserAction
    | AgentSetAbstractionAction
    | AgentEnableDexAbstractionAction
    | SpotDeployAction
    | PerpDeployAction
    | SignerAction
    | ValidatorAction
    | GossipPriorityBidAction
)
UserAction = (
    UsdSendAction
    | SpotSendAction
    | WithdrawAction
    | UsdClassTransferAction
    | SendAssetAction
    | ApproveAgentAction
    | ApproveBuilderFeeAction
    | TokenDelegateAction
    | StakingDepositAction
    | StakingWithdrawAction
    | ConvertToMultiSigUserAction
    | UserSetAbstractionAction
    | UserDexAbstractionAction
    | SendToEvmWithDataAction
)
SingleAction = L1Action | UserAction


class InnerSignature(Struct, frozen=True):
    """A signature of one of those who sign for an account, without leading zeros."""

    r: HexNumber
    s: HexNumber
    v: Literal[27, 28]


class MultiSigPayload(Struct, frozen=True, rename="camel"):
    """What those have signed who sign for an account."""

    multi_sig_user: AddressText
    outer_signer: AddressText
    action: SingleAction


class MultiSigAction(Struct, frozen=True, tag_field="type", tag="multiSig", rename="camel"):
    """An action of an account that several sign for, sent by one of them."""

    signature_chain_id: ChainIdText
    signatures: Annotated[tuple[InnerSignature, ...], Meta(max_length=MOST_SIGNATURES)]
    payload: MultiSigPayload


Action = SingleAction | MultiSigAction

FIRST_NUMBER = 0x010000
NUMBERS: dict[type[SingleAction], int] = {
    kind: first + place
    for first, kinds in ((FIRST_NUMBER, L1Action.__args__), (0x020000, UserAction.__args__))
    for place, kind in enumerate(kinds)
}
"""Ids of signed actions in receipts, above those of CoreWriter's; new ones come at the ends."""


_decoder = msgspec.msgpack.Decoder(Action)


def type_name(action: Action) -> str:
    """Return an action's `type`."""
    tag = action.__struct_config__.tag
    assert isinstance(tag, str), "each action has a tag"
    return tag


def encode(action: Action) -> bytes:
    """Return an action's canonical bytes, those that the signer of an L1 action hashed."""
    return msgspec.msgpack.encode(action)


def decode(raw: bytes) -> Action:
    """Decode canonical bytes. Raises msgspec.ValidationError."""
    action: Action = _decoder.decode(raw)
    return action


def read(content: Any) -> Action:
    """Return the action of decoded JSON, in canonical form. Raises msgspec.ValidationError."""
    if not isinstance(content, dict) or content.get("type") not in _WITH_NULLS:
        content = _without_nulls(content)
    if isinstance(content, dict) and isinstance(content.get("payload"), dict):
        payload = content["payload"]
        inner = _without_nulls(payload.get("action"))
        content = {**content, "payload": {**payload, "action": inner}}
    action: Action = msgspec.convert(_canonical(content), Action)
    return action


def untagged(action: MultiSigAction) -> bytes:
    """Return the bytes of an action without its type, which its sender hashed."""
    fields = msgspec.to_builtins(action)
    del fields["type"]
    return msgspec.msgpack.encode(fields)


_WITH_NULLS = ("CSignerAction", "CValidatorAction")
"""Types of actions in which a null is a field as others are."""


def _without_nulls(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {name: value for name, value in content.items() if value is not None}


_LOWER = {
    "vaultAddress", "subAccountUser", "c", "cloid", "oid", "multiSigUser", "outerSigner",
}  # fmt: skip
_NUMBERS = {"p", "s", "triggerPx"}
_HEX = ("r", "s")


def _canonical(content: Any, name: str = "") -> Any:
    """Return JSON with addresses of L1 actions in lower case, numbers without needless zeros."""
    if isinstance(content, dict):
        return {key: _canonical(value, key) for key, value in content.items()}
    if isinstance(content, list):
        return [_canonical(item) for item in content]
    if isinstance(content, str):
        if name in _HEX and content[:2] == "0x":
            return f"0x{content[2:].lstrip('0').lower() or '0'}"
        if name in _LOWER:
            return content.lower()
        if name in _NUMBERS:
            return canonical_decimal(content)
    return content
