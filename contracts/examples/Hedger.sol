// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "../IPerp.sol";
import {SPOT, TimeInForce} from "../ISpot.sol";
import {PerpAccount} from "./PerpAccount.sol";

/// @title Owns an asset and is short as much of it: earns funding, whatever the price does.
/// @notice For an asset with a market of the same name and units on both exchanges, the lot of the
/// perpetual being a multiple of the spot market's. Each leg fills completely at its limit or
/// better, or reverts, and with it the other leg: there never is half a hedge.
contract Hedger is PerpAccount {
    event Hedged(address indexed asset, uint256 size);
    event Unwound(address indexed asset, uint256 size);

    /// The two markets count the asset in different units.
    error UnitsDiffer(uint256 spotBaseUnit, uint256 perpBaseUnit);
    /// What the spot market delivered is less than the perpetual's lot.
    error TooSmall(uint256 received, uint256 lot);

    /// @notice Buys `amount` of the asset and sells the perpetual for what came in.
    /// @param highestBuy Most to pay on the spot market, a multiple of its tick.
    /// @param lowestSell Least to be short at, a multiple of the perpetual's tick.
    /// @return size What is hedged: `amount` less the spot market's fee, which it takes in the
    /// asset, rounded down to the lot. The rest, less than a lot, stays unhedged on the account.
    function hedge(address asset, uint256 amount, uint256 highestBuy, uint256 lowestSell)
        external
        onlyOwner
        returns (uint256 size)
    {
        uint256 lot = _commonLot(asset);
        (uint256 before,) = SPOT.getBalance(address(this), asset);
        SPOT.placeOrderWithOptions(asset, amount, highestBuy, true, TimeInForce.FOK, 0);
        (uint256 available,) = SPOT.getBalance(address(this), asset);
        uint256 received = available - before;
        size = received - received % lot;
        if (size == 0) revert TooSmall(received, lot);
        PERP.placeOrderWithOptions(asset, size, lowestSell, false, TimeInForce.FOK, false, 0);
        emit Hedged(asset, size);
    }

    /// @notice Buys `size` of the perpetual back and sells as much of the asset.
    /// @param highestBuy Most to pay for the perpetual, a multiple of its tick.
    /// @param lowestSell Least to sell the asset for, a multiple of the spot market's tick.
    /// @dev Reduce-only: after a liquidation the short is smaller than it was, and what is bought
    /// back beyond it would be a long. The asset is then the owner's to `withdraw`.
    function unwind(address asset, uint256 size, uint256 highestBuy, uint256 lowestSell)
        external
        onlyOwner
    {
        PERP.placeOrderWithOptions(asset, size, highestBuy, true, TimeInForce.FOK, true, 0);
        SPOT.placeOrderWithOptions(asset, size, lowestSell, false, TimeInForce.FOK, 0);
        emit Unwound(asset, size);
    }

    function _commonLot(address asset) private view returns (uint256 lot) {
        (, uint256 spotBaseUnit,,,,,,) = SPOT.getMarket(asset);
        uint256 perpBaseUnit;
        (perpBaseUnit,, lot,,,,,,,,) = PERP.getMarket(asset);
        if (spotBaseUnit != perpBaseUnit) revert UnitsDiffer(spotBaseUnit, perpBaseUnit);
    }
}
