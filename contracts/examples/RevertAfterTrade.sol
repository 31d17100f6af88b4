// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {SPOT} from "../ISpot.sol";
import {ExchangeAccount} from "./ExchangeAccount.sol";

/// @title Trades and then reverts: the trade goes with the frame that made it.
contract RevertAfterTrade is ExchangeAccount {
    /// Carries the id of an order that never was.
    error Regretted(uint256 orderId);

    modifier onlyOwnerOrSelf() {
        if (msg.sender != address(this) && msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    /// The whole call fails; book and balances are as before.
    function tradeAndRevert(address asset, uint256 amount, uint256 price, bool isBuy)
        external
        onlyOwnerOrSelf
    {
        revert Regretted(SPOT.placeOrder(asset, amount, price, isBuy));
    }

    /// Trades, lets an inner frame trade and revert, and trades again. The inner order is gone;
    /// its id goes to the order after it.
    /// @return firstId The order before the inner frame.
    /// @return reason What the inner frame reverted with: `Regretted`, if it could trade.
    /// @return lastId The order after it.
    function tradeAroundRevert(address asset, uint256 amount, uint256 price, bool isBuy)
        external
        onlyOwner
        returns (uint256 firstId, bytes memory reason, uint256 lastId)
    {
        firstId = SPOT.placeOrder(asset, amount, price, isBuy);
        try this.tradeAndRevert(asset, amount, price, isBuy) {}
        catch (bytes memory innerReason) {
            reason = innerReason;
        }
        lastId = SPOT.placeOrder(asset, amount, price, isBuy);
    }

    /// @notice Every frame trades, opens the next frame, and trades again; `reverting` says which
    /// frames then revert, and with them all they opened.
    /// @param depth How many frames to open below this one.
    /// @param reverting Bit d is for the frame that was given `depth` d; the lowest frame is
    /// bit 0.
    function tradeNested(
        address asset,
        uint256 amount,
        uint256 price,
        bool isBuy,
        uint256 depth,
        uint256 reverting
    ) external onlyOwnerOrSelf {
        SPOT.placeOrder(asset, amount, price, isBuy);
        if (depth > 0) {
            try this.tradeNested(asset, amount, price, isBuy, depth - 1, reverting) {} catch {}
        }
        uint256 orderId = SPOT.placeOrder(asset, amount, price, isBuy);
        if ((reverting >> depth) & 1 == 1) revert Regretted(orderId);
    }
}
