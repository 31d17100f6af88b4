"""Why a signed action did nothing, where no rule of HyperCore's or the exchanges' says it."""

from __future__ import annotations

from precompiles.errors import ContractError


class InvalidAmount(ContractError):
    declaration = "InvalidAmount()"


class WithdrawalBelowFee(ContractError):
    declaration = "WithdrawalBelowFee(uint256 amount,uint256 fee)"


class InvalidRecipient(ContractError):
    declaration = "InvalidRecipient()"


class VaultNotPayable(ContractError):
    declaration = "VaultNotPayable(uint256 available,uint256 needed)"


class NameInUse(ContractError):
    declaration = "NameInUse()"


class TooManySubAccounts(ContractError):
    declaration = "TooManySubAccounts(uint256 max)"


class UnknownSubAccount(ContractError):
    declaration = "UnknownSubAccount(address account)"


class UnknownTokenName(ContractError):
    declaration = "UnknownTokenName()"


class UnknownDexName(ContractError):
    declaration = "UnknownDexName()"


class ScheduleTooSoon(ContractError):
    declaration = "ScheduleTooSoon(uint256 due,uint256 earliest)"


class TriggerNotSupported(ContractError):
    declaration = "TriggerNotSupported(uint256 asset)"


class BuilderNotApproved(ContractError):
    declaration = "BuilderNotApproved(address builder,uint256 approved)"


class NonceUsed(ContractError):
    declaration = "NonceUsed(uint256 nonce)"


class NonceTooLow(ContractError):
    declaration = "NonceTooLow(uint256 nonce,uint256 lowest)"


class MultiSigRequired(ContractError):
    declaration = "MultiSigRequired(address account)"


class InvalidMultiSigUser(ContractError):
    declaration = "InvalidMultiSigUser(address account)"


class InvalidSigners(ContractError):
    declaration = "InvalidSigners()"


class InvalidMultiSigThreshold(ContractError):
    declaration = "InvalidMultiSigThreshold(uint256 max)"


class TooManyMultiSigSigners(ContractError):
    declaration = "TooManyMultiSigSigners(uint256 max)"


class MultiSigSignerIsSelf(ContractError):
    declaration = "MultiSigSignerIsSelf()"


class MultiSigSignerUnknown(ContractError):
    declaration = "MultiSigSignerUnknown(address signer)"


class NotOuterSigner(ContractError):
    declaration = "NotOuterSigner(address signer)"


class OuterSignerNotUser(ContractError):
    declaration = "OuterSignerNotUser(address signer)"


class NotInnerSigner(ContractError):
    declaration = "NotInnerSigner(address signer)"


class ThresholdNotMet(ContractError):
    declaration = "ThresholdNotMet(uint256 signers,uint256 threshold)"


class NotActingFor(ContractError):
    declaration = "NotActingFor(address account)"


class TwapTooSmall(ContractError):
    declaration = "TwapTooSmall(uint256 notional,uint256 minimum)"


class TwapDuration(ContractError):
    declaration = "TwapDuration(uint256 minutes_,uint256 least,uint256 most)"


class UnknownTwap(ContractError):
    declaration = "UnknownTwap(uint256 twap)"


class NotBracket(ContractError):
    declaration = "NotBracket()"


class InvalidDeployment(ContractError):
    declaration = "InvalidDeployment(bytes32 field)"

    @classmethod
    def of(cls, field: str) -> InvalidDeployment:
        """Return the error of a field, by its name in the action."""
        return cls(field.encode().ljust(32, b"\0"))


class NotDeployer(ContractError):
    declaration = "NotDeployer(address deployer)"


class GasAboveMost(ContractError):
    declaration = "GasAboveMost(uint256 price,uint256 max)"


class WrongDeployStep(ContractError):
    declaration = "WrongDeployStep(uint256 token)"


class SupplyMismatch(ContractError):
    declaration = "SupplyMismatch(uint256 requested,uint256 supply)"


class OracleTooSoon(ContractError):
    declaration = "OracleTooSoon(uint256 earliest)"


class ValidatorExists(ContractError):
    declaration = "ValidatorExists(address validator)"


class NotValidatorSigner(ContractError):
    declaration = "NotValidatorSigner(address signer)"


class ValidatorHasDelegations(ContractError):
    declaration = "ValidatorHasDelegations(uint256 wei_)"
