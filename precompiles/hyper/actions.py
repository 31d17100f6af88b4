"""Carrying out one action: what it does, or why it does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from precompiles.errors import ContractError
from precompiles.hyper import encoding, permissions, staking, trading, transfers, unified, vaults
from precompiles.hyper.attempts import all_or_nothing
from precompiles.hyper.core import Core
from precompiles.hyper.encoding import action_id, decode_action
from precompiles.hyper.errors import UnsupportedAction
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.trades import note_perp_trades, note_spot_trades


class Result(NamedTuple):
    """The outcome of an action, and the order that it was about."""

    outcome: Outcome
    order_id: int = 0
    error: ContractError | None = None


def order_result(placed: trading.Placed) -> Result:
    """Return what became of an order that was placed."""
    return Result(Outcome.PARTLY_DONE if placed.is_cut else Outcome.DONE, placed.order.id)


def _limit_order(core: Core, action: encoding.LimitOrder) -> Result:
    return order_result(trading.place(core, action))


def _cancel(core: Core, action: encoding.CancelOrder) -> Result:
    return Result(Outcome.DONE, trading.cancel(core, action))


def _cancel_by_client_id(core: Core, action: encoding.CancelByClientId) -> Result:
    return Result(Outcome.DONE, trading.cancel_by_client_id(core, action))


_FUNCTIONS: dict[type[Any], Callable[..., Result | None]] = {
    encoding.LimitOrder: _limit_order,
    encoding.VaultTransfer: vaults.transfer,
    encoding.TokenDelegate: staking.delegate,
    encoding.StakingDeposit: staking.deposit,
    encoding.StakingWithdraw: staking.withdraw,
    encoding.SpotSend: transfers.spot_send,
    encoding.UsdClassTransfer: transfers.class_transfer,
    encoding.AddApiWallet: permissions.add_api_wallet,
    encoding.CancelOrder: _cancel,
    encoding.CancelByClientId: _cancel_by_client_id,
    encoding.ApproveBuilderFee: permissions.approve_builder_fee,
    encoding.SendAsset: transfers.send_asset,
    encoding.SetAbstraction: unified.set_abstraction,
}


def carry_out(core: Core, raw: bytes) -> Result:
    """Do what an action's bytes say; one that can't be done has changed nothing."""
    try:
        with all_or_nothing(core):
            action = decode_action(raw)
            function = _FUNCTIONS.get(type(action))
            if function is None:
                raise UnsupportedAction(action_id(raw))
            result = function(core, action) or Result(Outcome.DONE)
    except ContractError as error:
        return Result(Outcome.DROPPED, 0, error)
    note_trades(core)
    return result


def note_trades(core: Core) -> None:
    """Remember what the trades of an action leave beside balances and positions."""
    note_spot_trades(core.ledger, core.spot.events, core.moment.now)
    note_perp_trades(core.ledger, core.perp.events, core.moment.now)
