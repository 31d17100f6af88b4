// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "../IPerp.sol";
import {PerpAccount} from "./PerpAccount.sol";

/// @title Opens positions and then reverts: they go with the frame that opened them.
contract RevertAfterOpen is PerpAccount {
    /// Carries the id of a position that never was.
    error Regretted(uint256 positionId);

    modifier onlyOwnerOrSelf() {
        if (msg.sender != address(this) && msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    /// The whole call fails; book, margin, funding and fees are as before.
    function openAndRevert(address market, uint256 size, uint256 leverage, bool isLong)
        external
        onlyOwnerOrSelf
    {
        revert Regretted(PERP.openPosition(market, size, leverage, isLong));
    }

    /// Opens a position, lets an inner frame open one and revert, and opens another. The inner
    /// one is gone; its id goes to the position after it.
    /// @return firstId The position before the inner frame.
    /// @return reason What the inner frame reverted with: `Regretted`, if it could open.
    /// @return lastId The position after it.
    function openAroundRevert(address market, uint256 size, uint256 leverage, bool isLong)
        external
        onlyOwner
        returns (uint256 firstId, bytes memory reason, uint256 lastId)
    {
        firstId = PERP.openPosition(market, size, leverage, isLong);
        try this.openAndRevert(market, size, leverage, isLong) {}
        catch (bytes memory innerReason) {
            reason = innerReason;
        }
        lastId = PERP.openPosition(market, size, leverage, isLong);
    }
}
