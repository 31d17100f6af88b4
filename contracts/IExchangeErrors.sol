// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {OrderStatus} from "./ExchangeTypes.sol";

/// @title Errors of both exchanges, each about its own markets and orders.
/// @notice A call that reverts has changed nothing. Amounts are in units of what is traded, or of
/// the token that is moved. `asset` is the address that names the market.
interface IExchangeErrors {
    // The call itself

    /// No method has this selector. Calldata shorter than four bytes is padded with zeros.
    error UnknownMethod(bytes4 selector);
    /// The arguments are not what the ABI prescribes: too short, a dirty upper bit, an offset or
    /// a length that leads outside. `offset` is the byte of calldata that shows it, the selector's
    /// first byte being 0.
    error MalformedCalldata(uint256 offset);
    /// A method that changes state was called where nothing may change.
    error StaticCallNotAllowed(bytes4 selector);
    /// DELEGATECALL and CALLCODE are refused: they would let a contract act for its caller.
    error DelegateCallNotAllowed();
    /// No method takes the native coin but `ISpot.depositNative`.
    error ValueNotAccepted(uint256 value);
    /// The exchange is calling a token, or the receiver of a payment; until that returns it can be
    /// read but not changed.
    error ReentrantCall();

    // Markets and their owner

    /// No market has this name.
    error UnknownMarket(address asset);
    /// A market has this name already.
    error MarketExists(address asset);
    /// A setting of a market is out of bounds; `field` is the argument's name in ASCII.
    error InvalidMarket(bytes32 field);
    /// Only the exchange's owner may do this.
    error NotExchangeOwner(address caller, address owner);

    // Amounts, prices and balances

    /// The amount, or what it costs in whole units of the quote token, is zero.
    error AmountZero();
    error PriceZero();
    /// An amount, a price or what they come to exceeds `max`; or a deposit exceeds what all
    /// accounts together may still have of the token.
    error AmountTooLarge(uint256 value, uint256 max);
    /// Amounts are never rounded to the market's grid.
    error AmountNotMultipleOfLot(uint256 amount, uint256 lot);
    /// Prices are never rounded to the market's grid.
    error PriceNotMultipleOfTick(uint256 price, uint256 tick);

    // Orders

    /// `timeInForce` is not a member of `TimeInForce`.
    error InvalidTimeInForce(uint8 timeInForce);
    /// No order was ever given this id.
    error OrderNotFound(uint256 orderId);
    error NotOrderOwner(uint256 orderId, address caller, address owner);
    /// The order has ended, with this status.
    error OrderNotActive(uint256 orderId, OrderStatus status);
    /// The caller has a live order under this client order id.
    error ClientOrderIdInUse(uint128 clientOrderId, uint256 orderId);
    /// The caller has no live order under this client order id.
    error ClientOrderIdNotFound(uint128 clientOrderId);
    /// An ALO order at `price` would fill against the opposite side's `best` price.
    error WouldTakeLiquidity(uint256 price, uint256 best);
    /// Only `fillable` of `amount` could fill at once, of an order that must fill completely.
    error CannotFillCompletely(uint256 amount, uint256 fillable);
    /// Too many orders, ids or levels asked for in one call.
    error LimitTooLarge(uint256 value, uint256 max);

    /// On HyperEVM the exchanges are looked at here, and acted on through CoreWriter.
    error ActsThroughCoreWriter(bytes4 selector);

    // Tokens

    /// `token` is not a contract, its call failed, or it answered with anything but true or
    /// nothing.
    error TokenCallFailed(address token);
    /// The token moved another amount than asked for, as tokens with a transfer fee do.
    error TokenAmountMismatch(address token, uint256 expected, uint256 received);
}
