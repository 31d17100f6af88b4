// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {CloseReason, OrderStatus, SelfTradePrevention, TimeInForce} from "./ExchangeTypes.sol";

/// @title Everything the spot exchange logs.
/// @notice Enough to rebuild every order, trade and balance from the logs alone. Amounts are in
/// units of the token concerned, prices in quote units per `baseUnit` of the asset.
interface ISpotEvents {
    /// An order was accepted. Comes before the order's trades.
    event OrderPlaced(
        uint256 indexed orderId,
        address indexed user,
        address indexed asset,
        uint256 amount,
        uint256 price,
        bool isBuy,
        TimeInForce timeInForce,
        uint128 clientOrderId
    );

    /// Two orders filled against each other at the maker's price. An order has ended as `FILLED`
    /// when its remaining amount here is zero; no other event says so.
    /// `quoteAmount` is paid by the buyer. Each side's fee comes off what it receives: the
    /// buyer's is in the asset, the seller's in the quote token.
    event Trade(
        address indexed asset,
        address indexed maker,
        address indexed taker,
        uint256 tradeId,
        uint256 makerOrderId,
        uint256 takerOrderId,
        uint256 price,
        uint256 amount,
        uint256 quoteAmount,
        uint256 makerFee,
        uint256 takerFee,
        bool takerIsBuy,
        uint256 makerRemaining,
        uint256 takerRemaining
    );

    /// An order ended before it was filled; `remaining` will not trade any more.
    event OrderClosed(
        uint256 indexed orderId,
        address indexed user,
        address indexed asset,
        OrderStatus status,
        CloseReason reason,
        uint256 filled,
        uint256 remaining
    );

    /// An order became smaller without a trade and kept its place. `amount` is the new total,
    /// what is filled included.
    event OrderReduced(
        uint256 indexed orderId,
        address indexed user,
        address indexed asset,
        uint256 amount,
        uint256 remaining
    );

    /// `newOrderId` took the place of `orderId`; both also have their own events.
    event OrderReplaced(
        uint256 indexed orderId,
        uint256 indexed newOrderId,
        address indexed user
    );

    event Deposit(address indexed user, address indexed token, uint256 amount);

    event Withdrawal(address indexed user, address indexed token, uint256 amount);

    event MarketListed(
        address indexed asset,
        address indexed quote,
        uint256 baseUnit,
        uint256 tick,
        uint256 lot,
        uint256 makerFee,
        uint256 takerFee,
        SelfTradePrevention selfTradePrevention,
        address feeRecipient
    );

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
}
