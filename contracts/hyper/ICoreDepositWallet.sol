// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title The way of native USDC between HyperEVM and HyperCore.
/// @notice It is the contract linked to token 0. Amounts have six decimals.
interface ICoreDepositWallet {
    /// @notice Pay USDC that the caller has approved into its own account on HyperCore.
    /// @param amount At most (2^64 - 1) / 100; for a perpetuals dex more than the fee of a new
    /// account, if there is none yet.
    /// @param destinationDex 2^32 - 1 for the spot wallet, or a perpetuals dex.
    function deposit(uint256 amount, uint32 destinationDex) external;

    /// @notice The same into another's account.
    function depositFor(address recipient, uint256 amount, uint32 destinationDex) external;

    /// @notice Pay out what left HyperCore; only the system address of token 0 may.
    function transfer(address to, uint256 amount) external returns (bool);
}
