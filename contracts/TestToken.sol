// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "./IERC20.sol";

/// @title A well-behaved ERC-20 that anyone may mint, for test chains.
/// @notice Errors are those of ERC-6093. An allowance of 2^256 - 1 is never used up.
/// @dev The code has no immutables, so a genesis can place `deployedBytecode` at an address and
/// write the state itself:
///
///   slot 0  balanceOf    mapping: keccak256(pad32(account) . pad32(0))
///   slot 1  allowance    mapping: keccak256(pad32(spender) . keccak256(pad32(owner) . pad32(1)))
///   slot 2  totalSupply  uint256
///   slot 3  name         string; up to 31 bytes: the bytes left-aligned, 2 * length in the last
///   slot 4  symbol       string, likewise
///   slot 5  decimals     uint8
contract TestToken is IERC20 {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    uint256 public totalSupply;
    string public name;
    string public symbol;
    uint8 public decimals;

    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InvalidReceiver(address receiver);

    constructor(string memory name_, string memory symbol_, uint8 decimals_) {
        name = name_;
        symbol = symbol_;
        decimals = decimals_;
    }

    function mint(address to, uint256 value) external {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        _spendAllowance(from, value);
        return _move(from, to, value);
    }

    function _spendAllowance(address from, uint256 value) internal {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed == type(uint256).max) return;
        if (allowed < value) revert ERC20InsufficientAllowance(msg.sender, allowed, value);
        allowance[from][msg.sender] = allowed - value;
    }

    /// Carries out a transfer; tokens that misbehave override it.
    function _move(address from, address to, uint256 value) internal virtual returns (bool) {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        uint256 balance = balanceOf[from];
        if (balance < value) revert ERC20InsufficientBalance(from, balance, value);
        balanceOf[from] = balance - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
        return true;
    }
}
