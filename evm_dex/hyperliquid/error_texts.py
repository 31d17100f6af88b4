"""Why an action failed, in the words of the API: clients tell errors by them.

Source: Hyperliquid documentation, "Error responses", and the phrases that ccxt looks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evm_dex.hyperliquid.listings import Listing, number
from precompiles import errors
from precompiles.errors import ContractError
from precompiles.hyper import errors as hyper
from precompiles.hyper.signed import errors as signed

_Text = Callable[..., str]


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


_PLAIN: dict[type[ContractError], str | _Text] = {
    # Of the exchanges
    errors.InsufficientMargin: "Insufficient margin to place order.",
    errors.WouldNotReduce: "Reduce only order would increase position.",
    errors.PriceOutOfBand: ("Order price cannot be more than 80% away from the reference price."),
    hyper.PriceNotTimes1e8: ("Order price cannot be more than 80% away from the reference price."),
    errors.InvalidTrigger: "Invalid TP/SL price.",
    errors.OrderNotFound: "Order was never placed, already canceled, or filled.",
    errors.OrderNotActive: "Order was never placed, already canceled, or filled.",
    errors.NotOrderOwner: "Order was never placed, already canceled, or filled.",
    errors.ClientOrderIdNotFound: "Order was never placed, already canceled, or filled.",
    errors.ClientOrderIdInUse: "Duplicate cloid.",
    errors.OpenInterestTooLarge: (
        "Order would increase open interest while open interest is capped."
    ),
    errors.InvalidLeverage: lambda _given, most: f"Invalid leverage value. The most is {most}.",
    errors.PositionIsOpen: "Cannot switch leverage type with open position.",
    errors.PositionNotFound: "No position to change the margin of.",
    errors.NotIsolated: "Cannot change the margin of a cross position.",
    errors.AmountZero: "Amount must be above zero.",
    errors.StalePrice: "Price of the asset is stale; trading is paused.",
    # Of HyperCore
    hyper.InvalidPrice: "Price must be divisible by tick size.",
    hyper.InvalidSize: "Order has invalid size.",
    hyper.MarketHalted: "Trading is halted.",
    hyper.NothingToMatch: "Order could not immediately match against any resting orders.",
    hyper.UnknownAsset: "Unknown asset.",
    hyper.UnknownToken: "Unknown token.",
    hyper.UnknownUser: lambda user: f"User or API Wallet {_hex(user)} does not exist.",
    hyper.UnknownVault: lambda vault: f"Vault not registered: {_hex(vault)}",
    hyper.VaultLocked: "Cannot withdraw during the lockup period after depositing.",
    hyper.VaultDepositTooSmall: "Vault deposit must be at least 5 USDC.",
    hyper.InsufficientVaultEquity: "Insufficient vault equity for withdrawal.",
    hyper.SendToSelf: "Cannot send to self.",
    hyper.ActivationFeeNotPayable: "Insufficient balance for token transfer: the receiver is new.",
    hyper.DelegationLocked: "Delegation is locked.",
    hyper.InsufficientStake: "Insufficient staking balance.",
    hyper.TooManyPendingWithdrawals: "Too many pending withdrawals.",
    hyper.UnknownValidator: "Unknown validator.",
    hyper.TooManyApiWallets: "Too many extra agents.",
    hyper.BuilderFeeTooHigh: "Builder fee rate is too high.",
    hyper.TransferFeeNotPayable: "Insufficient balance for token transfer gas.",
    hyper.PortfolioMarginNotSupported: (
        "Portfolio margin is not supported here: there are no loans. Choose unifiedAccount."
    ),
    hyper.DexAbstractionDiscontinued: (
        "DEX abstraction is discontinued and is not supported here: choose unifiedAccount."
    ),
    hyper.UnifiedForGood: "A unified account cannot become a standard account again.",
    hyper.ModeOfVault: "Vaults cannot change their account mode.",
    hyper.OpenOnOtherDex: (
        "Cannot change the account mode with open positions or orders on a builder-deployed dex."
    ),
    hyper.BalancesAreUnified: (
        "Action disabled when unified account is active. Send by sendAsset."
    ),
    hyper.BalanceFrozen: "Balance is frozen by the deployer of the token.",
    hyper.DelegationsDisabled: "Validator has disabled delegations.",
    # Of what was signed
    signed.NonceUsed: lambda nonce: f"Invalid nonce: duplicate nonce {nonce}",
    signed.NonceTooLow: lambda nonce, low: f"Invalid nonce: nonce too low {nonce} < {low}",
    signed.NotActingFor: lambda account: f"Vault not registered: {_hex(account)}",
    signed.MultiSigRequired: "Multi-sig required",
    signed.InvalidMultiSigUser: "Invalid multi-sig user",
    signed.InvalidSigners: "Unexpected error (code=148)",
    signed.InvalidMultiSigThreshold: "Invalid multi-sig threshold",
    signed.TooManyMultiSigSigners: "Too many multi-sig signers",
    signed.MultiSigSignerIsSelf: "Cannot register self as multi-sig authorized user",
    signed.MultiSigSignerUnknown: "Multi-sig authorized user must exist on L1",
    signed.NotOuterSigner: "Invalid multi-sig outer signer",
    signed.OuterSignerNotUser: "Multi-sig outer signer must be an L1 user.",
    signed.NotInnerSigner: "Invalid multi-sig inner signer",
    signed.ThresholdNotMet: "Multi-sig threshold not met",
    signed.InvalidDeployment: lambda field: f"Invalid {field.rstrip(bytes(1)).decode()}.",
    signed.NotDeployer: lambda deployer: f"Not the deployer: {_hex(deployer)} is.",
    signed.GasAboveMost: lambda price, most: f"Gas of {price} is above maxGas {most}.",
    signed.WrongDeployStep: "Invalid step of the deployment.",
    signed.SupplyMismatch: lambda asked, given: f"Max supply {given} is not the genesis's {asked}.",
    signed.OracleTooSoon: "Oracle prices can be set every 2.5 seconds at most.",
    signed.ValidatorExists: "Validator already registered.",
    signed.NotValidatorSigner: "Not the signer of a validator.",
    signed.ValidatorHasDelegations: "Validator has delegations.",
    signed.BuilderNotApproved: "Builder fee has not been approved.",
    signed.WithdrawalBelowFee: "Withdrawal is smaller than fee.",
    signed.InvalidRecipient: "Invalid destination recipient.",
    signed.VaultNotPayable: "Insufficient balance to create vault",
    signed.InvalidAmount: "Invalid amount.",
    signed.NameInUse: "Sub-account name already used.",
    signed.TooManySubAccounts: "Too many sub-accounts.",
    signed.UnknownSubAccount: lambda account: f"Sub-account {_hex(account)} does not exist.",
    signed.UnknownTokenName: "Unknown token.",
    signed.UnknownDexName: "Unknown perp dex.",
    signed.ScheduleTooSoon: "Scheduled cancel time too early, must be at least 5 seconds from now.",
    signed.TriggerNotSupported: "Invalid TP/SL price. Triggers are for perpetuals.",
    signed.NotBracket: "Invalid TP/SL price. All but the first order must be TP/SL.",
    signed.TwapDuration: "Invalid TWAP duration.",
    signed.UnknownTwap: "TWAP was never placed, already canceled, or filled.",
}


def error_text(error: ContractError, listing: Listing | None = None) -> str:
    """Return what a client is told of an error, with the asset where there is one."""
    asset = "" if listing is None else f" asset={listing.asset}"
    special = _special(error, listing)
    if special is not None:
        return special + asset
    text = _PLAIN.get(type(error))
    if text is None:
        return str(error) + asset
    return (text if isinstance(text, str) else text(*error.values)) + asset


def _special(  # noqa: PLR0911 - a case per error
    error: ContractError, listing: Listing | None
) -> str | None:
    """Return a text that depends on the market or on numbers."""
    is_spot = listing is not None and listing.is_spot
    values: tuple[Any, ...] = error.values
    match error:
        case hyper.InvalidSize(values=(0, _)):
            return "Order has zero size."
        case errors.BelowMinimumNotional():
            minimum = f"10 {listing.fee_token}" if listing and is_spot else "$10"
            return f"Order must have minimum value of {minimum}."
        case errors.InsufficientBalance() | hyper.FundsInOtherWallet() if is_spot:
            return "Insufficient spot balance"
        case hyper.FundsInOtherWallet():
            return "Insufficient margin to place order."
        case errors.InsufficientBalance():
            return "Insufficient balance for token transfer."
        case errors.WouldTakeLiquidity() if listing is not None:
            return (
                "Post only order would have immediately matched, bbo was "
                f"{listing.price(values[1])}."
            )
        case signed.TwapTooSmall():
            least = number(values[1], 6).removesuffix(".0")
            return f"TWAP order value too small. Min is ${least}, which is $10 per minute."
        case _:
            return None
