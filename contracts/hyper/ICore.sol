// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ICoreErrors} from "./ICoreErrors.sol";

/// @title What HyperCore tells of actions, at 0x0000000000000000000000000000000000000D03.
/// @notice Only this chain has it: on Hyperliquid nobody says why an action did nothing.
interface ICore is ICoreErrors {
    /// @notice An action was looked at: once, or for one that waits when it is queued and when its
    /// time has come.
    /// @param user Who acts.
    /// @param sequence Of the action; both receipts of one that waits have the same.
    /// @param source Hash of the EVM transaction that sent it.
    /// @param action Its id; 0 for a transfer from the EVM.
    /// @param outcome 0 done, 1 queued, 2 dropped, 3 done in part.
    /// @param orderId The order that was placed or cancelled; 0 for none.
    /// @param reason The encoded error of one that was dropped: of this interface, ISpot or IPerp.
    event ActionReceipt(
        address indexed user,
        uint256 indexed sequence,
        bytes32 indexed source,
        uint24 action,
        uint8 outcome,
        uint64 orderId,
        bytes reason
    );
}
