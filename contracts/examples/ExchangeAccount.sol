// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "../IERC20.sol";
import {SPOT} from "../ISpot.sol";

/// @title A contract with an account on the exchange, run by whoever deployed it.
/// @notice On the exchange the account is this contract's address. Send tokens or the native coin
/// here, then `deposit`; after `withdraw` they are back here, and `collect` pays them out.
abstract contract ExchangeAccount {
    address public immutable owner = msg.sender;

    error NotOwner(address caller);
    error PaymentFailed(address to);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    /// Takes the native coin, from anyone and from the exchange on `withdraw`.
    receive() external payable {}

    function deposit(address token, uint256 amount) external onlyOwner {
        IERC20(token).approve(address(SPOT), amount);
        SPOT.deposit(token, amount);
    }

    function depositNative(uint256 amount) external onlyOwner {
        SPOT.depositNative{value: amount}();
    }

    /// @param token `NATIVE_COIN` for the native coin.
    function withdraw(address token, uint256 amount) external onlyOwner {
        SPOT.withdraw(token, amount);
    }

    function collect(address token, uint256 amount) external onlyOwner {
        if (!IERC20(token).transfer(owner, amount)) revert PaymentFailed(owner);
    }

    function collectNative(uint256 amount) external onlyOwner {
        (bool success,) = owner.call{value: amount}("");
        if (!success) revert PaymentFailed(owner);
    }
}
