"""Why an action did nothing, as typed errors with the numbers that explain it.

Where a rule is one of the exchanges, its own error is the reason.
"""

from __future__ import annotations

from precompiles.errors import ContractError


class MalformedAction(ContractError):
    declaration = "MalformedAction(uint256 offset)"


class UnknownActionVersion(ContractError):
    declaration = "UnknownActionVersion(uint8 version)"


class UnknownAction(ContractError):
    declaration = "UnknownAction(uint24 action)"


class UnsupportedAction(ContractError):
    declaration = "UnsupportedAction(uint24 action)"


class UnknownUser(ContractError):
    declaration = "UnknownUser(address user)"


class UnknownAsset(ContractError):
    declaration = "UnknownAsset(uint256 asset)"


class UnknownToken(ContractError):
    declaration = "UnknownToken(uint256 token)"


class UnknownDex(ContractError):
    declaration = "UnknownDex(uint256 dex)"


class MarketHalted(ContractError):
    declaration = "MarketHalted(uint256 asset)"


class MarketDelisted(ContractError):
    declaration = "MarketDelisted(uint256 asset)"


class InvalidPrice(ContractError):
    declaration = "InvalidPrice(uint256 price,uint256 maxDecimals)"


class InvalidSize(ContractError):
    declaration = "InvalidSize(uint256 size,uint256 sizeDecimals)"


class PriceNotTimes1e8(ContractError):
    declaration = "PriceNotTimes1e8(uint256 price,uint256 market)"


class NothingToMatch(ContractError):
    declaration = "NothingToMatch(uint256 price,uint256 best)"


class FundsInOtherWallet(ContractError):
    declaration = "FundsInOtherWallet(int256 available,uint256 needed,uint256 inOtherWallet)"


class SendToSelf(ContractError):
    declaration = "SendToSelf()"


class SubAccountNotSupported(ContractError):
    declaration = "SubAccountNotSupported(address subAccount)"


class NotCollateral(ContractError):
    declaration = "NotCollateral(uint256 token,uint256 dex)"


class ReceiverNotActivated(ContractError):
    declaration = "ReceiverNotActivated(address receiver)"


class ActivationFeeNotPayable(ContractError):
    declaration = "ActivationFeeNotPayable(address user,uint256 fee)"


class AmountWithinActivationFee(ContractError):
    declaration = "AmountWithinActivationFee(uint256 amount,uint256 fee)"


class TransferFeeNotPayable(ContractError):
    declaration = "TransferFeeNotPayable(uint256 available,uint256 fee)"


class TokenNotLinked(ContractError):
    declaration = "TokenNotLinked(uint256 token)"


class BridgeShort(ContractError):
    declaration = "BridgeShort(uint256 token,uint256 available,uint256 needed)"


class BalanceFrozen(ContractError):
    declaration = "BalanceFrozen(address user,uint256 token)"


class DelegationsDisabled(ContractError):
    declaration = "DelegationsDisabled(address validator)"


class UnknownVault(ContractError):
    declaration = "UnknownVault(address vault)"


class VaultDepositTooSmall(ContractError):
    declaration = "VaultDepositTooSmall(uint256 usd,uint256 minimum)"


class VaultLocked(ContractError):
    declaration = "VaultLocked(address vault,uint256 until)"


class InsufficientVaultEquity(ContractError):
    declaration = "InsufficientVaultEquity(uint256 available,uint256 needed)"


class LeaderShareTooSmall(ContractError):
    declaration = "LeaderShareTooSmall(uint256 shares,uint256 least)"


class UnknownValidator(ContractError):
    declaration = "UnknownValidator(address validator)"


class InsufficientStake(ContractError):
    declaration = "InsufficientStake(uint256 available,uint256 needed)"


class DelegationLocked(ContractError):
    declaration = "DelegationLocked(address validator,uint256 until)"


class TooManyPendingWithdrawals(ContractError):
    declaration = "TooManyPendingWithdrawals(uint256 max)"


class TooManyApiWallets(ContractError):
    declaration = "TooManyApiWallets(uint256 max)"


class BuilderFeeTooHigh(ContractError):
    declaration = "BuilderFeeTooHigh(uint256 rate,uint256 max)"


class UnknownAbstraction(ContractError):
    declaration = "UnknownAbstraction(uint8 mode)"


class PortfolioMarginNotSupported(ContractError):
    declaration = "PortfolioMarginNotSupported()"


class DexAbstractionDiscontinued(ContractError):
    declaration = "DexAbstractionDiscontinued()"


class UnifiedForGood(ContractError):
    declaration = "UnifiedForGood(address user)"


class ModeOfVault(ContractError):
    declaration = "ModeOfVault(address vault)"


class OpenOnOtherDex(ContractError):
    declaration = "OpenOnOtherDex(uint256 dex)"


class BalancesAreUnified(ContractError):
    declaration = "BalancesAreUnified(address user)"


class LessThanOneUnit(ContractError):
    declaration = "LessThanOneUnit(uint256 amount)"
