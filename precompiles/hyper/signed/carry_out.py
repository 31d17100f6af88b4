"""Carrying out a signed action: what it does, or why it does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from precompiles.hyper.actions import Result
from precompiles.hyper.core import Core
from precompiles.hyper.deploy import dex_deployments, token_deployments, validators
from precompiles.hyper.signed import (
    account_actions,
    deploy_actions,
    modes,
    multi_sig,
    orders,
    twaps,
    typed_actions,
    validator_actions,
    wire,
)
from precompiles.hyper.signed.orders import attempt

_MANY: dict[type[Any], Callable[..., list[Result]]] = {
    wire.OrderAction: orders.place_orders,
    wire.CancelAction: orders.cancel_orders,
    wire.CancelByCloidAction: orders.cancel_by_cloid,
    wire.ModifyAction: orders.modify,
    wire.BatchModifyAction: orders.batch_modify,
}
_ONE: dict[type[Any], Callable[..., Result | None]] = {
    wire.ScheduleCancelAction: account_actions.schedule_cancel,
    wire.UpdateLeverageAction: account_actions.update_leverage,
    wire.UpdateIsolatedMarginAction: account_actions.update_isolated_margin,
    wire.VaultTransferAction: account_actions.vault_transfer,
    wire.CreateSubAccountAction: account_actions.create_sub_account,
    wire.SubAccountTransferAction: account_actions.sub_account_transfer,
    wire.SubAccountSpotTransferAction: account_actions.sub_account_spot_transfer,
    wire.SubAccountModifyAction: account_actions.sub_account_modify,
    wire.CreateVaultAction: account_actions.create_vault,
    **dict.fromkeys(
        (
            wire.SetReferrerAction,
            wire.SetDisplayNameAction,
            wire.RegisterReferrerAction,
            wire.ReserveRequestWeightAction,
            wire.ClaimRewardsAction,
            wire.SpotUserAction,
            wire.GossipPriorityBidAction,
            wire.NoopAction,
        ),
        lambda _core, _action: None,
    ),
    deploy_actions.SpotDeployAction: token_deployments.deploy,
    deploy_actions.PerpDeployAction: dex_deployments.deploy,
    validator_actions.ValidatorAction: validators.run_validator,
    validator_actions.SignerAction: validators.sign_for_validator,
    wire.EvmUserModifyAction: account_actions.evm_user_modify,
    wire.TwapOrder: twaps.begin_twap,
    wire.TwapCancel: twaps.cancel_twap,
    typed_actions.UsdSendAction: account_actions.usd_send,
    typed_actions.SpotSendAction: account_actions.spot_send,
    typed_actions.WithdrawAction: account_actions.withdraw,
    typed_actions.UsdClassTransferAction: account_actions.class_transfer,
    typed_actions.SendAssetAction: account_actions.send_asset,
    typed_actions.ApproveAgentAction: account_actions.approve_agent,
    typed_actions.ApproveBuilderFeeAction: account_actions.approve_builder_fee,
    typed_actions.TokenDelegateAction: account_actions.token_delegate,
    typed_actions.StakingDepositAction: account_actions.staking_deposit,
    typed_actions.StakingWithdrawAction: account_actions.staking_withdraw,
    wire.AgentSetAbstractionAction: modes.agent_set_abstraction,
    typed_actions.UserSetAbstractionAction: modes.user_set_abstraction,
    wire.AgentEnableDexAbstractionAction: modes.enable_dex_abstraction,
    typed_actions.UserDexAbstractionAction: modes.user_dex_abstraction,
    typed_actions.SendToEvmWithDataAction: account_actions.send_to_evm_with_data,
    typed_actions.ConvertToMultiSigUserAction: multi_sig.convert,
}


def carry_out_signed(core: Core, action: wire.SingleAction) -> list[Result]:
    """Do what a signed action says, part by part; a part that can't be done has changed nothing."""
    many = _MANY.get(type(action))
    if many is not None:
        return many(core, action)
    return [attempt(core, _ONE[type(action)], action)]
