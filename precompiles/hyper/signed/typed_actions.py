"""Actions that are signed as typed data, field by field, so that a wallet can show them.

Source: Hyperliquid documentation, "Exchange endpoint", and hyperliquid-python-sdk.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from precompiles.hyper.signed.order_wires import U32, U63, AddressText, Text

MOST_CALL_GAS = 3_000_000
"""Of a small block."""
MOST_CALL_DATA = 4_096
"""Bytes."""
ChainIdText = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{1,16}$")]


class UserSigned(Struct, frozen=True, tag_field="type", rename="camel", kw_only=True):
    """An action signed as typed data, field by field."""

    signature_chain_id: ChainIdText
    hyperliquid_chain: Literal["Mainnet", "Testnet"]


class UsdSendAction(UserSigned, frozen=True, tag="usdSend", kw_only=True):
    """Collateral to another account."""

    destination: AddressText
    amount: Text
    time: U63


class SpotSendAction(UserSigned, frozen=True, tag="spotSend", kw_only=True):
    """Tokens to another account."""

    destination: AddressText
    token: Text
    amount: Text
    time: U63


class WithdrawAction(UserSigned, frozen=True, tag="withdraw3", kw_only=True):
    """Collateral to an account on the EVM, less a fee."""

    destination: AddressText
    amount: Text
    time: U63


class UsdClassTransferAction(UserSigned, frozen=True, tag="usdClassTransfer", kw_only=True):
    """USDC between the spot wallet and the perpetuals dex."""

    amount: Text
    """May end in " subaccount:0x…"."""
    to_perp: bool
    nonce: U63


class SendAssetAction(UserSigned, frozen=True, tag="sendAsset", kw_only=True):
    """Tokens between wallets, of whomever; "spot" is the spot wallet, "" the first dex."""

    destination: AddressText
    source_dex: Text
    destination_dex: Text
    token: Text
    amount: Text
    from_sub_account: Text
    nonce: U63


class ApproveAgentAction(UserSigned, frozen=True, tag="approveAgent", kw_only=True):
    """A wallet that may sign for the signer."""

    agent_address: AddressText
    agent_name: Text | None = None
    nonce: U63


class ApproveBuilderFeeAction(UserSigned, frozen=True, tag="approveBuilderFee", kw_only=True):
    """Most that a builder may charge, as "0.001%"."""

    max_fee_rate: Text
    builder: AddressText
    nonce: U63


class TokenDelegateAction(UserSigned, frozen=True, tag="tokenDelegate", kw_only=True):
    """Stake to a validator, or back."""

    validator: AddressText
    wei: U63
    is_undelegate: bool
    nonce: U63


class StakingDepositAction(UserSigned, frozen=True, tag="cDeposit", kw_only=True):
    """HYPE from the spot wallet into staking."""

    wei: U63
    nonce: U63


class StakingWithdrawAction(UserSigned, frozen=True, tag="cWithdraw", kw_only=True):
    """HYPE out of staking."""

    wei: U63
    nonce: U63


class ConvertToMultiSigUserAction(
    UserSigned, frozen=True, tag="convertToMultiSigUser", kw_only=True
):
    """Those whose signatures stand for the account's from now on."""

    signers: Annotated[str, Meta(max_length=4_096)]
    """JSON: `authorizedUsers` and `threshold`, or null for the account's own key."""
    nonce: U63


class UserSetAbstractionAction(UserSigned, frozen=True, tag="userSetAbstraction", kw_only=True):
    """Account mode of the signer, or of its sub-account; in `multiSig` by its first letters."""

    user: AddressText
    abstraction: Literal["disabled", "unifiedAccount", "portfolioMargin", "i", "u", "p"]
    nonce: U63


class UserDexAbstractionAction(UserSigned, frozen=True, tag="userDexAbstraction", kw_only=True):
    """A mode that was given up, on or off."""

    user: AddressText
    enabled: bool
    nonce: U63


class SendToEvmWithDataAction(UserSigned, frozen=True, tag="sendToEvmWithData", kw_only=True):
    """A token for the contract that is linked to it, with what the contract is to do."""

    token: Text
    amount: Text
    source_dex: Text
    destination_recipient: Text
    address_encoding: Literal["hex", "base58"]
    destination_chain_id: U32
    gas_limit: Annotated[int, Meta(ge=0, le=MOST_CALL_GAS)]
    data: Annotated[str, Meta(pattern="^0x([0-9a-fA-F]{2})*$", max_length=2 + 2 * MOST_CALL_DATA)]
    nonce: U63
