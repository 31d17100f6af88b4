// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {CloseReason, OrderStatus, TimeInForce} from "./ExchangeTypes.sol";
import {OrderKind, PositionKind, PositionStatus} from "./PerpTypes.sol";

/// @title Everything the perpetuals exchange logs.
/// @notice Sizes are in size units, prices in collateral units per `baseUnit`, everything else of
/// value in collateral units. Signed sizes are positive for longs, negative for shorts; signed
/// changes are positive for what comes in.
interface IPerpEvents {
    // Orders

    /// An order was accepted. Comes before the order's trades.
    event OrderPlaced(
        uint256 indexed orderId,
        address indexed user,
        address indexed market,
        uint256 size,
        uint256 price,
        bool isBuy,
        TimeInForce timeInForce,
        OrderKind kind,
        bool reduceOnly,
        uint128 clientOrderId
    );

    /// Two sides filled against each other at the maker's price. An order has ended as `FILLED`
    /// when its remaining size here is zero; no other event says so. `makerOrderId` is zero where
    /// the liquidity vault took the other side, at the mark price. `notional` is
    /// `size * price / baseUnit`, rounded down, the same for both; fees are on top of it.
    event Trade(
        address indexed market,
        address indexed maker,
        address indexed taker,
        uint256 tradeId,
        uint256 makerOrderId,
        uint256 takerOrderId,
        uint256 price,
        uint256 size,
        uint256 notional,
        uint256 makerFee,
        uint256 takerFee,
        bool takerIsBuy,
        uint256 makerRemaining,
        uint256 takerRemaining
    );

    /// An order or a trigger ended before it was filled; `remaining` will not trade any more.
    event OrderClosed(
        uint256 indexed orderId,
        address indexed user,
        address indexed market,
        OrderStatus status,
        CloseReason reason,
        uint256 filled,
        uint256 remaining
    );

    /// An order became smaller without a trade and kept its place. `size` is the new total, what
    /// is filled included.
    event OrderReduced(
        uint256 indexed orderId,
        address indexed user,
        address indexed market,
        uint256 size,
        uint256 remaining
    );

    /// A trigger waits for its price.
    event TriggerPlaced(
        uint256 indexed orderId,
        address indexed user,
        address indexed market,
        uint256 size,
        uint256 triggerPrice,
        uint256 limitPrice,
        bool isBuy,
        bool isTakeProfit,
        bool reduceOnly,
        uint128 clientOrderId
    );

    /// Mark and oracle price have reached a trigger. Its order has the same id, and comes next.
    event TriggerFired(uint256 indexed orderId, uint256 markPrice);

    // Positions

    /// A position opened, grew, shrank or closed. `size` is zero when it closed. `realizedPnl`
    /// leaves out fees and funding; `funding` is what was settled since the last change.
    event PositionChanged(
        uint256 indexed positionId,
        address indexed user,
        address indexed market,
        int256 size,
        uint256 entryNotional,
        int256 realizedPnl,
        int256 funding,
        PositionKind kind,
        PositionStatus status
    );

    /// Margin moved from the account to a position, or back where `change` is negative.
    event MarginChanged(uint256 indexed positionId, int256 change);

    event LeverageSet(
        address indexed user, address indexed market, uint256 leverage, bool isCross
    );

    // Liquidation

    /// `stage` 1: closed in the book; 2: taken over by the backstop account; 3: closed against
    /// the most profitable positions of the other side. `price` is the average of what was
    /// closed, the oracle price in stages 2 and 3. `remainingEquity` is what is left behind it.
    event Liquidated(
        uint256 indexed positionId,
        address indexed user,
        address indexed liquidator,
        uint256 size,
        uint256 price,
        uint8 stage,
        int256 remainingEquity
    );

    /// `positionId` was made smaller to close a bankrupt position against it: at the oracle price,
    /// but for what it bears of the loss. With a size of zero it bore `notional` of the loss
    /// without being made smaller.
    event Deleveraged(
        uint256 indexed positionId,
        uint256 indexed bankruptPositionId,
        uint256 size,
        uint256 notional
    );

    /// The insurance fund paid or received. `deficit` is what no fund has covered yet.
    event InsuranceChanged(int256 change, uint256 fund, uint256 deficit);

    // Prices and funding

    event OraclePriceSet(address indexed market, uint256 oraclePrice, uint256 markPrice);

    /// Full hours ended. `rate` is that of the last of them, in 10^-12 of the oracle price;
    /// `index` the sum of all payments so far per `baseUnit` long, in 10^-18 collateral units.
    event FundingSettled(
        address indexed market, int256 rate, int256 index, uint256 hoursSettled
    );

    // Accounts and markets

    event Deposit(address indexed user, address indexed token, uint256 amount);

    event Withdrawal(address indexed user, address indexed token, uint256 amount);

    event MarketListed(
        address indexed market,
        uint256 baseUnit,
        uint256 tick,
        uint256 lot,
        uint256 maxLeverage,
        address feeder
    );

    /// `what`, in ASCII: fees, tiers, risk, limits, funding, selfTradePrevention, feeder or vault.
    event MarketChanged(address indexed market, bytes32 what);

    event CollateralSet(address indexed token);

    event BackstopSet(address indexed account);
}
