// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "../IERC20.sol";
import {PERP} from "../IPerp.sol";
import {ExchangeAccount} from "./ExchangeAccount.sol";

/// @title A contract with an account on both exchanges, run by whoever deployed it.
/// @notice The two accounts are apart: the collateral goes through this contract, which
/// `depositCollateral` takes it from and `withdrawCollateral` brings it back to.
abstract contract PerpAccount is ExchangeAccount {
    function depositCollateral(uint256 amount) external onlyOwner {
        IERC20(PERP.collateral()).approve(address(PERP), amount);
        PERP.deposit(amount);
    }

    function withdrawCollateral(uint256 amount) external onlyOwner {
        PERP.withdraw(amount);
    }

    /// How orders in `market` are margined; `openPosition` takes a leverage of its own.
    function setLeverage(address market, uint256 leverage, bool isCross) external onlyOwner {
        PERP.setLeverage(market, leverage, isCross);
    }
}
