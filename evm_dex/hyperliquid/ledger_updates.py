"""Transfers that users signed, in the words of `userNonFundingLedgerUpdates`."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from evm_dex.blocks.receipt import Log
from evm_dex.hyperliquid.listings import number
from evm_dex.hyperliquid.tape_records import Json
from precompiles.hyper.receipts import ActionReceipt, Outcome
from precompiles.hyper.signed import order_wires, typed_actions, wire
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.step_precompile import signed_step
from precompiles.hyper.units import COLLATERAL_DECIMALS
from precompiles.types import Address

_HYPE_PLACES = 8


class LedgerUpdate(Struct, frozen=True):
    """Something that changed an account's balance and was no trade."""

    user: Address
    time: int
    transaction_hash: bytes
    delta: Json

    def json(self) -> Json:
        """Return it as the API gives it."""
        return {"time": self.time, "hash": f"0x{self.transaction_hash.hex()}", "delta": self.delta}


class StakingUpdate(LedgerUpdate, frozen=True):
    """Something that an account did with its stake."""


def updates_of(
    calldata: bytes, logs: tuple[Log, ...], transaction_hash: bytes, time: int
) -> Iterator[LedgerUpdate | StakingUpdate]:
    """Yield the updates of a signed action that was done, for who paid and for who was paid."""
    step = signed_step(calldata)
    if step is None:
        return
    receipts = (ActionReceipt.decode(log.topics, log.data) for log in logs)
    done = next((it for it in receipts if it is not None and it.outcome is Outcome.DONE), None)
    if done is None:
        return
    action = step.envelope.carried
    staked = _staked(action)
    if staked is not None:
        yield StakingUpdate(done.user, time, transaction_hash, staked)
    delta = _delta(action, done.user)
    if delta is not None:
        yield LedgerUpdate(done.user, time, transaction_hash, delta)
        other = delta.get("destination")
        if isinstance(other, str) and order_wires.address_of(other) != done.user:
            yield LedgerUpdate(order_wires.address_of(other), time, transaction_hash, delta)


def _staked(action: wire.SingleAction) -> Json | None:
    match action:
        case typed_actions.TokenDelegateAction():
            delegated = {
                "validator": action.validator.lower(),
                "amount": number(action.wei, _HYPE_PLACES),
                "isUndelegate": action.is_undelegate,
            }
            return {"delegate": delegated}
        case typed_actions.StakingDepositAction():
            return {"cDeposit": {"amount": number(action.wei, _HYPE_PLACES)}}
        case typed_actions.StakingWithdrawAction():
            begun = {"amount": number(action.wei, _HYPE_PLACES), "phase": "initiated"}
            return {"withdrawal": begun}
        case _:
            return None


def _delta(  # noqa: PLR0911 - a case per action
    action: wire.SingleAction, user: Address
) -> Json | None:
    who = f"0x{user.hex()}"
    match action:
        case typed_actions.UsdClassTransferAction():
            amount = action.amount.partition(" ")[0]
            return {"type": "accountClassTransfer", "usdc": amount, "toPerp": action.to_perp}
        case typed_actions.UsdSendAction():
            return {
                "type": "internalTransfer",
                "usdc": action.amount,
                "user": who,
                "destination": action.destination.lower(),
                "fee": "0.0",
            }
        case typed_actions.SpotSendAction():
            return {
                "type": "spotTransfer",
                "token": action.token.partition(":")[0],
                "amount": action.amount,
                "usdcValue": "0.0",
                "user": who,
                "destination": action.destination.lower(),
                "fee": "0.0",
                "nativeTokenFee": "0.0",
                "nonce": action.time,
                "feeToken": "",
            }
        case typed_actions.SendAssetAction():
            return {
                "type": "send",
                "user": who,
                "destination": action.destination.lower(),
                "sourceDex": action.source_dex,
                "destinationDex": action.destination_dex,
                "token": action.token.partition(":")[0],
                "amount": action.amount,
                "usdcValue": "0.0",
                "fee": "0.0",
                "nativeTokenFee": "0.0",
                "nonce": action.nonce,
                "feeToken": "",
            }
        case typed_actions.WithdrawAction():
            return {"type": "withdraw", "usdc": action.amount, "nonce": action.time, "fee": "1.0"}
        case wire.SubAccountTransferAction():
            pair = (who, action.sub_account_user.lower())
            payer, paid = pair if action.is_deposit else pair[::-1]
            usdc = format_decimal(action.usd, COLLATERAL_DECIMALS)
            return {"type": "subAccountTransfer", "usdc": usdc, "user": payer, "destination": paid}
        case wire.VaultTransferAction():
            usdc = format_decimal(action.usd, COLLATERAL_DECIMALS)
            vault = action.vault_address.lower()
            if action.is_deposit:
                return {"type": "vaultDeposit", "vault": vault, "usdc": usdc}
            return {
                "type": "vaultWithdraw",
                "vault": vault,
                "user": who,
                "requestedUsd": usdc,
                "commission": "0.0",
                "closingCost": "0.0",
                "basis": "0.0",
                "netWithdrawnUsd": usdc,
            }
        case typed_actions.StakingDepositAction() | typed_actions.StakingWithdrawAction():
            return {
                "type": "cStakingTransfer",
                "token": "HYPE",
                "amount": format_decimal(action.wei, 8),
                "isDeposit": isinstance(action, typed_actions.StakingDepositAction),
            }
        case _:
            return None
