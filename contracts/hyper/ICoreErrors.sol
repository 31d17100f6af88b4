// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title Why an action did nothing, beside the errors of ISpot and IPerp.
/// @notice Nothing reverts with them: an action that is dropped has been logged already. They are
/// the reasons in its receipt.
interface ICoreErrors {
    /// The bytes are no encoding of the action's fields; `offset` is the byte that shows it.
    error MalformedAction(uint256 offset);
    /// Only version 1 is known.
    error UnknownActionVersion(uint8 version);
    /// There is no action of that id.
    error UnknownAction(uint24 action);

    /// More than five significant figures, or more than `maxDecimals`. Price times 1e8.
    error InvalidPrice(uint256 price, uint256 maxDecimals);
    /// Zero, or finer than `sizeDecimals`. Size times 1e8.
    error InvalidSize(uint256 size, uint256 sizeDecimals);
}
