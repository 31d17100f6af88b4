// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {OrderRequest, OrderResult, SPOT, TimeInForce} from "../ISpot.sol";
import {ExchangeAccount} from "./ExchangeAccount.sol";

/// @title Quotes a ladder of bids and asks around a mid price.
contract MarketMaker is ExchangeAccount {
    /// The orders of the last ladder, filled ones included; bids first, best price first.
    mapping(address asset => uint256[]) public orderIds;

    /// @notice Replaces the ladder: bids at mid - spacing, mid - 2 * spacing, and so on, asks
    /// likewise above.
    /// @param mid Price in the middle; nothing is quoted at it.
    /// @param spacing Distance between prices, a multiple of the market's tick.
    /// @param amount Asset units per order.
    /// @param levels Orders per side; at most 50, and `levels * spacing` below `mid`.
    /// @return results One per order: bids, then asks. An order that would take liquidity or that
    /// the balance does not cover is refused and leaves a gap in the ladder.
    function quote(address asset, uint256 mid, uint256 spacing, uint256 amount, uint256 levels)
        external
        onlyOwner
        returns (OrderResult[] memory results)
    {
        SPOT.cancelOrders(orderIds[asset]);
        delete orderIds[asset];
        results = SPOT.placeOrders(_ladder(asset, mid, spacing, amount, levels));
        for (uint256 i = 0; i < results.length; i++) {
            if (results[i].errorSelector == 0) orderIds[asset].push(results[i].orderId);
        }
    }

    /// @notice Leaves the market.
    function stop(address asset) external onlyOwner {
        SPOT.cancelAllOrders(asset);
        delete orderIds[asset];
    }

    function getOrderIds(address asset) external view returns (uint256[] memory) {
        return orderIds[asset];
    }

    function _ladder(address asset, uint256 mid, uint256 spacing, uint256 amount, uint256 levels)
        private
        pure
        returns (OrderRequest[] memory requests)
    {
        requests = new OrderRequest[](2 * levels);
        for (uint256 i = 0; i < levels; i++) {
            uint256 distance = (i + 1) * spacing;
            requests[i] = _request(asset, amount, mid - distance, true);
            requests[levels + i] = _request(asset, amount, mid + distance, false);
        }
    }

    function _request(address asset, uint256 amount, uint256 price, bool isBuy)
        private
        pure
        returns (OrderRequest memory)
    {
        return OrderRequest({
            asset: asset,
            amount: amount,
            price: price,
            isBuy: isBuy,
            timeInForce: TimeInForce.ALO,
            clientOrderId: 0
        });
    }
}
