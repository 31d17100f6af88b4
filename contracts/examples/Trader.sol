// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {SPOT, TimeInForce} from "../ISpot.sol";
import {ExchangeAccount} from "./ExchangeAccount.sol";

/// @title Trades for its owner, from its own account on the exchange.
contract Trader is ExchangeAccount {
    /// An order that rests in the book until it is filled or cancelled.
    function placeLimit(address asset, uint256 amount, uint256 price, bool isBuy)
        external
        onlyOwner
        returns (uint256 orderId)
    {
        return SPOT.placeOrder(asset, amount, price, isBuy);
    }

    /// Trades what the book has now at `worstPrice` or better, and leaves nothing behind.
    function trade(address asset, uint256 amount, uint256 worstPrice, bool isBuy)
        external
        onlyOwner
        returns (uint256 filled)
    {
        (, filled) = SPOT.placeOrderWithOptions(
            asset, amount, worstPrice, isBuy, TimeInForce.IOC, 0
        );
    }

    /// `amount` is the new total, what is already filled included.
    function replace(uint256 orderId, uint256 amount, uint256 price)
        external
        onlyOwner
        returns (uint256 newOrderId)
    {
        return SPOT.replaceOrder(orderId, amount, price);
    }

    function cancel(uint256 orderId) external onlyOwner {
        SPOT.cancelOrder(orderId);
    }
}
