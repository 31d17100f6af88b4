"""Custom errors of the interfaces: the caller's mistakes, with the numbers that explain them.

Each class is one error of the interface; its positional values are the error's fields.
"""

from __future__ import annotations

from typing import Any, ClassVar

from precompiles.abi.codec import Layout
from precompiles.abi.signature import Signature, parse


class ContractError(Exception):
    """A call that reverts; each subclass is one custom error."""

    declaration: ClassVar[str]
    signature: ClassVar[Signature]
    layout: ClassVar[Layout]
    known: ClassVar[dict[bytes, type[ContractError]]] = {}
    """Every error by selector."""

    def __init_subclass__(cls) -> None:
        cls.signature = parse(cls.declaration)
        cls.layout = Layout([field.type for field in cls.signature.inputs])
        assert cls.signature.name == cls.__name__
        cls.known[cls.signature.selector] = cls

    def __init__(self, *values: Any) -> None:
        """Take the error's fields, in order."""
        assert len(values) == len(self.signature.inputs)
        super().__init__(*values)
        self.values = values

    def __str__(self) -> str:
        fields = zip(self.signature.inputs, self.values, strict=True)
        shown = (f"{field.name}={_show(value)}" for field, value in fields)
        return f"{self.signature.name}({', '.join(shown)})"

    def encode(self) -> bytes:
        """Encode the revert data: selector and fields."""
        return self.signature.selector + self.layout.encode(self.values)


def _show(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


class UnknownMethod(ContractError):
    declaration = "UnknownMethod(bytes4 selector)"


class MalformedCalldata(ContractError):
    declaration = "MalformedCalldata(uint256 offset)"


class StaticCallNotAllowed(ContractError):
    declaration = "StaticCallNotAllowed(bytes4 selector)"


class DelegateCallNotAllowed(ContractError):
    declaration = "DelegateCallNotAllowed()"


class ActsThroughCoreWriter(ContractError):
    declaration = "ActsThroughCoreWriter(bytes4 selector)"


class ValueNotAccepted(ContractError):
    declaration = "ValueNotAccepted(uint256 value)"


class ReentrantCall(ContractError):
    declaration = "ReentrantCall()"


class UnknownMarket(ContractError):
    declaration = "UnknownMarket(address asset)"


class MarketExists(ContractError):
    declaration = "MarketExists(address asset)"


class InvalidMarket(ContractError):
    declaration = "InvalidMarket(bytes32 field)"

    @classmethod
    def of(cls, field: str) -> InvalidMarket:
        """Return the error of a field, by its name in the interface."""
        return cls(field.encode().ljust(32, b"\0"))


class NotExchangeOwner(ContractError):
    declaration = "NotExchangeOwner(address caller,address owner)"


class AmountZero(ContractError):
    declaration = "AmountZero()"


class PriceZero(ContractError):
    declaration = "PriceZero()"


class AmountTooLarge(ContractError):
    declaration = "AmountTooLarge(uint256 value,uint256 max)"


class AmountNotMultipleOfLot(ContractError):
    declaration = "AmountNotMultipleOfLot(uint256 amount,uint256 lot)"


class PriceNotMultipleOfTick(ContractError):
    declaration = "PriceNotMultipleOfTick(uint256 price,uint256 tick)"


class InvalidTimeInForce(ContractError):
    declaration = "InvalidTimeInForce(uint8 timeInForce)"


class InsufficientBalance(ContractError):
    declaration = "InsufficientBalance(address token,uint256 available,uint256 needed)"


class OrderNotFound(ContractError):
    declaration = "OrderNotFound(uint256 orderId)"


class NotOrderOwner(ContractError):
    declaration = "NotOrderOwner(uint256 orderId,address caller,address owner)"


class OrderNotActive(ContractError):
    declaration = "OrderNotActive(uint256 orderId,uint8 status)"


class ClientOrderIdInUse(ContractError):
    declaration = "ClientOrderIdInUse(uint128 clientOrderId,uint256 orderId)"


class ClientOrderIdNotFound(ContractError):
    declaration = "ClientOrderIdNotFound(uint128 clientOrderId)"


class WouldTakeLiquidity(ContractError):
    declaration = "WouldTakeLiquidity(uint256 price,uint256 best)"


class CannotFillCompletely(ContractError):
    declaration = "CannotFillCompletely(uint256 amount,uint256 fillable)"


class AmountBelowFilled(ContractError):
    declaration = "AmountBelowFilled(uint256 amount,uint256 filled)"


class LimitTooLarge(ContractError):
    declaration = "LimitTooLarge(uint256 value,uint256 max)"


class TokenCallFailed(ContractError):
    declaration = "TokenCallFailed(address token)"


class TokenAmountMismatch(ContractError):
    declaration = "TokenAmountMismatch(address token,uint256 expected,uint256 received)"


class InvalidLeverage(ContractError):
    declaration = "InvalidLeverage(uint256 leverage,uint256 maxLeverage)"


class StalePrice(ContractError):
    declaration = "StalePrice(address market,uint256 updatedAt,uint256 maxAge)"


class NoOraclePrice(ContractError):
    declaration = "NoOraclePrice(address market)"


class NotFeeder(ContractError):
    declaration = "NotFeeder(address market,address caller,address feeder)"


class InsufficientMargin(ContractError):
    declaration = "InsufficientMargin(int256 available,uint256 needed)"


class PositionNotFound(ContractError):
    declaration = "PositionNotFound(uint256 positionId)"


class NotPositionOwner(ContractError):
    declaration = "NotPositionOwner(uint256 positionId,address caller,address owner)"


class PositionNotOpen(ContractError):
    declaration = "PositionNotOpen(uint256 positionId)"


class PositionIsOpen(ContractError):
    declaration = "PositionIsOpen(uint256 positionId)"


class NotIsolated(ContractError):
    declaration = "NotIsolated(uint256 positionId)"


class NotLiquidatable(ContractError):
    declaration = "NotLiquidatable(uint256 positionId,int256 equity,uint256 maintenanceMargin)"


class PositionHealthy(ContractError):
    declaration = "PositionHealthy(uint256 positionId,uint256 markPrice,uint256 liquidationPrice)"


class LiquidationCoolingDown(ContractError):
    declaration = "LiquidationCoolingDown(uint256 positionId,uint256 until)"


class WouldNotReduce(ContractError):
    declaration = "WouldNotReduce(int256 position,uint256 amount)"


class OpenInterestTooLarge(ContractError):
    declaration = "OpenInterestTooLarge(uint256 openInterest,uint256 max)"


class BelowMinimumNotional(ContractError):
    declaration = "BelowMinimumNotional(uint256 notional,uint256 minimum)"


class PriceOutOfBand(ContractError):
    declaration = "PriceOutOfBand(uint256 price,uint256 low,uint256 high)"


class CollateralNotSet(ContractError):
    declaration = "CollateralNotSet()"


class CollateralAlreadySet(ContractError):
    declaration = "CollateralAlreadySet(address token)"


class InvalidTrigger(ContractError):
    declaration = "InvalidTrigger(uint256 triggerPrice,uint256 markPrice)"


class PositionBankrupt(ContractError):
    declaration = "PositionBankrupt(uint256 positionId,int256 equity)"


class InsufficientCollateral(ContractError):
    declaration = "InsufficientCollateral(uint256 available,uint256 needed)"
