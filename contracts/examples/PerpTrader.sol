// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "../IPerp.sol";
import {PerpAccount} from "./PerpAccount.sol";

/// @title Opens and closes positions for its owner, from its own account on the exchange.
contract PerpTrader is PerpAccount {
    function open(address market, uint256 size, uint256 leverage, bool isLong)
        external
        onlyOwner
        returns (uint256 positionId)
    {
        return PERP.openPosition(market, size, leverage, isLong);
    }

    /// Goes on where the exchange refuses: a refusal has changed nothing.
    /// @return positionId Zero where it refused.
    /// @return reason The error it refused with, selector first; empty where it did not.
    function tryOpen(address market, uint256 size, uint256 leverage, bool isLong)
        external
        onlyOwner
        returns (uint256 positionId, bytes memory reason)
    {
        try PERP.openPosition(market, size, leverage, isLong) returns (uint256 id) {
            positionId = id;
        } catch (bytes memory refusal) {
            reason = refusal;
        }
    }

    /// @return pnl What the price has gained or lost, before fees and funding.
    function close(uint256 positionId) external onlyOwner returns (int256 pnl) {
        return PERP.closePosition(positionId);
    }
}
