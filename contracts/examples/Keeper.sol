// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "../IPerp.sol";

/// @title Liquidates and fires triggers, for anyone.
contract Keeper {
    event PositionLiquidated(uint256 indexed positionId, uint256 price);
    /// `reason` is the exchange's error, selector first.
    event LiquidationRefused(uint256 indexed positionId, bytes reason);
    event Kept(uint256 done);

    /// @notice Liquidates the positions named, then has the exchange look for `limit` more.
    /// @dev Whoever reads the chain names positions that have just become healthy, or that
    /// another keeper was faster to: one that is refused changes nothing and stops nothing.
    /// @param positionIds Any, e.g. those for which `isLiquidatable` has answered true.
    /// @param limit How many triggers and liquidations `keep` may do; zero to leave it out.
    /// @return liquidated How many of the positions named were.
    function run(uint256[] calldata positionIds, uint256 limit)
        external
        returns (uint256 liquidated)
    {
        for (uint256 i = 0; i < positionIds.length; i++) {
            if (_liquidate(positionIds[i])) liquidated++;
        }
        if (limit > 0) emit Kept(PERP.keep(limit));
    }

    function _liquidate(uint256 positionId) private returns (bool) {
        try PERP.liquidate(positionId) returns (uint256 price) {
            emit PositionLiquidated(positionId, price);
            return true;
        } catch (bytes memory reason) {
            emit LiquidationRefused(positionId, reason);
            return false;
        }
    }
}
