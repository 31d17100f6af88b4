// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IExchangeErrors} from "./IExchangeErrors.sol";

/// @title Everything the spot exchange reverts with.
/// @notice Most is inherited, as the perpetuals exchange says the same.
interface ISpotErrors is IExchangeErrors {
    /// `available` leaves out what is on hold for resting orders.
    error InsufficientBalance(address token, uint256 available, uint256 needed);
    /// `replaceOrder` needs a total above what is already filled.
    error AmountBelowFilled(uint256 amount, uint256 filled);
}
