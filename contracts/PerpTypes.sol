// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {TimeInForce} from "./ExchangeTypes.sol";

// Types of the perpetuals exchange alone. In the ABI every enum is a `uint8`.

/// Collateral that a position's losses can reach.
enum PositionKind {
    /// Netted, one per user and market, backed by all of the account's cash.
    CROSS,
    /// Netted, one per user and market, backed by its own cash only.
    ISOLATED,
    /// Made by `openPosition`: backed by its own cash only and never netted, so a user may have
    /// many in one market, on both sides.
    STANDALONE
}

/// Where a position is in its life.
enum PositionStatus {
    /// No position has this status.
    NONE,
    OPEN,
    /// Ended by its owner, or by orders of its owner.
    CLOSED,
    /// Ended by `liquidate` or `keep`.
    LIQUIDATED
}

/// How an order came to be.
enum OrderKind {
    /// Placed by its owner.
    LIMIT,
    /// A trigger that fired; it keeps the trigger's id.
    TRIGGER,
    /// The book's part of `openPosition` or `closePosition`.
    POSITION,
    /// Placed by a liquidation, for the owner of the position.
    LIQUIDATION
}

/// One order of a batch; the fields are the arguments of `IPerp.placeOrderWithOptions`.
struct PerpOrderRequest {
    address market;
    uint256 size;
    uint256 price;
    bool isBuy;
    TimeInForce timeInForce;
    bool reduceOnly;
    uint128 clientOrderId;
}

/// Up to which leverage a position may go from a notional on.
struct Tier {
    /// Collateral units; the first tier's is zero, and they rise strictly.
    uint256 lowerBound;
    /// They fall strictly. The maintenance rate of the part of a notional that lies in this tier
    /// is 1 / (2 * maxLeverage).
    uint256 maxLeverage;
}
