// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ICoreWriter} from "./ICoreWriter.sol";

/// @title What stands at 0x3333333333333333333333333333333333333333.
/// @dev The rounds only use gas up, 46 each, so that an action costs what it costs on HyperEVM.
contract CoreWriter is ICoreWriter {
    uint256 private constant ROUNDS = 493;

    /// @inheritdoc ICoreWriter
    function sendRawAction(bytes calldata data) external {
        unchecked {
            for (uint256 round = ROUNDS; round != 0; --round) {
                // Without a store the optimizer would leave the work out.
                assembly ("memory-safe") {
                    mstore(0, gas())
                }
            }
        }
        emit RawAction(msg.sender, data);
    }
}
