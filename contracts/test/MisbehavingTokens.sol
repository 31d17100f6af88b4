// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {TestToken} from "../TestToken.sol";

// Tokens an exchange meets in the wild, one trait each. All can be minted by anyone, and the
// exchange must refuse all but the last.

/// @title Keeps one percent of every transfer.
contract FeeOnTransferToken is TestToken("Fee on transfer", "FEE", 18) {
    function _move(address from, address to, uint256 value) internal override returns (bool) {
        uint256 fee = value / 100;
        return super._move(from, address(this), fee) && super._move(from, to, value - fee);
    }
}

/// @title Answers false and moves nothing.
contract FalseReturningToken is TestToken("Returns false", "FALSE", 18) {
    function _move(address, address, uint256) internal pure override returns (bool) {
        return false;
    }
}

/// @title Answers true and moves nothing.
contract IdleToken is TestToken("Moves nothing", "IDLE", 18) {
    function _move(address, address, uint256) internal pure override returns (bool) {
        return true;
    }
}

/// @title Reverts on every transfer.
contract RevertingToken is TestToken("Reverts", "REVERT", 18) {
    error TransfersForbidden();

    function _move(address, address, uint256) internal pure override returns (bool) {
        revert TransfersForbidden();
    }
}

/// @title Burns all the gas it is given on every transfer.
contract GasBurningToken is TestToken("Burns gas", "BURN", 18) {
    function _move(address, address, uint256) internal pure override returns (bool) {
        assembly {
            invalid()
        }
    }
}

/// @title Calls `target` before every transfer, which it then makes as it should.
/// @notice The exchange must refuse the inner call and may accept the transfer. The inner call
/// comes from the token, so it can only touch what the token itself has on the exchange.
contract ReenteringToken is TestToken("Reenters", "REENTER", 18) {
    address public target;
    bytes public payload;
    /// Whether the last call succeeded.
    bool public succeeded;
    /// What the last call returned or reverted with.
    bytes public result;

    function setCall(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    function _move(address from, address to, uint256 value) internal override returns (bool) {
        (succeeded, result) = target.call(payload);
        return super._move(from, to, value);
    }
}
