// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Types that both exchanges use for their orders. In the ABI every enum is a `uint8`.

/// How long an order may wait for its fills.
enum TimeInForce {
    /// Good till cancelled: what does not fill at once rests in the book.
    GTC,
    /// Immediate or cancel: what does not fill at once expires.
    IOC,
    /// Fill or kill: fills completely at once, or fails with `CannotFillCompletely`.
    FOK,
    /// Add liquidity only: rests without filling, or fails with `WouldTakeLiquidity`.
    ALO
}

/// Policy for an order that would fill against one of the same owner. Set per market.
enum SelfTradePrevention {
    /// The resting order expires, the incoming one goes on. The usual choice.
    EXPIRE_MAKER,
    /// The remainder of the incoming order expires, the resting one stays.
    EXPIRE_TAKER,
    /// Both expire.
    EXPIRE_BOTH,
    /// Both shrink by the smaller remaining amount, without a trade.
    DECREMENT,
    /// The trade happens.
    NONE
}

/// Where an order is in its life.
enum OrderStatus {
    /// No order has this status; results carry it where there is no order.
    NONE,
    /// In the book, nothing filled.
    NEW,
    /// In the book, partly filled.
    PARTIALLY_FILLED,
    /// Ended: all of it filled.
    FILLED,
    /// Ended: by its owner.
    CANCELLED,
    /// Never entered the book.
    REJECTED,
    /// Ended: by a rule, not by its owner; see `CloseReason`.
    EXPIRED,
    /// A trigger of the perpetuals exchange that waits for its price.
    UNTRIGGERED
}

/// Why an order left the book before it was filled.
enum CloseReason {
    /// It is still in the book, or it was filled.
    NONE,
    /// Its owner cancelled it.
    USER_CANCELLED,
    /// Spot only: `replaceOrder` put another in its place.
    REPLACED,
    /// The remainder of an IOC order.
    IOC_REMAINDER,
    /// It met an order of the same owner.
    SELF_TRADE,
    /// Perpetuals only: its owner could not afford the position it would have made.
    INSUFFICIENT_MARGIN,
    /// Perpetuals only: it was reduce-only, and there was nothing left to reduce.
    REDUCE_ONLY,
    /// Perpetuals only: its owner's account, or the position it would have changed, was liquidated.
    LIQUIDATED,
    /// The rest of it would cost less than one unit of the quote token or collateral.
    TOO_SMALL
}

/// Result of one order of a batch.
struct OrderResult {
    /// Zero where the order was refused.
    uint256 orderId;
    /// `REJECTED` where the order was refused.
    OrderStatus status;
    /// Filled at once, in units of what is traded.
    uint256 filled;
    /// Zero where the order was accepted, else the selector of the error that
    /// `placeOrderWithOptions` would have reverted with.
    bytes4 errorSelector;
}
