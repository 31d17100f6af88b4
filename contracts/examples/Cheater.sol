// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {SPOT} from "../ISpot.sol";

/// @title Every trick to make an exchange do what it must not. None may work.
/// @notice `payload` is a call of any method, e.g. `abi.encodeCall(ISpot.placeOrder, (...))`.
/// Each function returns whether the exchange fell for it, and what it answered.
contract Cheater {
    /// `SPOT` or `PERP`.
    address public immutable exchange;
    bytes private _payload;
    bool private _succeeded;
    bytes private _result;
    uint256 private _received;

    constructor(address exchange_) {
        exchange = exchange_;
    }

    /// Acts as its own caller: under DELEGATECALL `msg.sender` stays who called this contract.
    /// Answer: `DelegateCallNotAllowed`.
    function byDelegatecall(bytes calldata payload)
        external
        returns (bool succeeded, bytes memory result)
    {
        return exchange.delegatecall(payload);
    }

    /// The older form of the same, which Solidity itself no longer has.
    /// Answer: `DelegateCallNotAllowed`.
    function byCallcode(bytes memory payload)
        external
        returns (bool succeeded, bytes memory result)
    {
        address callee = exchange;
        assembly {
            succeeded := callcode(gas(), callee, 0, add(payload, 32), mload(payload), 0, 0)
            result := mload(0x40)
            mstore(0x40, add(result, and(add(returndatasize(), 63), not(31))))
            mstore(result, returndatasize())
            returndatacopy(add(result, 32), 0, returndatasize())
        }
    }

    /// Changes state from where nothing may change. Answer: `StaticCallNotAllowed`.
    function byStaticcall(bytes calldata payload)
        external
        view
        returns (bool succeeded, bytes memory result)
    {
        return exchange.staticcall(payload);
    }

    /// Sends the native coin to a method that does not take it. Answer: `ValueNotAccepted`.
    function withValue(bytes calldata payload)
        external
        payable
        returns (bool succeeded, bytes memory result)
    {
        return exchange.call{value: msg.value}(payload);
    }

    /// Calls the exchange from within a deposit on the spot exchange, when this contract, as the
    /// token, is asked to transfer. Answer: `ReentrantCall`, on either exchange; the deposit itself
    /// goes through.
    function byReentrancy(bytes calldata payload)
        external
        returns (bool succeeded, bytes memory result)
    {
        _payload = payload;
        SPOT.deposit(address(this), 1);
        return (_succeeded, _result);
    }

    /// The token that `byReentrancy` deposits: only the exchange ever has any.
    function balanceOf(address account) external view returns (uint256) {
        return account == address(SPOT) ? _received : 0;
    }

    /// The token's callback, where the trick happens.
    function transferFrom(address, address, uint256 value) external returns (bool) {
        (_succeeded, _result) = exchange.call(_payload);
        _received += value;
        return true;
    }
}
