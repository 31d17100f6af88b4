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

    /// @notice The same into the caller's own account, of USDC that it has signed over to this
    /// contract (EIP-3009), so that no approval is needed.
    function depositWithAuth(
        uint256 amount,
        uint256 authValidAfter,
        uint256 authValidBefore,
        bytes32 authNonce,
        uint8 v,
        bytes32 r,
        bytes32 s,
        uint32 destinationDex
    ) external;

    /// @notice Send on to another chain what left HyperCore with that wish; only the system address
    /// of token 0 may. There is no other chain here: the USDC is put out of reach.
    /// @param from The account on HyperCore that it is from.
    /// @param destinationRecipient Whose it is to be there.
    /// @param destinationChainId Domain of the other chain in Circle's numbering.
    /// @param coreNonce Nonce of the action on HyperCore.
    /// @param data What the receiver is handed.
    function coreReceiveWithData(
        address from,
        bytes32 destinationRecipient,
        uint32 destinationChainId,
        uint256 amount,
        uint64 coreNonce,
        bytes calldata data
    ) external;

    /// @notice Pay out what left HyperCore; only the system address of token 0 may.
    function transfer(address to, uint256 amount) external returns (bool);
}
