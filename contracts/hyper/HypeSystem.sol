// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title What stands at 0x2222222222222222222222222222222222222222.
/// @notice HYPE sent here is credited to its sender's spot balance on HyperCore after the block.
contract HypeSystem {
    /// @param user Who sent it, and is credited.
    /// @param amount In wei, of which HyperCore keeps eight decimals.
    event Received(address indexed user, uint256 amount);

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }
}
