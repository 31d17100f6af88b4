// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IExchangeErrors} from "./IExchangeErrors.sol";

/// @title Everything the perpetuals exchange reverts with.
/// @notice A call that reverts has changed nothing. Errors shared with the spot exchange are inherited.
/// Margin, equity and notionals are in collateral units, sizes in size units.
interface IPerpErrors is IExchangeErrors {
    // The exchange and its markets

    /// The owner has not yet said which token is the collateral.
    error CollateralNotSet();
    /// The collateral is chosen once.
    error CollateralAlreadySet(address token);
    /// More than the market, or the tier that the position reaches, allows; or zero.
    error InvalidLeverage(uint256 leverage, uint256 maxLeverage);
    /// All longs together would exceed the market's limit.
    error OpenInterestTooLarge(uint256 openInterest, uint256 max);

    // Prices

    /// Only the market's feeder posts its oracle price.
    error NotFeeder(address market, address caller, address feeder);
    /// No oracle price was ever posted.
    error NoOraclePrice(address market);
    /// The last oracle price is older than `maxAge` seconds. Reducing on the book and cancelling
    /// go on; what adds risk, takes money out or trades with a vault waits for the next price.
    error StalePrice(address market, uint256 updatedAt, uint256 maxAge);
    /// The limit is too far from the mark price.
    error PriceOutOfBand(uint256 price, uint256 low, uint256 high);

    // Margin

    /// `available` is equity less what must remain, before what is asked; `needed` is what is
    /// asked. Where an order's fills are what is too much, `available` is what they would leave,
    /// below zero, and `needed` is zero.
    error InsufficientMargin(int256 available, uint256 needed);
    /// The exchange does not hold what is asked, since losses beyond a margin are not paid yet.
    error InsufficientCollateral(uint256 available, uint256 needed);

    // Positions

    /// No position was ever given this id.
    error PositionNotFound(uint256 positionId);
    error NotPositionOwner(uint256 positionId, address caller, address owner);
    error PositionNotOpen(uint256 positionId);
    /// Cross and isolated margin can't be changed while the position is open.
    error PositionIsOpen(uint256 positionId);
    /// A cross position has no margin of its own, and a standalone one keeps its own.
    error NotIsolated(uint256 positionId);
    /// Closing would leave less than nothing: liquidation has to settle it.
    error PositionBankrupt(uint256 positionId, int256 equity);

    // Orders

    error BelowMinimumNotional(uint256 notional, uint256 minimum);
    /// A reduce-only order must be opposite to `position` and no larger.
    error WouldNotReduce(int256 position, uint256 amount);
    /// The trigger would fire at once.
    error InvalidTrigger(uint256 triggerPrice, uint256 markPrice);

    // Liquidation

    /// Equity covers the maintenance margin. Equality is enough.
    error NotLiquidatable(uint256 positionId, int256 equity, uint256 maintenanceMargin);
    /// The oracle price, given as `markPrice`, has not reached a standalone position's liquidation
    /// price.
    error PositionHealthy(uint256 positionId, uint256 markPrice, uint256 liquidationPrice);
    /// A part was liquidated; the rest has until `until` (seconds) to recover.
    error LiquidationCoolingDown(uint256 positionId, uint256 until);
}
